//! A batch in one round trip: all its executions are sent before the first answer is waited for.

use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_postgres::Object;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use tokio_postgres::Statement;

use super::execute;
use crate::batch::{Batch, Outcome, Step};
use crate::error::Error;
use crate::statement::Affected;
use crate::value::Value;

/// Executions that are under way at once; bounds what a large batch keeps in memory.
const DEPTH: usize = 256;

/// Whether the batch brings its own `BEGIN` and `COMMIT`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    Whole,
    Inside,
}

/// One execution.
struct Execution<'a> {
    step: usize,
    name: &'static str,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Begin,
    /// Commits, unless a step has failed on our side already: the server never heard of that one.
    End,
    Affected(&'a Statement, &'a [Value]),
    Returning(&'a Statement, &'a [Value]),
}

/// What is prepared of a step.
struct Ready {
    name: &'static str,
    statement: Statement,
    sets: Vec<Vec<Value>>,
    returning: bool,
    expected: Option<u64>,
}

/// Runs all steps; on an error nothing of a whole batch stays.
///
/// Where steps expect how many rows they change, the end waits until that is known.
pub(super) async fn run(
    client: &Object,
    batch: Batch,
    frame: Frame,
) -> Result<Vec<Outcome>, Error> {
    let mut ready = Vec::with_capacity(batch.steps.len());
    for step in batch.steps {
        ready.push(prepare(client, step).await?);
    }
    let is_guarded = ready.iter().any(|r| r.expected.is_some());
    let plain = |name, kind| Execution {
        step: usize::MAX,
        name,
        kind,
    };
    let steps = ready.iter().enumerate().flat_map(|(step, r)| {
        r.sets.iter().map(move |values| Execution {
            step,
            name: r.name,
            kind: if r.returning {
                Kind::Returning(&r.statement, values)
            } else {
                Kind::Affected(&r.statement, values)
            },
        })
    });
    let begin = (frame == Frame::Whole).then(|| plain("db.begin", Kind::Begin));
    // After a step that the server refused it answers COMMIT with an undo.
    let end = (frame == Frame::Whole && !is_guarded).then(|| plain("db.commit", Kind::End));
    let executions: Vec<_> = begin.into_iter().chain(steps).chain(end).collect();
    let mut outcomes = vec![Outcome::default(); ready.len()];
    let mut failed = None;
    let broken = AtomicBool::new(false);
    let mut waiting = executions.into_iter();
    let mut under_way = FuturesOrdered::new();
    loop {
        while under_way.len() < DEPTH
            && let Some(execution) = waiting.next()
        {
            under_way.push_back(start(client, execution, &broken));
        }
        let Some(result) = under_way.next().await else {
            break;
        };
        match result {
            Ok((step, outcome)) => {
                if let Some(sum) = outcomes.get_mut(step) {
                    sum.affected += outcome.affected;
                    sum.returned.extend(outcome.returned);
                }
            }
            // The first error is the cause; those after it only say that the transaction is over.
            Err(e) => failed = failed.or(Some(e)),
        }
    }
    if is_guarded {
        let mut checks = ready.iter().zip(&outcomes);
        failed = failed.or_else(|| {
            checks.find_map(|(r, o)| Error::unless(r.name, r.expected, o.affected).err())
        });
        if frame == Frame::Whole {
            broken.fetch_or(failed.is_some(), Ordering::Relaxed);
            let ended = execute(client, "db.commit", Kind::End, &broken).await;
            failed = failed.or(ended.err());
        }
    }
    match failed {
        None => Ok(outcomes),
        Some(e) => {
            if execute::is_stale(&e) {
                client.statement_cache.clear();
            }
            Err(e)
        }
    }
}

async fn prepare(client: &Object, step: Step) -> Result<Ready, Error> {
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
        Step::Insert(insert) if insert.rows.is_empty() => {
            (insert.postgres_text(), Vec::new(), true)
        }
        Step::Insert(insert) => {
            let returning = insert.returning.is_some();
            (
                insert.postgres_text(),
                vec![insert.into_arrays()],
                returning,
            )
        }
    };
    let statement = client
        .prepare_cached(&text)
        .await
        .map_err(|e| execute::error(name, e))?;
    Ok(Ready {
        name,
        statement,
        sets,
        returning,
        expected,
    })
}

fn start<'a>(
    client: &'a Object,
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
    client: &Object,
    name: &'static str,
    kind: Kind<'_>,
    broken: &AtomicBool,
) -> Result<Outcome, Error> {
    match kind {
        Kind::Begin => plain(client, name, "BEGIN").await,
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

async fn plain(client: &Object, name: &'static str, text: &str) -> Result<Outcome, Error> {
    client
        .batch_execute(text)
        .await
        .map_err(|e| execute::error(name, e))?;
    Ok(Outcome::default())
}
