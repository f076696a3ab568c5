//! A batch in one round trip: all its executions are sent before the first answer is waited for.

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
    Plain(&'static str),
    Affected(&'a Statement, &'a [Value]),
    Returning(&'a Statement, &'a [Value]),
}

/// What is prepared of a step.
struct Ready {
    name: &'static str,
    statement: Statement,
    sets: Vec<Vec<Value>>,
    returning: bool,
}

/// Runs all steps; on an error nothing of a whole batch stays.
pub(super) async fn run(
    client: &Object,
    batch: Batch,
    frame: Frame,
) -> Result<Vec<Outcome>, Error> {
    let mut ready = Vec::with_capacity(batch.steps.len());
    for step in batch.steps {
        ready.push(prepare(client, step).await?);
    }
    let plain = |name, text| Execution {
        step: usize::MAX,
        name,
        kind: Kind::Plain(text),
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
    let executions: Vec<_> = match frame {
        // After a failed step the server answers COMMIT with an undo.
        Frame::Whole => std::iter::once(plain("db.begin", "BEGIN"))
            .chain(steps)
            .chain([plain("db.commit", "COMMIT")])
            .collect(),
        Frame::Inside => steps.collect(),
    };
    let mut outcomes = vec![Outcome::default(); ready.len()];
    let mut failed = None;
    let mut waiting = executions.into_iter();
    let mut under_way = FuturesOrdered::new();
    loop {
        while under_way.len() < DEPTH
            && let Some(execution) = waiting.next()
        {
            under_way.push_back(start(client, execution));
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
    failed.map_or(Ok(outcomes), Err)
}

async fn prepare(client: &Object, step: Step) -> Result<Ready, Error> {
    let name = step.name();
    let (text, sets, returning) = match step {
        Step::Each { text, sets } => (text.postgres.to_owned(), sets, false),
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
    })
}

fn start<'a>(
    client: &'a Object,
    execution: Execution<'a>,
) -> BoxFuture<'a, Result<(usize, Outcome), Error>> {
    let Execution { step, name, kind } = execution;
    Box::pin(async move {
        let outcome = match kind {
            Kind::Plain(text) => {
                client
                    .batch_execute(text)
                    .await
                    .map_err(|e| execute::error(name, e))?;
                Outcome::default()
            }
            Kind::Affected(statement, values) => {
                let (_, affected) =
                    execute::run::<Affected>(client, name, statement, values).await?;
                Outcome {
                    affected,
                    returned: Vec::new(),
                }
            }
            Kind::Returning(statement, values) => {
                let (returned, affected) =
                    execute::run::<Vec<i64>>(client, name, statement, values).await?;
                Outcome { affected, returned }
            }
        };
        Ok((step, outcome))
    })
}
