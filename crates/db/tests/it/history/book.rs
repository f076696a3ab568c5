//! What was asked and what was heard.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use brisk_db::Error;
use tokio::sync::Notify;

use super::world::Transfer;

/// One write. Its numbers make it the only one of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// An entry.
    Insert { tenant: i64, id: i64 },
    /// A batch: entries `id` and `id + 1`, and one more in the tenant's shared counter.
    Pair { tenant: i64, id: i64 },
    /// The number of a caller's own counter, which only grows.
    Set { tenant: i64, counter: i64, n: i64 },
    /// One more in the tenant's shared counter.
    Bump { tenant: i64 },
    /// A transaction: from one account to another, with a note of it.
    Transfer(Transfer),
}

/// How it ended, as far as its caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Refused,
    Unknown,
}

impl Outcome {
    /// Faults show themselves as these errors and no others.
    pub(super) fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(Error::Cursor | Error::Overloaded { .. } | Error::Serialization { .. }) => {
                Self::Refused
            }
            Err(Error::Unavailable { .. } | Error::Timeout { .. }) => Self::Unknown,
            Err(other) => panic!("a fault must not look like this: {other:?}"),
        }
    }
}

/// Which way a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Auto-commit: lanes, readers, the group of the writer.
    Single,
    /// A transaction or a batch.
    Whole,
}

/// The notes of all callers.
#[derive(Debug, Default)]
pub(super) struct Book {
    ops: Mutex<Vec<(Op, Outcome)>>,
    /// Written to the output as well, for whoever survives this process.
    aloud: bool,
    healing: Mutex<[Healing; 2]>,
    healed: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct Healing {
    /// When the last fault was over; none once somebody succeeded after it.
    since: Option<Instant>,
    took: Duration,
}

impl Book {
    pub(super) fn read_aloud() -> Self {
        Self {
            aloud: true,
            ..Self::default()
        }
    }

    /// Notes a write before it is sent.
    pub(super) fn ask(&self, op: Op) -> usize {
        let mut ops = self.ops.lock().unwrap();
        let number = ops.len();
        if self.aloud {
            say(&format!("ask {}", op.line()));
        }
        ops.push((op, Outcome::Unknown));
        number
    }

    pub(super) fn hear(&self, number: usize, outcome: Outcome) {
        let mut ops = self.ops.lock().unwrap();
        ops[number].1 = outcome;
        if self.aloud && outcome != Outcome::Unknown {
            let word = if outcome == Outcome::Done {
                "done"
            } else {
                "refused"
            };
            say(&format!("heard {number} {word}"));
        }
    }

    /// Takes a line of another process's book; `first` is how many writes there were before its first.
    pub(super) fn copy(&self, line: &str, first: usize) {
        let mut words = line.split(' ');
        let mut ops = self.ops.lock().unwrap();
        match words.next() {
            Some("ask") => ops.push((Op::read(words), Outcome::Unknown)),
            Some("heard") => {
                let number: usize = words.next().unwrap().parse().unwrap();
                ops[first + number].1 = match words.next() {
                    Some("done") => Outcome::Done,
                    Some("refused") => Outcome::Refused,
                    other => panic!("{other:?}"),
                };
            }
            _ => {}
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ops.lock().unwrap().len()
    }

    pub(super) fn ops(&self) -> Vec<(Op, Outcome)> {
        self.ops.lock().unwrap().clone()
    }

    /// A call that began at `began` went well.
    pub(super) fn succeeded(&self, way: Way, began: Instant) {
        let mut healing = self.healing.lock().unwrap();
        let healing = &mut healing[way as usize];
        if healing.since.is_some_and(|since| began >= since) {
            healing.took = healing.since.take().map_or(Duration::ZERO, |s| s.elapsed());
            self.healed.notify_one();
        }
    }

    /// Called when a fault is over: how long it takes until somebody who asks from now on succeeds, either way.
    pub(super) async fn recovery(&self, bound: Duration) -> Result<Duration, String> {
        let since = Some(Instant::now());
        *self.healing.lock().unwrap() = [Healing {
            since,
            took: Duration::ZERO,
        }; 2];
        let both = async {
            loop {
                let healing = *self.healing.lock().unwrap();
                if healing.iter().all(|h| h.since.is_none()) {
                    return healing[0].took.max(healing[1].took);
                }
                self.healed.notified().await;
            }
        };
        let waited = tokio::time::timeout(bound, both).await;
        waited.map_err(|_elapsed| {
            let healing = *self.healing.lock().unwrap();
            let open = |way: Way| healing[way as usize].since.is_some();
            format!(
                "nobody succeeded within {bound:?}: single statements wait: {}, transactions wait: {}",
                open(Way::Single),
                open(Way::Whole)
            )
        })
    }
}

/// On a line of its own, whatever the test runner writes between.
fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

impl Op {
    fn line(&self) -> String {
        match self {
            Self::Insert { tenant, id } => format!("insert {tenant} {id}"),
            Self::Pair { tenant, id } => format!("pair {tenant} {id}"),
            Self::Set { tenant, counter, n } => format!("set {tenant} {counter} {n}"),
            Self::Bump { tenant } => format!("bump {tenant}"),
            Self::Transfer(t) => format!(
                "transfer {} {} {} {} {}",
                t.tenant_id, t.id, t.source, t.target, t.amount
            ),
        }
    }

    fn read<'a>(mut words: impl Iterator<Item = &'a str>) -> Self {
        let kind = words.next().unwrap();
        let numbers: Vec<i64> = words.map(|word| word.parse().unwrap()).collect();
        match (kind, numbers.as_slice()) {
            ("insert", &[tenant, id]) => Self::Insert { tenant, id },
            ("pair", &[tenant, id]) => Self::Pair { tenant, id },
            ("set", &[tenant, counter, n]) => Self::Set { tenant, counter, n },
            ("bump", &[tenant]) => Self::Bump { tenant },
            ("transfer", &[tenant_id, id, source, target, amount]) => Self::Transfer(Transfer {
                tenant_id,
                id,
                source,
                target,
                amount,
            }),
            other => panic!("{other:?}"),
        }
    }
}
