//! Reads of one moment go as one MGET.
//!
//! No timer gathers them: who comes first starts a task that sends them when a round of the scheduler brought nobody new.
//! A lone caller waits for a round or two, and a hundred that are ready together share one round trip. While as many are
//! under way as may be, callers gather for the next.

use std::sync::{Arc, Mutex, MutexGuard};

use redis::Value;
use tokio::sync::{Semaphore, oneshot};

use super::link::Link;
use crate::stats::Count;

/// Keys of one MGET; the server does nothing else meanwhile.
const MOST_KEYS: usize = 512;

/// MGETs under way at once; past that, more of them only take longer.
const UNDER_WAY: usize = 4;

/// Rounds of the scheduler that must bring nobody new.
const QUIET_ROUNDS: u32 = 2;

const POISONED: &str = "no holder of this lock can panic";

/// What is there under a key.
#[derive(Debug)]
pub(super) enum Found {
    Value(Vec<u8>),
    Nothing,
    /// The server is away.
    Unknown,
}

type Waiting = (Arc<str>, oneshot::Sender<Found>);

/// The reads that wait.
#[derive(Debug)]
pub(super) struct Reads {
    waiting: Mutex<Vec<Waiting>>,
    flights: Semaphore,
    pub(super) keys: Count,
    pub(super) commands: Count,
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            flights: Semaphore::new(UNDER_WAY),
            keys: Count::default(),
            commands: Count::default(),
        }
    }
}

impl Reads {
    /// What is there under `key`.
    pub(super) async fn get(self: &Arc<Self>, link: &Arc<Link>, key: &Arc<str>) -> Found {
        if !link.is_up() {
            link.counts.skipped.one();
            return Found::Unknown;
        }
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            waiting.push((Arc::clone(key), answer));
            waiting.len() == 1
        };
        if is_first {
            let (this, link) = (Arc::clone(self), Arc::clone(link));
            tokio::spawn(async move { this.send(&link).await });
        }
        answered.await.unwrap_or(Found::Unknown)
    }

    async fn send(&self, link: &Link) {
        let gathering = Gathering(self);
        let (mut quiet, mut before) = (0, 0);
        while quiet < QUIET_ROUNDS {
            tokio::task::yield_now().await;
            let now = self.waiting().len();
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
        }
        let _flight = self.flights.acquire().await;
        let mut all = gathering.end();
        // Whoever went away meanwhile needs no answer.
        all.retain(|(_, answer)| !answer.is_closed());
        let mut parts = Vec::new();
        while !all.is_empty() {
            let rest = all.split_off(all.len().min(MOST_KEYS));
            parts.push(self.ask(link, std::mem::replace(&mut all, rest)));
        }
        futures::future::join_all(parts).await;
    }

    async fn ask(&self, link: &Link, part: Vec<Waiting>) {
        let mut command = redis::cmd("MGET");
        for (key, _) in &part {
            command.arg(&**key);
        }
        self.keys.add(u64::try_from(part.len()).unwrap_or_default());
        self.commands.one();
        let mut values = match link.ask(&command).await {
            Some(Value::Array(values)) if values.len() == part.len() => values.into_iter(),
            _ => Vec::new().into_iter(),
        };
        for (_, answer) in part {
            let found = match values.next() {
                Some(Value::BulkString(bytes)) => Found::Value(bytes),
                Some(Value::Nil) => Found::Nothing,
                _ => Found::Unknown,
            };
            // The caller may be gone.
            drop(answer.send(found));
        }
    }

    /// Those who wait; whoever comes next starts a task again.
    fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().expect(POISONED)
    }
}

/// However a task ends, nobody is left waiting for it.
struct Gathering<'a>(&'a Reads);

impl Gathering<'_> {
    fn end(self) -> Vec<Waiting> {
        let waiting = self.0.take();
        std::mem::forget(self);
        waiting
    }
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}
