//! Where in the stream of changes somebody is.

use std::fmt;
use std::str::FromStr;

use super::change::{CommitId, Number};
use super::snapshot::Snapshot;
use crate::column::BoxedError;
use crate::database::System;
use crate::error::Error;
use crate::session::Session;
use crate::statement::One;

crate::statements! {
    prefix "db";

    /// What is committed at this moment; PostgreSQL only.
    NOW() -> One<String> = "SELECT pg_current_snapshot()::text", sqlite "SELECT ''";
}

/// A place that includes all that was committed before.
pub(crate) async fn position(session: &Session) -> Result<Position, Error> {
    match session.db().system() {
        System::Sqlite => Ok(session.db().hub().count()),
        System::Postgres => {
            let now = session.primary().run(&NOW, ()).await?;
            now.parse()
                .map(|s| Position(At::Snapshot(s)))
                .map_err(|e: BadPosition| Error::unavailable("db.position", BoxedError::from(e)))
        }
    }
}

/// A place in the stream: a set of commits, those that were finished at one moment.
///
/// It travels as text (a token, a header) to whoever must read what was written: see
/// [`ChangeStream::reached`](crate::ChangeStream::reached). On PostgreSQL it is a snapshot and means the same on every
/// node; on SQLite it counts the commits of one process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(pub(crate) At);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Snapshot(Snapshot),
    Count { process: u64, commits: u64 },
}

/// A text that is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a position in the stream of changes")]
pub struct BadPosition;

impl Position {
    /// Whether everything that `other` includes is included here too.
    ///
    /// Counts of another process are: it has ended, or wrote to the same file, which is noticed by other means.
    pub fn includes(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (At::Snapshot(here), At::Snapshot(there)) => here.includes(there),
            (
                At::Count { process, commits },
                At::Count {
                    process: other,
                    commits: theirs,
                },
            ) => process != other || commits >= theirs,
            _ => false,
        }
    }

    /// Whether this commit was finished then.
    pub fn has(&self, commit: CommitId) -> bool {
        match (&self.0, commit.0) {
            (At::Snapshot(snapshot), Number::Transaction(xid)) => snapshot.sees(xid),
            (
                At::Count { process, commits },
                Number::Count {
                    process: other,
                    commits: number,
                },
            ) => *process == other && number <= *commits,
            _ => false,
        }
    }

    /// How many transactions were finished then: of two places of which one includes the other it has more, unless they are
    /// the same. None where no other node shares the place.
    pub fn size(&self) -> Option<u64> {
        match &self.0 {
            At::Snapshot(snapshot) => Some(snapshot.size()),
            At::Count { .. } => None,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            At::Snapshot(snapshot) => write!(f, "p:{snapshot}"),
            At::Count { process, commits } => write!(f, "s:{process:x}:{commits}"),
        }
    }
}

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        match text.split_once(':') {
            Some(("p", snapshot)) => snapshot.parse().map(|s| Self(At::Snapshot(s))),
            Some(("s", count)) => {
                let (process, commits) = count.split_once(':').ok_or(BadPosition)?;
                Ok(Self(At::Count {
                    process: u64::from_str_radix(process, 16).map_err(|_not_hex| BadPosition)?,
                    commits: commits.parse().map_err(|_not_a_number| BadPosition)?,
                }))
            }
            _ => Err(BadPosition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_as_text() {
        for text in ["p:10:20:10,14", "s:2a:7"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
        for bad in ["", "p:", "s:1", "s:x:1", "q:1:1:"] {
            assert_eq!(bad.parse::<Position>(), Err(BadPosition), "{bad}");
        }
    }

    #[test]
    fn a_larger_place_includes_no_smaller_one_that_includes_it() {
        let at = |text: &str| text.parse::<Position>().unwrap();
        let (early, late) = (at("p:10:20:10,14"), at("p:14:20:14"));
        assert!(late.includes(&early) && !early.includes(&late));
        assert_eq!((early.size(), late.size()), (Some(18), Some(19)));
        assert!(
            late.has(CommitId(Number::Transaction(10)))
                && !early.has(CommitId(Number::Transaction(10)))
        );
        assert!(!late.has(CommitId(Number::Transaction(20))));
        assert_eq!(at("s:1:8").size(), None);
    }

    #[test]
    fn counts_compare_within_one_process() {
        let at = |text: &str| text.parse::<Position>().unwrap();
        assert!(at("s:1:8").includes(&at("s:1:8")));
        assert!(!at("s:1:7").includes(&at("s:1:8")));
        assert!(at("s:1:0").includes(&at("s:2:8")));
        assert!(!at("s:1:0").includes(&at("p:1:1:")));
    }
}
