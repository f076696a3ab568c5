//! Chance that can be had again: `BRISK_TEST_SEED` repeats what a failed test has printed.

use std::io::Write as _;

/// Whether the long forms are asked for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("BRISK_TEST_FULL").is_some_and(|v| v != "0")
}

/// Where all the chance of one test comes from; printed when the test fails.
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    pub(crate) fn draw() -> Self {
        let given = std::env::var("BRISK_TEST_SEED").ok();
        Self(given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap()))
    }

    /// A generator for one of those who draw, so that they do not disturb each other.
    pub(crate) fn rng(&self, who: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0 ^ who.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut out = std::io::stderr();
            drop(writeln!(
                out,
                "\nBRISK_TEST_SEED={} repeats this test's faults",
                self.0
            ));
        }
    }
}
