//! One deadline per piece of work: set at the edge, only ever shortened on the way down.

use std::time::{Duration, Instant};

/// The instant after which nobody waits for the answer any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Work that may take as long as it takes: imports, migrations, shutdown.
    pub const NONE: Self = Self(None);

    /// `span` from now.
    pub fn after(span: Duration) -> Self {
        Self(Instant::now().checked_add(span))
    }

    /// The earlier of this deadline and `span` from now.
    #[must_use]
    pub fn shortened(self, span: Duration) -> Self {
        match (self.0, Self::after(span).0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// The instant itself; `None` when there is no end.
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }

    /// What is left; zero when it has passed, `None` when there is no end.
    pub fn remaining(self) -> Option<Duration> {
        self.0
            .map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Whether it has passed.
    pub fn is_over(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_only_ever_shortened() {
        let long = Deadline::after(Duration::from_hours(1));
        let short = long.shortened(Duration::from_secs(1));
        assert!(short.instant() < long.instant());
        assert_eq!(short.shortened(Duration::from_mins(1)), short);
        assert!(Deadline::NONE.shortened(Duration::ZERO).is_over());
    }
}
