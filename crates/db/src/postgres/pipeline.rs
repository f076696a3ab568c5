//! A batch in one round trip: all its executions are sent before the first answer is waited for.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;

use super::execute::Ready as Text;
use super::held::Held;
use super::link::Link;
use super::{copy, execute};
use crate::batch::{Batch, Outcome, Step};
use crate::error::Error;
use crate::statement::Affected;
use crate::value::Value;

/// Executions that are under way at once; bounds what a large batch keeps in memory.
const DEPTH: usize = 256;

/// Whether the batch brings its own `BEGIN`, with this text, and `COMMIT`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Whole(&'a str),
    Inside,
}

/// One execution.
struct Execution<'a> {
    step: usize,
    name: &'static str,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Begin(&'a str),
    /// Commits, unless a step has failed on our side already: the server never heard of that one.
    End,
    Affected(&'a Text, &'a [Value]),
    Returning(&'a Text, &'a [Value]),
}

/// What is prepared of a step.
enum Ready {
    Sets {
        name: &'static str,
        statement: Text,
        sets: Vec<Vec<Value>>,
        returning: bool,
        /// Rows that all sets together must change.
        expected: Option<u64>,
    },
    Copy(copy::Plan),
}

impl Ready {
    const fn expected(&self) -> Option<u64> {
        match self {
            Self::Sets { expected, .. } => *expected,
            Self::Copy(_) => None,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Sets { name, .. } => name,
            Self::Copy(plan) => plan.name(),
        }
    }

    fn forget(&self, client: &Held) {
        if let Self::Sets {
            statement: Text::Typed(text, _),
            ..
        } = self
        {
            client.forget(text);
        }
    }
}

/// Runs all steps; on an error nothing of a whole batch stays.
///
/// Where steps expect how many rows they change, the end waits until that is known.
pub(super) async fn run(
    client: &Held,
    batch: Batch,
    frame: Frame<'_>,
) -> Result<Vec<Outcome>, Error> {
    let mut begun = frame == Frame::Inside;
    let mut ready = Vec::with_capacity(batch.steps.len());
    for step in batch.steps {
        if let (Frame::Whole(begin), true) = (frame, client.is_pooled())
            && !begun
        {
            // Behind a pooler only a transaction keeps the connection for what is asked while it is made ready.
            plain(client, "db.begin", begin).await?;
            begun = true;
        }
        match prepare(client, step).await {
            Ok(step) => ready.push(step),
            Err(e) => {
                if begun && frame != Frame::Inside {
                    drop(plain(client, "db.rollback", "ROLLBACK").await);
                }
                return Err(e);
            }
        }
    }
    let is_guarded = ready.iter().any(|r| r.expected().is_some());
    let is_whole = frame != Frame::Inside;
    let framing = |name, kind| Execution {
        step: usize::MAX,
        name,
        kind,
    };
    let broken = AtomicBool::new(false);
    let mut line = Line {
        client,
        broken: &broken,
        under_way: FuturesOrdered::new(),
        outcomes: vec![Outcome::default(); ready.len()],
        failed: None,
    };
    if let (Frame::Whole(begin), false) = (frame, begun) {
        line.push(framing("db.begin", Kind::Begin(begin))).await;
    }
    for (step, work) in ready.iter().enumerate() {
        match work {
            Ready::Copy(rows) => line.copy(step, rows).await,
            Ready::Sets {
                name,
                statement,
                sets,
                returning,
                ..
            } => {
                for values in sets {
                    let kind = if *returning {
                        Kind::Returning(statement, values)
                    } else {
                        Kind::Affected(statement, values)
                    };
                    let name = *name;
                    line.push(Execution { step, name, kind }).await;
                }
            }
        }
    }
    if is_whole && !is_guarded {
        // After a step that the server refused it answers COMMIT with an undo.
        line.push(framing("db.commit", Kind::End)).await;
    }
    line.drain().await;
    if is_guarded {
        let mut checks = ready.iter().zip(&line.outcomes);
        let unmet =
            checks.find_map(|(r, o)| Error::unless(r.name(), r.expected(), o.affected).err());
        line.failed = line.failed.or(unmet);
        if is_whole {
            broken.fetch_or(line.failed.is_some(), Ordering::Relaxed);
            let ended = execute(client, "db.commit", Kind::End, &broken).await;
            line.failed = line.failed.or(ended.err());
        }
    }
    match line.failed {
        None => Ok(line.outcomes),
        Some(e) => {
            if execute::is_stale(&e) {
                client.forget_all();
            }
            if client.is_pooled() && execute::is_mistyped(&e) {
                for step in &ready {
                    step.forget(client);
                }
            }
            Err(e)
        }
    }
}

/// Executions on their way, and what came of those before them.
struct Line<'a> {
    client: &'a Held,
    broken: &'a AtomicBool,
    under_way: FuturesOrdered<BoxFuture<'a, Result<(usize, Outcome), Error>>>,
    outcomes: Vec<Outcome>,
    failed: Option<Error>,
}

impl<'a> Line<'a> {
    async fn push(&mut self, execution: Execution<'a>) {
        while self.under_way.len() >= DEPTH {
            self.next().await;
        }
        self.under_way
            .push_back(start(self.client, execution, self.broken));
    }

    /// Nothing travels beside a copy, and none is begun that the server would refuse: the driver then loses step.
    async fn copy(&mut self, step: usize, rows: &copy::Plan) {
        self.drain().await;
        if self.failed.is_some() {
            return;
        }
        let result = rows.run(self.client).await;
        if result.is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
        self.note(result.map(|affected| {
            let returned = Vec::new();
            (step, Outcome { affected, returned })
        }));
    }

    async fn drain(&mut self) {
        while self.next().await {}
    }

    /// Waits for the oldest one; `false` when none is under way.
    async fn next(&mut self) -> bool {
        let Some(result) = self.under_way.next().await else {
            return false;
        };
        self.note(result);
        true
    }

    fn note(&mut self, result: Result<(usize, Outcome), Error>) {
        match result {
            Ok((step, outcome)) => {
                if let Some(sum) = self.outcomes.get_mut(step) {
                    sum.affected += outcome.affected;
                    sum.returned.extend(outcome.returned);
                }
            }
            // The first error is the cause; those after it only say that the transaction is over.
            Err(e) => {
                self.failed.get_or_insert(e);
            }
        }
    }
}

async fn prepare(client: &Held, step: Step) -> Result<Ready, Error> {
    let name = step.name();
    let mut expected = None;
    let (text, sets, returning) = match step {
        Step::Each {
            text,
            sets,
            expected: rows,
        } => {
            expected = rows;
            (text.postgres.to_owned(), sets, false)
        }
        Step::Update(update) => (update.postgres_text(), vec![update.into_arrays()], false),
        Step::Insert(insert) if insert.rows.is_empty() => {
            (insert.postgres_text(), Vec::new(), true)
        }
        Step::Insert(insert) => match copy::plan(client, insert).await? {
            Ok(plan) => return Ok(Ready::Copy(plan)),
            Err(insert) => {
                let returning = insert.returning.is_some();
                (
                    insert.postgres_text(),
                    vec![insert.into_arrays()],
                    returning,
                )
            }
        },
    };
    let statement = client
        .ready(&text)
        .await
        .map_err(|e| execute::error(name, e))?;
    Ok(Ready::Sets {
        name,
        statement,
        sets,
        returning,
        expected,
    })
}

fn start<'a>(
    client: &'a Link,
    execution: Execution<'a>,
    broken: &'a AtomicBool,
) -> BoxFuture<'a, Result<(usize, Outcome), Error>> {
    let Execution { step, name, kind } = execution;
    Box::pin(async move {
        let result = execute(client, name, kind, broken).await;
        // Executions are sent in their order, each at its first poll, so the end knows what the others met on our side.
        if result.is_err() {
            broken.store(true, Ordering::Relaxed);
        }
        result.map(|outcome| (step, outcome))
    })
}

async fn execute(
    client: &Link,
    name: &'static str,
    kind: Kind<'_>,
    broken: &AtomicBool,
) -> Result<Outcome, Error> {
    match kind {
        Kind::Begin(begin) => plain(client, name, begin).await,
        Kind::End if broken.load(Ordering::Relaxed) => plain(client, name, "ROLLBACK").await,
        Kind::End => plain(client, name, "COMMIT").await,
        Kind::Affected(statement, values) => {
            let (_, affected) = execute::run::<Affected>(client, name, statement, values).await?;
            Ok(Outcome {
                affected,
                returned: Vec::new(),
            })
        }
        Kind::Returning(statement, values) => {
            let (returned, affected) =
                execute::run::<Vec<i64>>(client, name, statement, values).await?;
            Ok(Outcome { affected, returned })
        }
    }
}

async fn plain(client: &Link, name: &'static str, text: &str) -> Result<Outcome, Error> {
    client
        .batch_execute(text)
        .await
        .map_err(|e| execute::error(name, e))?;
    Ok(Outcome::default())
}
