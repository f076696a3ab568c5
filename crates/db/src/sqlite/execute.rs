//! Statements on one connection; the writer, the readers and transactions share this.

use rusqlite::{CachedStatement, Connection, ErrorCode, ffi};

use crate::batch::{Outcome, Step};
use crate::bulk::Insert;
use crate::capture::Notes;
use crate::error::{Constraint, Error};
use crate::row::{FromRow, Inner, Row};
use crate::statement::{Call, Shape};
use crate::value::Value;

/// Runs one statement and builds its answer; the second value counts rows read or changed.
pub(super) fn run<S: Shape>(conn: &Connection, call: &Call) -> Result<(S::Out, u64), Error> {
    match &call.seen {
        Some(seen) => seen.during(|| run_unseen::<S>(conn, call)),
        None => run_unseen::<S>(conn, call),
    }
}

fn run_unseen<S: Shape>(conn: &Connection, call: &Call) -> Result<(S::Out, u64), Error> {
    let name = call.name;
    let mut statement = conn
        .prepare_cached(call.sqlite_text())
        .map_err(|e| error(name, e))?;
    bind(&mut statement, &call.values).map_err(|e| error(name, e))?;
    if S::ROWS {
        let rows = collect::<S::Row>(name, &mut statement)?;
        let count = rows.len() as u64;
        Ok((S::build(name, rows, count)?, count))
    } else {
        let affected = statement.raw_execute().map_err(|e| error(name, e))? as u64;
        Ok((S::build(name, Vec::new(), affected)?, affected))
    }
}

/// Runs one step of a batch.
pub(super) fn step(conn: &Connection, step: &Step, notes: &Notes) -> Result<Outcome, Error> {
    match step {
        Step::Each {
            text,
            sets,
            expected,
        } => {
            let fail = |e| error(text.name, e);
            let mut statement = conn.prepare_cached(text.sqlite).map_err(fail)?;
            let mut affected = 0;
            for values in sets {
                bind(&mut statement, values).map_err(fail)?;
                affected += statement.raw_execute().map_err(fail)? as u64;
            }
            Error::unless(text.name, *expected, affected)?;
            Ok(Outcome {
                affected,
                returned: Vec::new(),
            })
        }
        Step::Insert(insert) => insert_rows(conn, insert, notes),
        Step::Update(update) => {
            let fail = |e| error(update.statement, e);
            let mut statement = conn.prepare_cached(&update.sqlite_text()).map_err(fail)?;
            let mut outcome = Outcome::default();
            for values in &update.rows {
                bind(&mut statement, values).map_err(fail)?;
                outcome.affected += statement.raw_execute().map_err(fail)? as u64;
            }
            Ok(outcome)
        }
    }
}

fn insert_rows(conn: &Connection, insert: &Insert, notes: &Notes) -> Result<Outcome, Error> {
    let fail = |e| error(insert.statement, e);
    let suspended = notes.suspend(insert);
    let mut statement = conn.prepare_cached(&insert.sqlite_text()).map_err(fail)?;
    let mut outcome = Outcome::default();
    for values in &insert.rows {
        bind(&mut statement, values).map_err(fail)?;
        if insert.returning.is_some() {
            let returned = collect::<i64>(insert.statement, &mut statement)?;
            outcome.affected += returned.len() as u64;
            outcome.returned.extend(returned);
        } else {
            outcome.affected += statement.raw_execute().map_err(fail)? as u64;
        }
    }
    if let Some(suspended) = suspended {
        suspended.end(insert);
    }
    Ok(outcome)
}

fn bind(statement: &mut CachedStatement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for (i, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(i + 1, value)?;
    }
    Ok(())
}

fn collect<R: FromRow>(
    name: &'static str,
    statement: &mut CachedStatement<'_>,
) -> Result<Vec<R>, Error> {
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|e| error(name, e))? {
        found.push(Row(Inner::Sqlite(row)).read(name)?);
    }
    Ok(found)
}

/// Column names and the number of parameters of a text, as SQLite sees it.
pub(crate) fn describe(conn: &Connection, text: &str) -> rusqlite::Result<(Vec<String>, usize)> {
    let statement = conn.prepare(text)?;
    let columns = statement.column_names().map(str::to_owned).collect();
    Ok((columns, statement.parameter_count()))
}

/// Which of our errors a driver's error is.
pub(crate) fn error(statement: &'static str, source: rusqlite::Error) -> Error {
    let rusqlite::Error::SqliteFailure(failure, ref message) = source else {
        return Error::Statement {
            statement,
            source: source.into(),
        };
    };
    match failure.code {
        ErrorCode::ConstraintViolation => {
            let constraint = match failure.extended_code {
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Constraint::ForeignKey,
                ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_TRIGGER => Constraint::Check,
                ffi::SQLITE_CONSTRAINT_NOTNULL => Constraint::NotNull,
                ffi::SQLITE_CONSTRAINT_UNIQUE
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID => Constraint::Unique,
                // A value of the wrong type in a STRICT table, for example.
                _ => {
                    return Error::Statement {
                        statement,
                        source: source.into(),
                    };
                }
            };
            let message = message.as_deref().unwrap_or_default();
            let rule = match constraint {
                Constraint::ForeignKey => "",
                _ => message
                    .split_once("failed: ")
                    .map_or(message, |(_, rule)| rule),
            }
            .to_owned();
            Error::Constraint {
                statement,
                constraint,
                rule,
                source: source.into(),
            }
        }
        ErrorCode::OperationInterrupted => Error::Timeout { statement },
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::OutOfMemory
        | ErrorCode::CannotOpen => Error::unavailable(statement, source),
        _ => Error::Statement {
            statement,
            source: source.into(),
        },
    }
}
