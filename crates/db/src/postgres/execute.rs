//! Statements on one connection; lanes, the pool and transactions share this.

use std::sync::Arc;

use futures::{TryStreamExt as _, pin_mut};
use postgres_types::{ToSql, Type};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use crate::column::BoxedError;
use crate::error::{Constraint, Error};
use crate::row::{Inner, Row};
use crate::statement::Shape;
use crate::value::Value;

/// A text that can be run with parameters.
#[derive(Clone, Debug)]
pub(super) enum Ready {
    /// Prepared on its connection.
    Named(Statement),
    /// Sent whole each time, with the types of its parameters; leaves nothing behind on the connection.
    Typed(Arc<str>, Arc<[Type]>),
}

/// Runs a statement and builds its answer; the second value counts rows read or changed.
pub(super) async fn run<S: Shape>(
    client: &Client,
    name: &'static str,
    ready: &Ready,
    values: &[Value],
) -> Result<(S::Out, u64), Error> {
    let fail = |e| error(name, e);
    if let Ready::Typed(_, types) = ready
        && types.len() != values.len()
    {
        let (wants, has) = (types.len(), values.len());
        return Err(Error::Statement {
            statement: name,
            source: format!("the text has {wants} parameters, {has} were given").into(),
        });
    }
    if !S::ROWS {
        let affected = match ready {
            Ready::Named(statement) => client.execute_raw(statement, values).await,
            Ready::Typed(text, types) => {
                let arguments: Vec<_> = values
                    .iter()
                    .zip(types.iter())
                    .map(|(value, ty)| (value as &(dyn ToSql + Sync), ty.clone()))
                    .collect();
                client.execute_typed(text, &arguments).await
            }
        }
        .map_err(fail)?;
        return Ok((S::build(name, Vec::new(), affected)?, affected));
    }
    let stream = match ready {
        Ready::Named(statement) => client.query_raw(statement, values).await,
        Ready::Typed(text, types) => {
            let arguments = values.iter().zip(types.iter().cloned());
            client.query_typed_raw(text, arguments).await
        }
    }
    .map_err(fail)?;
    pin_mut!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(fail)? {
        rows.push(Row(Inner::Postgres(&row)).read(name)?);
    }
    let count = rows.len() as u64;
    Ok((S::build(name, rows, count)?, count))
}

/// Which of our errors a driver's error is.
pub(crate) fn error(statement: &'static str, source: tokio_postgres::Error) -> Error {
    let Some(refusal) = source.as_db_error() else {
        // No answer from the server: the connection is gone, or an argument could not be encoded.
        let lost = source.is_closed()
            || std::error::Error::source(&source)
                .is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        return if lost {
            Error::unavailable(statement, source)
        } else {
            Error::Statement {
                statement,
                source: source.into(),
            }
        };
    };
    let rule = match (refusal.constraint(), refusal.table(), refusal.column()) {
        (Some(name), ..) => name.to_owned(),
        (None, Some(table), Some(column)) => format!("{table}.{column}"),
        _ => refusal.message().to_owned(),
    };
    let constraint = |constraint, source: tokio_postgres::Error| Error::Constraint {
        statement,
        constraint,
        rule: rule.clone(),
        source: source.into(),
    };
    match *refusal.code() {
        SqlState::UNIQUE_VIOLATION => constraint(Constraint::Unique, source),
        SqlState::FOREIGN_KEY_VIOLATION => constraint(Constraint::ForeignKey, source),
        SqlState::CHECK_VIOLATION | SqlState::RAISE_EXCEPTION => {
            constraint(Constraint::Check, source)
        }
        SqlState::NOT_NULL_VIOLATION => constraint(Constraint::NotNull, source),
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            Error::Serialization {
                statement,
                source: source.into(),
            }
        }
        SqlState::QUERY_CANCELED | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            Error::Timeout { statement }
        }
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::TOO_MANY_CONNECTIONS
        | SqlState::CONFIGURATION_LIMIT_EXCEEDED
        | SqlState::OUT_OF_MEMORY
        | SqlState::READ_ONLY_SQL_TRANSACTION
        | SqlState::DISK_FULL => Error::unavailable(statement, source),
        _ => Error::Statement {
            statement,
            source: source.into(),
        },
    }
}

/// Whether the server only refused what this connection had prepared before the schema changed (or somebody dropped
/// it). Nothing was run then, so the statement may be prepared and sent anew, whatever it does.
pub(super) fn is_stale(error: &Error) -> bool {
    matches!(error, Error::Statement { source, .. } if is_stale_source(source))
}

/// The same for what the driver said.
pub(super) fn is_stale_source(source: &BoxedError) -> bool {
    source
        .downcast_ref::<tokio_postgres::Error>()
        .and_then(tokio_postgres::Error::as_db_error)
        .is_some_and(|refusal| {
            *refusal.code() == SqlState::INVALID_SQL_STATEMENT_NAME
                || refusal.routine() == Some("RevalidateCachedQuery")
        })
}

/// Whether the server refused a text that was sent whole before it ran any of it: the schema changed, and the types of
/// its parameters with it. As every refusal, this one undid the statement, so that it may be sent anew.
pub(super) fn is_mistyped(error: &Error) -> bool {
    let Error::Statement { source, .. } = error else {
        return false;
    };
    source
        .downcast_ref::<tokio_postgres::Error>()
        .and_then(tokio_postgres::Error::as_db_error)
        .is_some_and(|refusal| {
            let code = refusal.code();
            code.code().starts_with("42")
                || [
                    SqlState::INVALID_BINARY_REPRESENTATION,
                    SqlState::PROTOCOL_VIOLATION,
                ]
                .contains(code)
        })
}
