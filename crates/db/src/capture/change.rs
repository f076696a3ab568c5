//! What subscribers are told.

use std::sync::Arc;

use brisk_core::TenantId;
use uuid::Uuid;

use super::position::Position;
use crate::value::Value;

/// A value of a captured column, in one form for both engines.
///
/// Two values of a column are equal exactly when their cells are. [`Cell::of`] makes the cell of a bound parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// Integers; booleans as 0 and 1, instants as microseconds since 1970 UTC.
    Int(i64),
    /// Text; dates as `2026-03-06`.
    Text(Box<str>),
    /// Bytes; UUIDs as their 16.
    Bytes(Box<[u8]>),
}

impl Cell {
    /// The cell that a column has which was written with `value`; none for kinds that cannot be captured.
    pub fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Int((*b).into()),
            Value::Int(i) => Self::Int(*i),
            Value::Instant(at) => Self::Int(at.as_microsecond()),
            Value::Text(text) => Self::Text(text.as_ref().into()),
            Value::Date(date) => Self::Text(date.to_string().into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.as_slice().into()),
            Value::Uuid(id) => Self::Bytes(id.as_bytes().as_slice().into()),
            Value::Float(_) | Value::Json(_) | Value::Array(..) => return None,
        })
    }

    /// The integer, if it is one.
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub const fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The UUID, if it is 16 bytes.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Self::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
            _ => None,
        }
    }
}

/// Named cells, in the order of their declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// Of the declaration, for all rows that were written under it.
    names: Arc<[Arc<str>]>,
    cells: Box<[Cell]>,
}

impl Cells {
    /// As many cells as there are names.
    pub(super) fn new(names: &Arc<[Arc<str>]>, cells: Box<[Cell]>) -> Self {
        debug_assert_eq!(names.len(), cells.len(), "a cell for each name");
        Self {
            names: Arc::clone(names),
            cells,
        }
    }

    /// The cell of a column; none where the column was not declared when the change was made.
    pub fn get(&self, column: &str) -> Option<&Cell> {
        let found = self.iter().find(|(name, _)| *name == column);
        found.map(|(_, cell)| cell)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.names.iter().map(|name| &**name).zip(&self.cells)
    }

    /// The values alone.
    pub(super) const fn values(&self) -> &[Cell] {
        &self.cells
    }
}

/// What happened to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// One row: made where there is no old state, gone where there is no new one.
    ///
    /// A row whose key or tenant changed is one that is gone and one that was made.
    Row {
        /// The key columns.
        key: Cells,
        /// The declared columns before.
        old: Option<Cells>,
        /// The declared columns after.
        new: Option<Cells>,
    },
    /// Any number of rows, which are not named: bulk loads, TRUNCATE, other programs on SQLite.
    Many,
}

/// A change of a captured table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: Arc<str>,
    /// Whose rows; none for a table without tenants, and where rows of all tenants may have changed.
    pub tenant: Option<TenantId>,
    /// What happened.
    pub what: What,
}

/// All changes of one transaction (on SQLite of all writes that shared a commit), in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The changes.
    pub changes: Vec<Change>,
    /// Which of them all it is; none where nothing is captured and the text of a statement was all there was.
    pub id: Option<CommitId>,
}

impl Commit {
    /// A commit that nobody can place.
    #[doc(hidden)]
    pub const fn of(changes: Vec<Change>) -> Self {
        Self { changes, id: None }
    }

    /// Whether what was read at `position` has this commit in it; none where that cannot be known.
    pub fn is_in(&self, position: &Position) -> Option<bool> {
        self.id.map(|id| position.has(id))
    }
}

/// What tells a commit from all others: on PostgreSQL a transaction, the same on all nodes, on SQLite one of a process; see
/// [`Position::has`](crate::Position::has).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitId(pub(crate) Number);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    Transaction(u64),
    Count { process: u64, commits: u64 },
}

/// Up to where everything has been told to the hooks.
///
/// A load that begins after it was told reads all that `position` includes. What `position` includes has been told before,
/// or was void before the last [`Reset`](Event::Reset). A [`Wrote`](Event::Wrote) of this process is included when its
/// ticket is not later than `look`; one with a later ticket may have been told and not be included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The place, which means the same on every node that has the same `origin`.
    pub position: Position,
    /// Which life of which server it belongs to. A server that was restarted, restored or replaced, or that recovered from
    /// a crash, may give the numbers of lost transactions to others, so its positions are another origin's.
    pub origin: u64,
    /// The look at the database that found it.
    pub look: Ticket,
}

/// What this process has just committed on PostgreSQL, told before the caller of the commit hears of it.
///
/// The exact changes follow in the stream. Until [`ChangeStream::has_passed`](crate::ChangeStream::has_passed) says so
/// of the `ticket`, nothing that was read from these tables before may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// The captured tables that the statements name, with those that foreign keys change along; none means any.
    pub tables: Option<Arc<[Arc<str>]>>,
    /// Of which tenant the session was; [`TenantId::PLATFORM`] may have written rows of any.
    pub tenant: TenantId,
    /// When the exact changes have been told.
    pub ticket: Ticket,
}

/// A moment in the stream of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// From the number that [`Ticket::get`] answered in this process.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// A number that grows with the stream.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Why all that was derived from earlier events is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetReason {
    /// The stream began, or began again after it was cut off.
    Connected,
    /// Changes were removed before this node had read them.
    Pruned,
    /// There was more to read than a node takes at once.
    Flood,
    /// The server went back in time: it was restored, or another took its place.
    Restored,
    /// Tables or columns were added to what is captured, taken away, or their triggers were touched.
    Redeclared,
    /// This subscriber did not keep up.
    Slow,
}

impl ResetReason {
    /// For labels of metrics and for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Pruned => "pruned",
            Self::Flood => "flood",
            Self::Restored => "restored",
            Self::Redeclared => "redeclared",
            Self::Slow => "slow",
        }
    }
}

/// One element of the stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// A transaction was committed; each is told at least once, and changes of one row in their order.
    Committed(Arc<Commit>),
    /// This process wrote; told to hooks only.
    Wrote(Arc<Wrote>),
    /// Everything that was derived from earlier events is void. Commits from here on are told again.
    Reset(ResetReason),
    /// The stream is cut off; what happens now is not told. A reset follows before it is trusted again.
    Lost,
    /// The stream tells everything again.
    Trusted,
    /// Everything up to a place has been told, although there may have been nothing; told to hooks only, and on PostgreSQL
    /// only: no other node shares a place in a SQLite file.
    Reached(Arc<Reached>),
}
