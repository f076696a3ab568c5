//! Time and ids as arguments, so that tests set them and never sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

use crate::Ticks;

/// Where the current instant comes from.
///
/// Instants are cut to microseconds, the precision that both databases store, so a value read back equals the
/// value written.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `now` until [`Clock::set`] or [`Clock::advance`] moves it; clones share it.
    pub fn manual(now: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(
            now.as_microsecond(),
        ))))
    }

    /// The current instant, in whole microseconds.
    pub fn now(&self) -> Timestamp {
        let micros = match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that asks the machine"
            )]
            Source::System => Timestamp::now().as_microsecond(),
            Source::Manual(micros) => micros.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).expect("an instant taken from a Timestamp is in range")
    }

    /// The same moment as a tick: cheap, for ages.
    pub fn ticks(&self) -> Ticks {
        match &self.0 {
            Source::System => Ticks::now(),
            Source::Manual(micros) => {
                let micros = micros.load(Ordering::SeqCst).max(0).unsigned_abs();
                Ticks::ZERO.after(std::time::Duration::from_micros(micros))
            }
        }
    }

    /// Puts a manual clock to `now`; the machine's clock is left alone.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(micros) = &self.0 {
            micros.store(now.as_microsecond(), Ordering::SeqCst);
        }
    }

    /// Moves a manual clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: std::time::Duration) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_add(
                i64::try_from(by.as_micros()).unwrap_or(i64::MAX),
                Ordering::SeqCst,
            );
        }
    }
}

/// Where new ids come from.
#[derive(Clone, Debug, Default)]
pub struct Ids(IdSource);

#[derive(Clone, Debug, Default)]
enum IdSource {
    #[default]
    Random,
    Counting(Arc<AtomicI64>),
}

impl Ids {
    /// Version 7 UUIDs: in order of time, random within a millisecond.
    pub const fn random() -> Self {
        Self(IdSource::Random)
    }

    /// 1, 2, 3 … as UUIDs, for tests whose answers are compared as text.
    pub fn counting() -> Self {
        Self(IdSource::Counting(Arc::new(AtomicI64::new(0))))
    }

    /// A new id.
    pub fn uuid(&self) -> Uuid {
        match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that makes ids"
            )]
            IdSource::Random => Uuid::now_v7(),
            IdSource::Counting(last) => {
                let next = last.fetch_add(1, Ordering::Relaxed) + 1;
                Uuid::from_u128(u128::from(next.unsigned_abs()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
        let shared = clock.clone();
        clock.advance(Duration::from_secs(90));
        assert_eq!(shared.now().to_string(), "2026-03-07T12:01:30Z");
    }

    #[test]
    fn counting_ids_count() {
        let ids = Ids::counting();
        assert_eq!(ids.uuid().as_u128(), 1);
        assert_eq!(ids.clone().uuid().as_u128(), 2);
    }
}
