//! Chance that can be had again: `BRISK_TEST_SEED` repeats what a failed test has printed.

use std::io::Write as _;

/// Whether the long forms are asked for.
pub fn is_full() -> bool {
    std::env::var_os("BRISK_TEST_FULL").is_some_and(|v| v != "0")
}

/// Where all the chance of one test comes from; printed when the test fails.
#[derive(Debug)]
pub struct Seed(pub u64);

impl Seed {
    /// The one that is asked for, else a new one.
    pub fn draw() -> Self {
        let given = std::env::var("BRISK_TEST_SEED").ok();
        let parsed = |seed: String| seed.parse().expect("BRISK_TEST_SEED is a number");
        Self(given.map_or_else(|| fastrand::u64(..), parsed))
    }

    /// A generator for one of those who draw, so that they do not disturb each other.
    pub fn rng(&self, who: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.0 ^ who.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut out = std::io::stderr();
            drop(writeln!(
                out,
                "\nBRISK_TEST_SEED={} repeats this test's chance",
                self.0
            ));
        }
    }
}
