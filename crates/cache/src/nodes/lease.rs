//! Of the nodes that miss one key, one loads; the others wait for what it writes.
//!
//! The lease is a key that lives for two seconds. Who finds it taken leaves a mark in it and waits for news, looking again
//! from time to time in case there are none; after the lease's life it loads by itself. So a node that dies with a lease,
//! or a load that takes long, costs the others two seconds at most, and only those who asked meanwhile. A node does not wait
//! for itself: that it asks again means that its own load was overtaken by a change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::Value;
use tokio::time::timeout;
use xxhash_rust::xxh3::xxh3_64;

use super::reads::Found;
use super::signals::Signal;
use super::{Nodes, Spot};

/// How long a lease lives, and how long is waited for its holder.
const LIFE: Duration = Duration::from_secs(2);

/// How often is looked again where no news come.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Takes the lease and answers what is there by now. Where another node has it, leaves a mark in it; that is put where the
/// lease was, which must not outlive it. Whose a lease is stands at its beginning.
const TAKE: &str = "
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return {1, redis.call('GET', KEYS[2])}
end
local held = redis.call('GET', KEYS[1])
if string.sub(held, 1, #ARGV[3]) == ARGV[3] then return {2} end
redis.call('APPEND', KEYS[1], '+')
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {0}";

/// The right to load an entry for all nodes. Dropped, it is given back.
pub(crate) struct Lease {
    nodes: Arc<Nodes>,
    spot: Spot,
    token: String,
}

impl Lease {
    /// The token, for whoever gives the lease back together with an entry.
    pub(super) fn into_token(mut self) -> String {
        std::mem::take(&mut self.token)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.token.is_empty() {
            self.nodes.writes.put(&self.spot, None, &self.token);
        }
    }
}

/// One caller's way to an entry.
pub(crate) struct Turn {
    nodes: Arc<Nodes>,
    spot: Spot,
    step: Step,
    /// Hears of the entry once another was seen to load it; since when.
    waiting: Option<(Signal, Instant)>,
    /// How long that is waited for at most.
    patience: Duration,
    /// The value that was not good for us, as a sum.
    refused: Option<u64>,
    lease: Option<Lease>,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Look,
    Take,
    Wait,
    Load,
}

impl Turn {
    /// `patience` is how long a load may take here.
    pub(crate) fn of(nodes: &Arc<Nodes>, spot: Spot, patience: Duration) -> Self {
        Self {
            nodes: Arc::clone(nodes),
            spot,
            step: Step::Look,
            waiting: None,
            patience: patience.min(LIFE),
            refused: None,
            lease: None,
        }
    }

    /// The next value that may be good; none when this node should load.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let (step, found) = match self.step {
                Step::Look => (Step::Take, self.look().await),
                Step::Take => self.take().await,
                Step::Wait => (self.wait().await, Found::Nothing),
                Step::Load => return None,
            };
            self.step = step;
            match found {
                Found::Value(value) => {
                    let sum = Some(xxh3_64(&value));
                    if self.refused != sum {
                        self.refused = sum;
                        return Some(value);
                    }
                }
                Found::Nothing => {}
                Found::Unknown => self.step = Step::Load,
            }
        }
    }

    /// The lease, where this node has it.
    pub(crate) fn into_lease(self) -> Option<Lease> {
        self.lease
    }

    async fn look(&self) -> Found {
        let nodes = &self.nodes;
        nodes.reads.get(&nodes.link, &self.spot.key).await
    }

    async fn take(&mut self) -> (Step, Found) {
        let (nodes, spot) = (&self.nodes, &self.spot);
        // Before the mark: news that come right after it must not be missed.
        let signal = match self.waiting.take() {
            Some(waiting) => waiting,
            None => (nodes.signals.listen(&spot.name), Instant::now()),
        };
        let token = format!("{}{:032x}", nodes.id, fastrand::u128(..));
        let mut command = redis::cmd("EVAL");
        command.arg(TAKE).arg(2).arg(&spot.lock).arg(&*spot.key);
        command.arg(&token).arg(LIFE.as_millis().to_string());
        command.arg(&nodes.id);
        // Should the answer be lost, the lease is given back although it may be another's: the token tells.
        let lease = Lease {
            nodes: Arc::clone(nodes),
            spot: spot.clone(),
            token,
        };
        let Some(Value::Array(answer)) = nodes.link.ask(&command).await else {
            return (Step::Load, Found::Unknown);
        };
        if let [Value::Int(1), value] = answer.as_slice() {
            self.lease = Some(lease);
            let found = match value {
                Value::BulkString(bytes) => Found::Value(bytes.clone()),
                _ => Found::Nothing,
            };
            (Step::Load, found)
        } else if let [Value::Int(2)] = answer.as_slice() {
            drop(lease.into_token());
            (Step::Load, Found::Nothing)
        } else {
            drop(lease.into_token());
            self.waiting = Some(signal);
            (Step::Wait, Found::Nothing)
        }
    }

    async fn wait(&mut self) -> Step {
        let Some((signal, since)) = &mut self.waiting else {
            return Step::Load;
        };
        let Some(left) = self.patience.checked_sub(since.elapsed()) else {
            return Step::Load;
        };
        drop(timeout(left.min(LOOK_AGAIN), signal.next()).await);
        // What woke us may be an entry, or a lease that was given back without one.
        Step::Look
    }
}
