//! An open loop: questions come on a schedule, whether the earlier ones are answered or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::closed::{Caller, Outcome};
use crate::rounds::float;

/// Asks `per_second` times each second for as long as `time`.
///
/// A question counts from the moment it was due, so that a stall is seen by all that came in it. The clock of the
/// runtime ticks each millisecond, so a time holds up to one millisecond of ours. Callers bound what is under way at
/// once; where all are busy, the wait for one counts too.
pub(crate) async fn open<C: Caller>(
    callers: Vec<C>,
    per_second: f64,
    time: Duration,
) -> Result<Outcome> {
    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                let mut outcome = Outcome::new();
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let after = Duration::from_secs_f64(float(turn) / per_second);
                    if after >= time {
                        return outcome;
                    }
                    let due = began + after;
                    tokio::time::sleep_until(due.into()).await;
                    let result = caller.call().await;
                    outcome.record(result, due.elapsed());
                }
            })
        })
        .collect();
    let mut sum = Outcome::new();
    for task in tasks {
        sum.add(task.await?);
    }
    sum.over(began.elapsed()).flawless()
}
