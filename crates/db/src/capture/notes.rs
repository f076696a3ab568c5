//! SQLite: what the writer's transaction has changed so far.
//!
//! Triggers of the writer's own connection hand each changed row to a function of ours, which keeps it in memory until
//! the commit. Nothing is written for it, and what is undone is taken back here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use brisk_core::TenantId;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Null, ValueRef};

use super::change::{Cell, Change, What};
use super::declare::Captured;
use super::layout::{Image, Layout, tell};
use crate::bulk::Insert;
use crate::value::Value;

/// The function that triggers call: the number of the table, which sides there are, and the values of each.
pub(super) const NOTE: &str = "brisk_note";

/// Which states of a row a trigger hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sides {
    New = 1,
    Old = 2,
    Both = 3,
}

/// Rows of one commit that are told one by one; of more, only tables and tenants are.
const NAMED_ROWS: usize = 4_096;

/// A bulk insert of fewer rows has each of them told.
const SUSPEND_FROM: usize = 64;

/// What was noted since the transaction began. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    /// The captured tables, by their numbers in the triggers.
    tables: Vec<(Captured, Layout)>,
    /// Whether anybody is told; else nothing is noted.
    heard: bool,
    /// The table of the bulk insert that is under way.
    suspended: Option<Arc<str>>,
    changes: Vec<Change>,
    /// Tables and tenants, once there are too many changes.
    many: BTreeSet<(Arc<str>, Option<TenantId>)>,
    /// How many changes there were at each open savepoint.
    savepoints: Vec<Mark>,
}

/// A moment of a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(usize);

impl Notes {
    /// Notes of what `conn` changes.
    pub(crate) fn over(conn: &Connection) -> rusqlite::Result<Self> {
        let notes = Self::default();
        let place = notes.clone();
        conn.create_scalar_function(NOTE, -1, FunctionFlags::SQLITE_UTF8, move |row| {
            place.lock().note(row);
            Ok(Null)
        })?;
        Ok(notes)
    }

    /// From now on the triggers' numbers mean these tables.
    pub(super) fn number(&self, tables: &[&Captured]) {
        let laid_out = |table: &&Captured| ((*table).clone(), Layout::of(table));
        self.lock().tables = tables.iter().map(laid_out).collect();
    }

    /// A transaction begins; without anybody to hear of it nothing is noted.
    pub(super) fn begin(&self, heard: bool) {
        let mut noted = self.lock();
        noted.clear();
        noted.heard = heard;
    }

    /// What was changed and is committed now.
    pub(super) fn take(&self) -> Vec<Change> {
        let mut noted = self.lock();
        if !noted.many.is_empty() {
            noted.sum_up();
            let sums = std::mem::take(&mut noted.many).into_iter();
            noted.changes = sums.map(|(table, tenant)| many(&table, tenant)).collect();
        }
        noted.savepoints.clear();
        std::mem::take(&mut noted.changes)
    }

    /// The same where it is not known what of it was undone: by tables and tenants.
    pub(super) fn take_coarse(&self) -> Vec<Change> {
        self.lock().coarsen(0);
        self.take()
    }

    /// A savepoint is set.
    pub(crate) fn savepoint(&self) {
        let mut noted = self.lock();
        let mark = noted.mark();
        noted.savepoints.push(mark);
    }

    /// The latest savepoint is given up, and with `undo` what came after it.
    pub(crate) fn leave_savepoint(&self, undo: bool) {
        let mut noted = self.lock();
        if let Some(mark) = noted.savepoints.pop()
            && undo
        {
            noted.undo(mark);
        }
    }

    /// Where the transaction is now.
    pub(crate) fn mark(&self) -> Mark {
        self.lock().mark()
    }

    /// What began at `mark` was undone.
    pub(crate) fn undo(&self, mark: Mark) {
        self.lock().undo(mark);
    }

    /// Runs statements. What one has changed before it failed is usually undone, but stands where its text says OR FAIL,
    /// so it is told without its rows.
    pub(crate) fn of<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mark = self.mark();
        let result = work();
        if result.is_err() {
            let mut noted = self.lock();
            if noted.changes.len() > mark.0 {
                noted.coarsen(mark.0);
            }
        }
        result
    }

    /// Where it is worth it, keeps the rows of a bulk insert out until the guard is dropped, and notes their tenants.
    pub(crate) fn suspend(&self, insert: &Insert) -> Option<Suspended<'_>> {
        if insert.rows.len() < SUSPEND_FROM {
            return None;
        }
        let mut noted = self.lock();
        if !noted.heard {
            return None;
        }
        let captured = |(captured, _): &&(Captured, Layout)| *captured.table == *insert.table;
        let (captured, _) = noted.tables.iter().find(captured)?;
        let tenant = captured.tenant.as_deref();
        let tenant = tenant.and_then(|tenant| insert.place_of(tenant));
        let table = Arc::clone(&captured.table);
        noted.suspended = Some(Arc::clone(&table));
        Some(Suspended {
            notes: self,
            table,
            tenant,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().expect("no holder of this lock can panic")
    }
}

/// A bulk insert under way.
#[derive(Debug)]
pub(crate) struct Suspended<'a> {
    notes: &'a Notes,
    table: Arc<str>,
    /// Which of the inserted columns is the tenant.
    tenant: Option<usize>,
}

impl Suspended<'_> {
    /// All rows are in: their tenants are told.
    pub(crate) fn end(self, insert: &Insert) {
        let tenant = |row: &Vec<Value>| match self.tenant.and_then(|place| row.get(place)) {
            Some(Value::Int(tenant)) => Some(TenantId(*tenant)),
            _ => None,
        };
        let tenants: BTreeSet<_> = insert.rows.iter().map(tenant).collect();
        let mut noted = self.notes.lock();
        for tenant in tenants {
            noted.push(many(&self.table, tenant));
        }
    }
}

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        self.notes.lock().suspended = None;
    }
}

fn many(table: &Arc<str>, tenant: Option<TenantId>) -> Change {
    Change {
        table: Arc::clone(table),
        tenant,
        what: What::Many,
    }
}

impl Noted {
    fn clear(&mut self) {
        self.changes.clear();
        self.many.clear();
        self.savepoints.clear();
        self.suspended = None;
    }

    const fn mark(&self) -> Mark {
        Mark(self.changes.len())
    }

    fn undo(&mut self, mark: Mark) {
        // What was summed up meanwhile stays: it says too much, never too little.
        self.changes.truncate(mark.0);
    }

    /// Takes a row from a trigger.
    fn note(&mut self, row: &Context<'_>) {
        let number = match (self.heard, row.get_raw(0)) {
            (true, ValueRef::Integer(number)) => usize::try_from(number).unwrap_or(usize::MAX),
            _ => return,
        };
        let Some((Captured { table, .. }, layout)) = self.tables.get(number) else {
            return;
        };
        if self.suspended.as_ref() == Some(table) {
            return;
        }
        let side = |from: usize| {
            let values = (from..from + layout.len()).map(|i| cell(row.get_raw(i)));
            layout.image(values.map_while(|cell| cell))
        };
        let sides = row.get_raw(1).as_i64().unwrap_or_default();
        let (old, new): (Option<Option<Image>>, _) = match sides {
            s if s == Sides::New as i64 => (None, Some(side(2))),
            s if s == Sides::Old as i64 => (Some(side(2)), None),
            _ => (Some(side(2)), Some(side(2 + layout.len()))),
        };
        // A value that no declared type has, in a table that is not STRICT.
        let readable = !matches!(old, Some(None)) && !matches!(new, Some(None));
        let table = Arc::clone(table);
        if readable {
            tell(&table, old.flatten(), new.flatten(), &mut self.changes);
            if self.changes.len() > NAMED_ROWS {
                self.sum_up();
            }
        } else {
            self.push(many(&table, None));
        }
    }

    fn push(&mut self, change: Change) {
        self.changes.push(change);
        if self.changes.len() > NAMED_ROWS {
            self.sum_up();
        }
    }

    /// Moves what has gathered to the sums, so that a long transaction stays small.
    fn sum_up(&mut self) {
        let changes = self.changes.drain(..);
        self.many.extend(changes.map(|c| (c.table, c.tenant)));
        // Marks before now are behind what was summed up.
        self.savepoints.fill(Mark(0));
    }

    /// Replaces the changes from `from` on by one for each table and tenant.
    fn coarsen(&mut self, from: usize) {
        let changes = self.changes.drain(from.min(self.changes.len())..);
        let sums: BTreeSet<_> = changes.map(|c| (c.table, c.tenant)).collect();
        let sums = sums.iter().map(|(table, tenant)| many(table, *tenant));
        self.changes.extend(sums);
    }
}

fn cell(value: ValueRef<'_>) -> Option<Cell> {
    Some(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(i) => Cell::Int(i),
        ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text).ok()?.into()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.into()),
        ValueRef::Real(_) => return None,
    })
}
