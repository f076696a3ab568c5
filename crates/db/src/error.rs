//! What can go wrong on the way to a row.

use std::borrow::Cow;
use std::time::Duration;

use brisk_core::{Class, Failure};

use crate::column::BoxedError;
use crate::row::DecodeError;

/// Which rule of the schema a write broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// A primary key or unique index.
    Unique,
    /// A foreign key.
    ForeignKey,
    /// A CHECK, or a trigger that refuses.
    Check,
    /// A NOT NULL.
    NotNull,
}

/// What can go wrong in the database layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings do not describe a database.
    #[error("cannot use the database address: {0}")]
    Address(String),
    /// The server allows fewer connections than the settings want.
    #[error(
        "this node may open {needed} connections and has a share of {share}: lower database.lanes or database.pool, \
         state the right number of database.nodes, or raise max_connections of the server"
    )]
    TooManyConnections {
        /// What the settings want at least.
        needed: usize,
        /// This node's share of what the server allows.
        share: usize,
    },
    /// The database cannot be reached, or was lost before it answered.
    #[error("the database is not available for {statement}")]
    Unavailable {
        /// The statement that was to run.
        statement: &'static str,
        /// What the driver said.
        #[source]
        source: Option<BoxedError>,
    },
    /// More work waits than the queue holds.
    #[error("too much work waits for the database to take {statement}")]
    Overloaded {
        /// The statement that was to run.
        statement: &'static str,
    },
    /// The deadline passed before the answer came.
    #[error("{statement} took longer than its deadline")]
    Timeout {
        /// The statement.
        statement: &'static str,
    },
    /// A rule of the schema was broken.
    #[error("{statement} breaks the {constraint:?} rule {rule}")]
    Constraint {
        /// The statement.
        statement: &'static str,
        /// The kind of rule.
        constraint: Constraint,
        /// `table.column` of a NOT NULL, the name of a CHECK or what a trigger said; else the rule's name on
        /// PostgreSQL, its columns on SQLite, which does not name a foreign key at all.
        rule: String,
        /// What the driver said.
        #[source]
        source: BoxedError,
    },
    /// Two transactions could not both go on; this one was undone and may be tried again.
    #[error("{statement} lost against another transaction")]
    Serialization {
        /// The statement.
        statement: &'static str,
        /// What the driver said.
        #[source]
        source: BoxedError,
    },
    /// A write met other rows than it was decided on, so somebody else was faster; nothing of its batch stays. Read
    /// again, decide again.
    #[error("{statement} changed {affected} rows where {expected} were expected")]
    Stale {
        /// The statement.
        statement: &'static str,
        /// Rows that it should have changed.
        expected: u64,
        /// Rows that it would have changed.
        affected: u64,
    },
    /// A write where only reading was asked for; nothing was sent, or the server refused it.
    #[error("{statement} writes, in work that may only read")]
    ReadOnly {
        /// The statement.
        statement: &'static str,
    },
    /// Serializable work inside a transaction that promises less; none of it ran, and the transaction can go on.
    #[error(
        "{statement} cannot join a transaction that promises less; begin that one as serializable"
    )]
    Isolation {
        /// What was asked for.
        statement: &'static str,
    },
    /// Exactly one row was promised and none came.
    #[error("{statement} found no row")]
    NoRow {
        /// The statement.
        statement: &'static str,
    },
    /// A stored value does not fit its Rust type.
    #[error("a row of {statement} cannot be read")]
    Decode {
        /// The statement.
        statement: &'static str,
        /// Which column, and why.
        #[source]
        source: DecodeError,
    },
    /// The database refused the statement.
    #[error("{statement} failed")]
    Statement {
        /// The statement.
        statement: &'static str,
        /// What the driver said.
        #[source]
        source: BoxedError,
    },
    /// A migration could not be applied.
    #[error("cannot migrate {set}")]
    Migration {
        /// The set of migrations.
        set: &'static str,
        /// What stopped it.
        #[source]
        source: BoxedError,
    },
    /// A cursor that we did not make, or made for another list.
    #[error("the cursor is not one of this list")]
    Cursor,
}

impl Error {
    pub(crate) fn unavailable(statement: &'static str, source: impl Into<BoxedError>) -> Self {
        Self::Unavailable {
            statement,
            source: Some(source.into()),
        }
    }

    /// [`Error::Stale`] where another number of rows was expected.
    pub(crate) const fn unless(
        statement: &'static str,
        expected: Option<u64>,
        affected: u64,
    ) -> Result<(), Self> {
        match expected {
            Some(expected) if expected != affected => Err(Self::Stale {
                statement,
                expected,
                affected,
            }),
            _ => Ok(()),
        }
    }

    /// Whether an engine said that a write is not allowed where only reading is.
    pub(crate) fn is_refused_write(&self) -> bool {
        let (Self::Unavailable {
            source: Some(source),
            ..
        }
        | Self::Statement { source, .. }) = self
        else {
            return false;
        };
        let postgres = source.downcast_ref::<tokio_postgres::Error>();
        let sqlite = source.downcast_ref::<rusqlite::Error>();
        postgres.and_then(tokio_postgres::Error::code)
            == Some(&tokio_postgres::error::SqlState::READ_ONLY_SQL_TRANSACTION)
            || sqlite.and_then(rusqlite::Error::sqlite_error_code)
                == Some(rusqlite::ErrorCode::ReadOnly)
    }

    /// The unique rule that was broken, if that is what happened.
    pub fn unique_rule(&self) -> Option<&str> {
        match self {
            Self::Constraint {
                constraint: Constraint::Unique,
                rule,
                ..
            } => Some(rule),
            _ => None,
        }
    }

    /// Whether the row at fault can be found by trying the rows apart.
    pub const fn is_constraint(&self) -> bool {
        matches!(self, Self::Constraint { .. })
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        match self {
            Self::Unavailable { .. }
            | Self::Overloaded { .. }
            | Self::Serialization { .. }
            | Self::Stale { .. } => Class::Unavailable,
            Self::Timeout { .. } => Class::Timeout,
            Self::Cursor => Class::Malformed,
            Self::Constraint {
                constraint: Constraint::Unique,
                ..
            } => Class::Conflict,
            Self::Address(_)
            | Self::TooManyConnections { .. }
            | Self::Constraint { .. }
            | Self::ReadOnly { .. }
            | Self::Isolation { .. }
            | Self::NoRow { .. }
            | Self::Decode { .. }
            | Self::Statement { .. }
            | Self::Migration { .. } => Class::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "db.address",
            Self::TooManyConnections { .. } => "db.too_many_connections",
            Self::Unavailable { .. } => "db.unavailable",
            Self::Overloaded { .. } => "db.overloaded",
            Self::Timeout { .. } => "db.timeout",
            Self::Constraint {
                constraint: Constraint::Unique,
                ..
            } => "db.conflict",
            Self::Constraint { .. } => "db.constraint",
            Self::Serialization { .. } => "db.serialization",
            Self::Stale { .. } => "db.stale",
            Self::ReadOnly { .. } => "db.read_only",
            Self::Isolation { .. } => "db.isolation",
            Self::NoRow { .. } => "db.no_row",
            Self::Decode { .. } => "db.decode",
            Self::Statement { .. } => "db.statement",
            Self::Migration { .. } => "db.migration",
            Self::Cursor => "db.cursor_invalid",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self.class() {
            Class::Conflict => "something with the same key exists already".into(),
            Class::Malformed => "the cursor is not one of this list; start again without it".into(),
            Class::Timeout => "the database took longer than allowed".into(),
            Class::Unavailable => "the database is not available, please try again".into(),
            _ => "something went wrong on our side".into(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        (self.class() == Class::Unavailable).then(|| Duration::from_secs(1))
    }
}

impl Error {
    /// The same failure for another waiter of one write; sources are told once.
    pub(crate) fn again(&self, statement: &'static str) -> Self {
        match self {
            Self::Overloaded { .. } => Self::Overloaded { statement },
            Self::Timeout { .. } => Self::Timeout { statement },
            Self::Unavailable { .. } | Self::Serialization { .. } | Self::Stale { .. } => {
                Self::Unavailable {
                    statement,
                    source: None,
                }
            }
            other => Self::Statement {
                statement,
                source: other.to_string().into(),
            },
        }
    }
}
