//! Schedules: every so often, one node enqueues jobs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::Scope;
use jiff::Timestamp;

use crate::error::{Error, cause};
use crate::job::NewJob;
use crate::queue::Queue;
use crate::statements;
use crate::worker::Shop;

/// How long a schedule sleeps at most before it looks at its row again, which an operator may have changed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

type Make = Arc<dyn Fn(Timestamp) -> Result<Vec<NewJob>, Error> + Send + Sync>;

/// Jobs that are enqueued again and again.
///
/// A tick is taken and its jobs are stored in one transaction, on exactly one node: a tick is never lost with a
/// process and never doubled. Ticks that passed while no node was up are not made good; the next one keeps the rhythm.
#[derive(Clone)]
pub struct Schedule {
    name: &'static str,
    period: Duration,
    make: Make,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("name", &self.name)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

impl Schedule {
    /// Each `period` (at least a millisecond), first as soon as a node is up, enqueue what `make` answers for the tick's instant.
    pub fn every(
        name: &'static str,
        period: Duration,
        make: impl Fn(Timestamp) -> Result<Vec<NewJob>, Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            period: period.max(Duration::from_millis(1)),
            make: Arc::new(make),
        }
    }

    pub(crate) async fn run(self, shop: Shop, queue: Queue) {
        loop {
            let wait = match self.tick(&shop, &queue).await {
                Ok(next) => {
                    let left = next.duration_since(shop.clock.now());
                    Duration::try_from(left).unwrap_or(Duration::ZERO)
                }
                Err(e) => {
                    tracing::warn!(
                        schedule = self.name,
                        error = cause(&e),
                        "a schedule could not be looked at"
                    );
                    shop.config.poll_max
                }
            };
            tokio::select! {
                () = shop.stop.cancelled() => return,
                () = tokio::time::sleep(wait.min(LOOK_AGAIN)) => {}
            }
        }
    }

    /// Takes the tick if it is due and nobody else has; answers when the next one is.
    async fn tick(&self, shop: &Shop, queue: &Queue) -> Result<Timestamp, Error> {
        let session = shop.db.session(Scope::platform("schedule"));
        let now = shop.clock.now();
        let name = || self.name.to_owned();
        let Some(due) = session.run(&statements::SCHEDULED, (name(),)).await? else {
            session.run(&statements::SCHEDULE, (name(), now)).await?;
            return Ok(now);
        };
        if due > now {
            return Ok(due);
        }
        let next = following(due, self.period, now);
        session
            .transaction(async |session| {
                let taken = session
                    .run(&statements::TICK, (name(), due, next, now))
                    .await?;
                if taken == 1 {
                    queue.enqueue(&session, (self.make)(due)?).await?;
                }
                Ok::<_, Error>(())
            })
            .await?;
        Ok(next)
    }
}

/// The first instant after `now` that is a whole number of periods after `due`.
fn following(due: Timestamp, period: Duration, now: Timestamp) -> Timestamp {
    let period = i64::try_from(period.as_micros()).unwrap_or(i64::MAX);
    let passed = now.as_microsecond().saturating_sub(due.as_microsecond());
    let periods = passed.max(0) / period + 1;
    let next = due
        .as_microsecond()
        .saturating_add(periods.saturating_mul(period));
    Timestamp::from_microsecond(next).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_are_skipped_and_the_rhythm_is_kept() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let next = |now| following(at("2026-01-01T00:00:10Z"), Duration::from_mins(1), at(now));
        assert_eq!(next("2026-01-01T00:00:10Z"), at("2026-01-01T00:01:10Z"));
        assert_eq!(next("2026-01-01T00:01:10Z"), at("2026-01-01T00:02:10Z"));
        assert_eq!(next("2026-01-01T00:05:00Z"), at("2026-01-01T00:05:10Z"));
    }
}
