//! A monotonic clock that costs a few nanoseconds, for ages that nobody needs to the millisecond.

use std::time::Duration;

use coarsetime::Instant;

/// A moment of this process's monotonic clock, up to ten milliseconds behind: the kernel's last tick.
///
/// It never goes back, whatever happens to the machine's clock, and costs a tenth of [`std::time::Instant`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(u64);

impl Ticks {
    /// Before all others.
    pub const ZERO: Self = Self(0);

    /// After all others.
    pub const NEVER: Self = Self(u64::MAX);

    /// The last tick.
    pub fn now() -> Self {
        Self(Instant::now().as_ticks())
    }

    /// From the number that [`Ticks::get`] answered in this process.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// A number that grows with the time.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// So much later; [`Ticks::NEVER`] at most.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(coarsetime::Duration::from(span).as_ticks()),
        )
    }

    /// So much earlier; [`Ticks::ZERO`] at least.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(coarsetime::Duration::from(span).as_ticks()),
        )
    }

    /// The time from `earlier` until here; zero where it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        coarsetime::Duration::from_ticks(self.0.saturating_sub(earlier.0)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_come_back_and_nothing_overflows() {
        let now = Ticks::now();
        let later = now.after(Duration::from_millis(1_500));
        let span = later.since(now);
        assert!(span.abs_diff(Duration::from_millis(1_500)) < Duration::from_millis(1));
        assert_eq!(now.since(later), Duration::ZERO);
        assert!(Ticks::NEVER.after(Duration::from_secs(1)) == Ticks::NEVER);
        assert!(Ticks::now() >= now);
        let early = now.before(Duration::from_millis(1_500));
        assert!(now.since(early).abs_diff(span) < Duration::from_millis(1));
        assert!(Ticks::ZERO.before(span) == Ticks::ZERO);
    }
}
