//! Tells the workers of this process about jobs that this process enqueued.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

/// One kind's bell; it keeps one ring that nobody has heard yet.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    notify: Notify,
    /// The earliest start of a job that this process enqueued for later.
    next: Mutex<Option<Timestamp>>,
}

impl Signal {
    /// There is a job that may start at `run_at`.
    pub(crate) fn ring(&self, run_at: Timestamp, now: Timestamp) {
        if run_at > now {
            let mut next = self.next();
            *next = Some(next.map_or(run_at, |at| at.min(run_at)));
        }
        self.notify.notify_one();
    }

    /// Waits for a ring, for the next known start, or for `idle`; answers whether there is reason to expect work.
    pub(crate) async fn wait(&self, idle: Duration, now: Timestamp) -> bool {
        let until_next = {
            let mut next = self.next();
            match *next {
                Some(at) if at <= now => {
                    *next = None;
                    return true;
                }
                Some(at) => Some(Duration::try_from(at.duration_since(now)).unwrap_or(idle)),
                None => None,
            }
        };
        let rest = until_next.map_or(idle, |left| left.min(idle));
        tokio::time::timeout(rest, self.notify.notified())
            .await
            .is_ok()
            || until_next.is_some_and(|left| left <= idle)
    }

    fn next(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.next
            .lock()
            .expect("no holder of the signal's lock can panic")
    }
}

/// The bells by kind; as many as there are kinds in the program.
#[derive(Debug, Default)]
pub(crate) struct Signals(Mutex<HashMap<&'static str, Arc<Signal>>>);

impl Signals {
    pub(crate) fn of(&self, kind: &'static str) -> Arc<Signal> {
        let mut signals = self
            .0
            .lock()
            .expect("no holder of the list of signals can panic");
        Arc::clone(signals.entry(kind).or_default())
    }
}
