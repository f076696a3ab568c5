//! What has changed so far: for each captured table a board of version numbers, the lease words of the cache.
//!
//! Each event of the change stream gets the next version, and writes it to the places of the board that it concerns: the
//! table, the tenant's place, the places of the row. A load notes the latest version before its first statement. What it
//! made is good as long as none of its places has a later one: a commit whose version was there when the load began was
//! there for the load to see. So a load that a change overtakes is dead before it is stored, nobody has to find it, and
//! looking costs a few loads of memory.
//!
//! Places are shared: tenants and rows are hashed onto a fixed number of them. Two that meet in one place end each
//! other's entries without need, which costs a load and is never wrong; and nothing grows with the number of keys. The
//! hash is the same in every process and release, so that a place means the same on all nodes.

use std::collections::HashMap;
use std::sync::Arc;

use brisk_core::TenantId;
use brisk_db::{Captured, Cell, Cells, Change, Event, Ticket, What, Wrote};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::fault::{Fault, Planted};
use crate::sync::{AtomicU64, Ordering, ROWS, RwLock, StreamWatch, TENANTS};
use crate::timeline::Timeline;

/// Sets of columns of one table; statements that would need more depend on the tenant's whole table.
const MOST_SETS: usize = 8;

/// The number of an event in this process.
pub(crate) type Version = u64;

/// All boards of a database.
#[derive(Debug, Default)]
pub(crate) struct Boards {
    planted: Planted,
    pub(crate) timeline: Timeline,
    tables: RwLock<HashMap<Arc<str>, Arc<Board>>>,
    /// The latest version that concerned a table which had no board, or might have.
    missed: AtomicU64,
}

/// The places of one table.
#[derive(Debug)]
pub(crate) struct Board {
    planted: Planted,
    pub(crate) table: Arc<str>,
    /// What is captured of the table, as a number.
    pub(crate) declared: u64,
    /// Whether its rows belong to tenants.
    pub(crate) owned: bool,
    /// Any change at all.
    any: AtomicU64,
    /// Changes of rows that are not named, of any tenant.
    swept: AtomicU64,
    tenants: Box<[TenantPlace]>,
    sets: RwLock<Vec<Arc<RowSet>>>,
}

/// Four words, so that one look takes one line of memory.
#[derive(Debug)]
#[repr(align(32))]
struct TenantPlace {
    /// Any change.
    touched: AtomicU64,
    /// Changes of rows that are not named.
    swept: AtomicU64,
    /// The latest own commit whose exact changes are yet to come, and when they have come.
    wrote: AtomicU64,
    until: AtomicU64,
}

impl TenantPlace {
    fn born(version: Version) -> Self {
        Self {
            touched: version.into(),
            swept: version.into(),
            wrote: version.into(),
            until: 0.into(),
        }
    }
}

/// The places of a table's rows by the values of some columns.
#[derive(Debug)]
pub(crate) struct RowSet {
    pub(crate) columns: Box<[Arc<str>]>,
    places: Box<[AtomicU64]>,
}

/// What an entry depends on.
#[derive(Clone, Debug)]
pub(crate) enum Tag {
    /// All of a table.
    Table(Arc<Board>),
    /// A tenant's rows of a table.
    Tenant(Arc<Board>, usize),
    /// Rows of a tenant, or of a table that belongs to none, with certain values.
    Rows(Arc<Board>, usize, Arc<RowSet>, usize),
}

impl Tag {
    /// Whether nothing that it names has changed since `version`.
    #[inline]
    pub(crate) fn holds(&self, version: Version, watch: &StreamWatch) -> bool {
        let at_most = |place: &AtomicU64| place.load(Ordering::Acquire) <= version;
        match self {
            Self::Table(board) => at_most(&board.any),
            Self::Tenant(board, tenant) => {
                at_most(&board.tenants[*tenant].touched) && at_most(&board.swept)
            }
            Self::Rows(board, tenant, set, place) => {
                let tenant = &board.tenants[*tenant];
                let is_told = || {
                    if board.planted.has(Fault::BarrierIgnored) {
                        return true;
                    }
                    let until = || Ticket::from_raw(tenant.until.load(Ordering::Acquire));
                    at_most(&tenant.wrote) || watch.has_passed(until())
                };
                let is_unchanged = || {
                    at_most(&set.places[*place]) && at_most(&tenant.swept) && at_most(&board.swept)
                };
                if board.planted.has(Fault::BarrierAfterPlaces) {
                    return is_unchanged() && is_told();
                }
                // In this order: what an own commit changed stands in the places once it has been told.
                is_told() && is_unchanged()
            }
        }
    }

    /// Whether every change that concerns `other` concerns this too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Table(here), _) => Arc::ptr_eq(here, other.board()),
            (Self::Tenant(here, tenant), Self::Tenant(there, of) | Self::Rows(there, of, ..)) => {
                Arc::ptr_eq(here, there) && tenant == of
            }
            (Self::Rows(_, tenant, set, row), Self::Rows(_, of, sets, place)) => {
                Arc::ptr_eq(set, sets) && tenant == of && row == place
            }
            _ => false,
        }
    }

    const fn board(&self) -> &Arc<Board> {
        match self {
            Self::Table(board) | Self::Tenant(board, _) | Self::Rows(board, ..) => board,
        }
    }

    /// The table.
    pub(crate) fn table(&self) -> &Arc<str> {
        &self.board().table
    }

    /// How much of the table, for statistics.
    pub(crate) const fn precision(&self) -> Precision {
        match self {
            Self::Table(_) => Precision::Table,
            Self::Tenant(..) => Precision::Tenant,
            Self::Rows(..) => Precision::Rows,
        }
    }
}

/// How precisely changes are told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// Each change of the table counts.
    Table,
    /// Each change of the tenant's rows counts.
    Tenant,
    /// Changes of rows with certain values count.
    Rows,
}

impl Precision {
    /// For labels of metrics and for answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Tenant => "tenant",
            Self::Rows => "rows",
        }
    }
}

impl Boards {
    pub(crate) fn new(planted: Planted) -> Self {
        Self {
            planted,
            ..Self::default()
        }
    }

    /// The latest version: whatever a later statement reads includes the commits of this one and of all before it.
    #[inline]
    pub(crate) fn version(&self) -> Version {
        self.timeline.version()
    }

    /// The board of a captured table.
    pub(crate) fn of(&self, captured: &Captured) -> Arc<Board> {
        if let Some(board) = self.find(&captured.table) {
            return board;
        }
        let mut tables = self.tables.write().expect(POISONED);
        // An event that found no board has said so before we came in; later ones find this one.
        let born = self.missed.load(Ordering::Acquire);
        let board = Board::born(captured, born, self.planted);
        let place = tables
            .entry(Arc::clone(&captured.table))
            .or_insert_with(|| Arc::new(board));
        Arc::clone(place)
    }

    fn find(&self, table: &str) -> Option<Arc<Board>> {
        self.tables.read().expect(POISONED).get(table).cloned()
    }

    /// The board that an event concerns.
    fn concerned(&self, table: &str, version: Version) -> Option<Arc<Board>> {
        let tables = self.tables.read().expect(POISONED);
        let board = tables.get(table).cloned();
        if board.is_none() {
            // While nobody can make it.
            raise(&self.missed, version);
        }
        board
    }

    /// Notes what an event says.
    pub(crate) fn hear(&self, event: &Event) {
        match event {
            Event::Committed(commit) => {
                let version = self.timeline.commit(commit.id);
                let mut last: Option<Arc<Board>> = None;
                for change in &commit.changes {
                    if last.as_ref().is_none_or(|b| b.table != change.table) {
                        last = self.concerned(&change.table, version);
                    }
                    if let Some(board) = &last {
                        board.changed(change, version);
                    }
                }
            }
            Event::Wrote(wrote) => {
                let version = self.timeline.wrote(wrote.ticket);
                let tables = self.tables.read().expect(POISONED);
                let named = wrote.tables.as_deref();
                if named.is_none_or(|named| named.iter().any(|t| !tables.contains_key(t))) {
                    raise(&self.missed, version);
                }
                match named {
                    Some(named) => {
                        for board in named.iter().filter_map(|table| tables.get(table)) {
                            board.wrote(wrote, version);
                        }
                    }
                    None => tables.values().for_each(|b| b.wrote(wrote, version)),
                }
            }
            Event::Reset(_) => self.forget(),
            Event::Reached(place) => self.timeline.reached(place),
            Event::Lost | Event::Trusted => {}
        }
    }

    /// Ends everything that depends on any table.
    pub(crate) fn forget(&self) {
        if self.planted.has(Fault::ResetIgnored) {
            return;
        }
        let reset = || self.timeline.reset();
        let early = self.planted.has(Fault::ResetUnlocked).then(reset);
        let mut tables = self.tables.write().expect(POISONED);
        // Under the lock: a load that begins after this number must not find a board that no event reaches any more.
        let version = early.unwrap_or_else(reset);
        raise(&self.missed, version);
        for board in tables.values() {
            board.sweep(None, version);
        }
        // What is captured of a table may differ from now on.
        tables.clear();
    }

    /// Ends everything that depends on a table, or on a tenant's rows of it, unless it was loaded after `look` began.
    pub(crate) fn sweep(&self, table: &str, tenant: Option<TenantId>, look: Ticket) {
        let version = self.timeline.swept(look);
        if let Some(board) = self.concerned(table, version) {
            board.sweep(tenant, version);
        }
    }
}

const POISONED: &str = "no holder of this lock can panic";

fn raise(place: &AtomicU64, version: Version) {
    place.fetch_max(version, Ordering::AcqRel);
}

impl Board {
    fn born(captured: &Captured, version: Version, planted: Planted) -> Self {
        let owned = captured.tenant.is_some();
        let tenants = if owned { TENANTS } else { 1 };
        Self {
            planted,
            table: Arc::clone(&captured.table),
            declared: declared(captured),
            owned,
            any: version.into(),
            swept: version.into(),
            tenants: (0..tenants).map(|_| TenantPlace::born(version)).collect(),
            sets: RwLock::default(),
        }
    }

    /// Where a tenant's changes are noted.
    pub(crate) fn tenant(&self, tenant: TenantId) -> usize {
        if self.owned {
            spread(&tenant.0.to_le_bytes(), TENANTS)
        } else {
            0
        }
    }

    /// The places of rows by these columns, which stand in one order for one set; none when there are too many sets.
    pub(crate) fn set(&self, columns: &[Arc<str>]) -> Option<Arc<RowSet>> {
        let find = |sets: &[Arc<RowSet>]| sets.iter().find(|s| *s.columns == *columns).cloned();
        if let Some(set) = find(&self.sets.read().expect(POISONED)) {
            return Some(set);
        }
        let mut sets = self.sets.write().expect(POISONED);
        if let Some(set) = find(&sets) {
            return Some(set);
        }
        if sets.len() >= MOST_SETS {
            return None;
        }
        // An event says first that there was a change, and then looks for sets.
        let born = self.any.load(Ordering::Acquire);
        let set = Arc::new(RowSet {
            columns: columns.into(),
            places: (0..ROWS).map(|_| born.into()).collect(),
        });
        sets.push(Arc::clone(&set));
        Some(set)
    }

    fn changed(&self, change: &Change, version: Version) {
        let (What::Row { key, old, new }, tenant) = (&change.what, change.tenant) else {
            return self.sweep(change.tenant, version);
        };
        if self.owned && tenant.is_none() {
            return self.sweep(None, version);
        }
        let tenant = tenant.unwrap_or(TenantId::PLATFORM);
        if self.planted.has(Fault::UndeclaredIgnored) && old == new {
            return;
        }
        let old = old
            .as_ref()
            .filter(|_| !self.planted.has(Fault::OldIgnored));
        let new = new
            .as_ref()
            .filter(|_| !self.planted.has(Fault::NewIgnored));
        raise(&self.any, version);
        raise(&self.tenants[self.tenant(tenant)].touched, version);
        for set in self.sets.read().expect(POISONED).iter() {
            for state in [old, new].into_iter().flatten() {
                match set.place(self.owned.then_some(tenant), key, state) {
                    Some(place) => raise(&set.places[place], version),
                    // A column that was not declared yet when the change was made.
                    None => raise(&self.tenants[self.tenant(tenant)].swept, version),
                }
            }
        }
    }

    /// Rows that are not named have changed: of a tenant, or of anybody.
    fn sweep(&self, tenant: Option<TenantId>, version: Version) {
        let ignored = match tenant {
            Some(_) => Fault::TenantSweepIgnored,
            None => Fault::TableSweepIgnored,
        };
        if self.planted.has(ignored) {
            return;
        }
        raise(&self.any, version);
        match tenant {
            Some(tenant) if self.owned => {
                let place = &self.tenants[self.tenant(tenant)];
                raise(&place.touched, version);
                raise(&place.swept, version);
            }
            _ => raise(&self.swept, version),
        }
    }

    /// This process has committed, and what exactly is told later. Until then nothing that was read before counts.
    fn wrote(&self, wrote: &Wrote, version: Version) {
        if self.owned && wrote.tenant == TenantId::PLATFORM {
            return self.sweep(None, version);
        }
        raise(&self.any, version);
        let place = &self.tenants[self.tenant(wrote.tenant)];
        raise(&place.touched, version);
        // First until when: who sees that there was a write must find the right end of it.
        place.until.fetch_max(wrote.ticket.get(), Ordering::AcqRel);
        raise(&place.wrote, version);
    }
}

impl RowSet {
    /// The place of a row, whose key stands apart from its other columns; none where a column is not known.
    fn place(&self, tenant: Option<TenantId>, key: &Cells, state: &Cells) -> Option<usize> {
        let mut bytes = RowBytes::of(tenant);
        for column in &self.columns {
            bytes.add(state.get(column).or_else(|| key.get(column))?);
        }
        Some(spread(&bytes.0, ROWS))
    }

    /// The place of rows with these values, in the order of the columns.
    pub(crate) fn place_of(&self, tenant: Option<TenantId>, values: &[Cell]) -> usize {
        debug_assert_eq!(values.len(), self.columns.len(), "a value for each column");
        let mut bytes = RowBytes::of(tenant);
        for value in values {
            bytes.add(value);
        }
        spread(&bytes.0, ROWS)
    }
}

/// A row's owner and some of its values, so that no two rows are written alike.
struct RowBytes(SmallVec<[u8; 96]>);

impl RowBytes {
    fn of(tenant: Option<TenantId>) -> Self {
        let mut bytes = SmallVec::new();
        bytes.push(tenant.is_some().into());
        if let Some(tenant) = tenant {
            bytes.extend_from_slice(&tenant.0.to_le_bytes());
        }
        Self(bytes)
    }

    fn add(&mut self, cell: &Cell) {
        let (kind, value): (u8, &[u8]) = match cell {
            Cell::Null => (0, &[]),
            Cell::Int(i) => (1, &i.to_le_bytes()),
            Cell::Text(text) => (2, text.as_bytes()),
            Cell::Bytes(bytes) => (3, bytes),
        };
        self.0.push(kind);
        let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&len.to_le_bytes());
        self.0.extend_from_slice(value);
    }
}

/// Differs where something else is captured of a table, or noted in other places.
fn declared(captured: &Captured) -> u64 {
    let tenant = captured.tenant.as_deref().unwrap_or_default();
    let (table, key, columns) = (
        &captured.table,
        captured.key.join(","),
        captured.columns.join(","),
    );
    xxh3_64(format!("{table}|{tenant}|{key}|{columns}|{TENANTS}|{ROWS}").as_bytes())
}

fn spread(bytes: &[u8], places: usize) -> usize {
    // A rest smaller than a number of places, which is an usize.
    usize::try_from(xxh3_64(bytes) % places as u64).unwrap_or_default()
}
