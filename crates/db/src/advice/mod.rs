//! Finds the index that is missing: statements of traced requests, and those that were slow, are explained in the
//! background.
//!
//! EXPLAIN only, never ANALYZE: nothing is run, so that a statement that writes may be explained as well. Each statement is
//! asked about once in ten minutes at most, one at a time. Who finds the queue full goes without.

mod postgres;
mod sqlite;
mod text;

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use brisk_core::{FindingKind, Scope};
use brisk_telemetry::Finding;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::database::{Db, Engine, WeakDb};
use crate::error::Error;
use crate::statement::{Call, CallText};
use crate::value::Value;

/// Statements that are remembered; above the number of declared statements of all services.
const REMEMBERED: usize = 4_096;

/// Questions that wait.
const QUEUE: usize = 16;

/// A statement is explained anew after so long.
const AGAIN: Duration = Duration::from_mins(10);

/// How long the database may take to explain one statement.
const PATIENCE: Duration = Duration::from_secs(5);

/// A table with fewer rows is read whole in no time.
const LARGE: i64 = 10_000;

/// A condition that leaves more than one row in so many is not worth an index.
const SELECTIVE: i64 = 10;

/// What was asked about, and what is to be.
#[derive(Debug, Default)]
pub(crate) struct Advisor {
    known: Mutex<HashMap<&'static str, State>>,
    /// How many statements were slow and are to be explained at their next run.
    wanted: AtomicUsize,
    queue: OnceLock<mpsc::Sender<Question>>,
}

#[derive(Debug, Default)]
struct State {
    asked: Option<Instant>,
    wanted: bool,
}

/// A statement with the parameters of one run.
#[derive(Debug)]
pub(crate) struct Question {
    name: &'static str,
    site: &'static Location<'static>,
    text: Cow<'static, str>,
    values: Vec<Value>,
    excuse: Option<String>,
    rows: u64,
    time: Duration,
}

impl Advisor {
    fn known(&self) -> MutexGuard<'_, HashMap<&'static str, State>> {
        self.known.lock().expect("no holder of this lock can panic")
    }

    /// Has a statement that was slow explained at its next run, with the parameters of that.
    pub(crate) fn want(&self, name: &'static str) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            return;
        }
        let state = known.entry(name).or_default();
        let rested = state.asked.is_none_or(|asked| asked.elapsed() >= AGAIN);
        if rested && !state.wanted {
            state.wanted = true;
            self.wanted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether it is this statement's turn; then its next is in ten minutes.
    fn turn(&self, name: &'static str, traced: bool) -> bool {
        if !traced && self.wanted.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut known = self.known();
        if known.len() >= REMEMBERED && !known.contains_key(name) {
            return false;
        }
        let state = known.entry(name).or_default();
        let rested = state.asked.is_none_or(|asked| asked.elapsed() >= AGAIN);
        let turn = state.wanted || (traced && rested);
        if turn {
            if state.wanted {
                self.wanted.fetch_sub(1, Ordering::Relaxed);
            }
            *state = State {
                asked: Some(Instant::now()),
                wanted: false,
            };
        }
        turn
    }
}

impl Db {
    /// The question about a statement that is about to run, where it is to be explained.
    pub(crate) fn question(&self, scope: &Scope, call: &Call) -> Option<Box<Question>> {
        let inserts = |text: &str| {
            text.trim_start()
                .get(..6)
                .is_some_and(|w| w.eq_ignore_ascii_case("insert"))
        };
        let name = call.name;
        if !self.explains()
            || self.measured().is_none()
            || !self.advisor().turn(name, scope.ledger().is_traced())
            || inserts(call.postgres_text())
        {
            return None;
        }
        let text = match (&call.text, self.engine()) {
            (CallText::Declared { postgres, .. }, Engine::Postgres(_)) => Cow::Borrowed(*postgres),
            (CallText::Declared { sqlite, .. }, Engine::Sqlite(_)) => Cow::Borrowed(*sqlite),
            (CallText::Built(text), _) => Cow::Owned(text.clone()),
        };
        Some(Box::new(Question {
            name,
            site: call.site,
            text,
            values: call.values.clone(),
            excuse: scope
                .excuse()
                .filter(|e| e.kind == FindingKind::MissingIndex)
                .map(|e| e.reason.into_owned()),
            rows: 0,
            time: Duration::ZERO,
        }))
    }

    /// Sends a question off once its statement has run.
    pub(crate) fn ask(&self, mut question: Question, rows: u64, time: Duration) {
        (question.rows, question.time) = (rows, time);
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let queue = self.advisor().queue.get_or_init(|| {
            let (send, receive) = mpsc::channel(QUEUE);
            runtime.spawn(answer_all(self.downgrade(), receive));
            send
        });
        if queue.try_send(question).is_err() {
            tracing::debug!("too many statements wait to be explained");
        }
    }
}

/// Answers questions until the database is gone.
async fn answer_all(db: WeakDb, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        let Some(db) = db.upgrade() else { return };
        let explained = async {
            match db.engine() {
                Engine::Sqlite(engine) => sqlite::missing(engine, &question).await,
                Engine::Postgres(engine) => postgres::missing(engine, &question).await,
            }
        };
        match tokio::time::timeout(PATIENCE, explained).await {
            Ok(Ok(Some(sql))) => tell(&db, question, sql),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                tracing::debug!(statement = question.name, %error, "a statement could not be explained");
            }
            Err(_) => {
                tracing::debug!(
                    statement = question.name,
                    "explaining a statement took too long"
                );
            }
        }
    }
}

fn tell(db: &Db, question: Question, sql: String) {
    if let Some(perf) = db.measured() {
        let finding = Finding {
            kind: FindingKind::MissingIndex,
            statement: question.name.to_owned(),
            site: question.site.into(),
            count: 1,
            time: question.time,
            advice: sql,
            excuse: question.excuse,
        };
        perf.found("", finding);
    }
}

/// A failure of the explaining itself.
fn failed(source: impl Into<crate::BoxedError>) -> Error {
    Error::Statement {
        statement: "db.explain",
        source: source.into(),
    }
}
