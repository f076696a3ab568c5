//! How long each statement took lately, so that one that proves slow gets out of the way of the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::statement::{Call, CallText};

/// Built texts that are remembered; past that all of them are learnt anew.
const BUILT_TEXTS: usize = 512;

/// The recent times of all statements of one database.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: Duration,
    // Std mutexes: held for a look-up only, never across an await.
    /// By where the text lies.
    declared: Mutex<HashMap<(usize, usize), Arc<Recent>>>,
    built: Mutex<HashMap<String, Arc<Recent>>>,
}

/// The recent times of one statement.
#[derive(Debug)]
pub(crate) struct Recent {
    name: &'static str,
    limit_us: u64,
    /// A running mean in which the latest run counts half.
    mean_us: AtomicU64,
    slow: AtomicBool,
}

impl Pace {
    /// Statements are slow above `limit`, and fast again below half of it; zero is no limit.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit: if limit.is_zero() {
                Duration::MAX
            } else {
                limit
            },
            declared: Mutex::default(),
            built: Mutex::default(),
        }
    }

    pub(crate) fn of(&self, call: &Call) -> Arc<Recent> {
        match &call.text {
            CallText::Declared { postgres, .. } => {
                let key = (postgres.as_ptr().addr(), postgres.len());
                look_up(&self.declared, &key, usize::MAX, || self.recent(call.name))
            }
            CallText::Built(text) => {
                look_up(&self.built, text, BUILT_TEXTS, || self.recent(call.name))
            }
        }
    }

    fn recent(&self, name: &'static str) -> Recent {
        Recent {
            name,
            limit_us: micros(self.limit),
            mean_us: AtomicU64::new(0),
            slow: AtomicBool::new(false),
        }
    }
}

fn look_up<K: Clone + Eq + Hash>(
    known: &Mutex<HashMap<K, Arc<Recent>>>,
    key: &K,
    most: usize,
    new: impl FnOnce() -> Recent,
) -> Arc<Recent> {
    let mut known = known.lock().expect("no holder of this lock can panic");
    if let Some(recent) = known.get(key) {
        return Arc::clone(recent);
    }
    if known.len() >= most {
        known.clear();
    }
    let recent = Arc::new(new());
    known.insert(key.clone(), Arc::clone(&recent));
    recent
}

impl Recent {
    pub(crate) fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    /// Notes a run. A single one, however long, proves nothing: it counts for one and a half of the limit at most.
    pub(crate) fn note(&self, took: Duration) {
        let took = micros(took).min(self.limit_us.saturating_add(self.limit_us / 2));
        // Two runs at once may lose one of them, which the next ones make up for.
        let mean = u64::midpoint(self.mean_us.load(Ordering::Relaxed), took);
        self.mean_us.store(mean, Ordering::Relaxed);
        let (name, mean_ms) = (self.name, mean / 1_000);
        if mean > self.limit_us {
            if !self.slow.swap(true, Ordering::Relaxed) {
                tracing::info!(
                    statement = name,
                    mean_ms,
                    "a statement proves slow and is run apart"
                );
            }
        } else if mean < self.limit_us / 2 && self.slow.swap(false, Ordering::Relaxed) {
            tracing::info!(statement = name, mean_ms, "a statement is fast again");
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_slow_runs_prove_it_and_fast_ones_the_contrary() {
        let recent = Pace::new(Duration::from_millis(100)).recent("test");
        let noted = |times: &[u64]| {
            for ms in times {
                recent.note(Duration::from_millis(*ms));
            }
            recent.is_slow()
        };
        assert!(!noted(&[1, 1, 60_000]));
        assert!(noted(&[60_000]));
        assert!(noted(&[90, 90]));
        assert!(noted(&[10]));
        assert!(!noted(&[1]));
        assert!(!noted(&[99, 99, 99, 99, 99, 99]));
        let never = Pace::new(Duration::ZERO).recent("test");
        for _ in 0..9 {
            never.note(Duration::from_hours(1));
        }
        assert!(!never.is_slow());
    }
}
