//! Counts and sums that follow each change of a table instead of counting again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use brisk_core::{Deadline, Scope, TenantId};
use brisk_db::sea_query::{Alias, Asterisk, Expr, ExprTrait as _, Func, Query, SelectStatement};
use brisk_db::{
    Captured, Cell, Cells, Change, Commit, Db, Event, HookGuard, Position, Session, StreamWatch,
    Ticket, Value, What,
};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::error::Error;
use crate::live_rows::{GroupRow, MOST_BY, MOST_SUMS};

/// Commits that may wait while rows are counted; with more, counting begins anew.
const MOST_WAITING: usize = 100_000;

/// Groups of all tenants together; a table with more is counted as it ever was.
const MOST_GROUPS: usize = 250_000;

/// For so many times as long as counting took nothing is counted anew: where another program writes again and again, rows
/// are rather counted by those who ask than all the time, by one whom writers on SQLite wait for.
const REST: u32 = 20;

/// The wait before a count that failed is tried again; doubles up to [`BACKOFF_CAP`].
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_CAP: Duration = Duration::from_secs(10);

/// What is counted: the rows of a captured table, by tenant and by the values of some of its captured columns.
///
/// A group's numbers take some hundred bytes of memory on each node, so the columns should have few values: statuses,
/// categories, areas.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// The name in metrics and of the statements that count.
    pub name: &'static str,
    /// The table; its rows belong to tenants.
    pub table: &'static str,
    /// Captured columns that can be filtered by, six at most.
    pub by: &'static [&'static str],
    /// Captured columns of integers that are summed up, four at most.
    pub sums: &'static [&'static str],
}

/// Numbers of the rows that fit a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many rows.
    pub count: u64,
    /// Their sums, in the order of [`Totals::sums`]; NULL counts as nothing.
    pub sums: Vec<i64>,
    /// Up to where commits are included; none where the rows were counted for this answer.
    pub position: Option<Position>,
}

/// [`Totals`] of one database, kept exact from its change stream. Cheap to clone.
///
/// Each answer is what counting would have given at its position, and includes all that this process has committed
/// before. While the numbers are not known (at the start, after a bulk load, while the stream is not trusted) and inside
/// transactions the rows are counted by a statement.
#[derive(Clone, Debug)]
pub struct LiveTotals(Arc<Following>);

#[derive(Debug)]
struct Following {
    live: Arc<Live>,
    counter: AbortHandle,
    _hook: HookGuard,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.counter.abort();
    }
}

#[derive(Debug)]
struct Live {
    totals: Totals,
    watch: StreamWatch,
    state: RwLock<State>,
    /// Own commits whose exact changes are yet to come, by tenant.
    pending: Mutex<HashMap<TenantId, Ticket>>,
    again: Notify,
    counted: Notify,
    served: AtomicU64,
    fallen_back: AtomicU64,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing is known; the counter will be at it.
    #[default]
    Unknown,
    /// Rows are being counted; what is committed meanwhile waits.
    Counting {
        waiting: Vec<Arc<Commit>>,
    },
    /// The table cannot be followed.
    Never,
    Known(Known),
}

#[derive(Debug)]
struct Known {
    layout: Layout,
    groups: HashMap<TenantId, HashMap<Box<[Cell]>, Numbers>>,
    size: usize,
}

/// Where columns are in a change.
#[derive(Clone, Debug)]
struct Layout {
    by: &'static [&'static str],
    sums: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Numbers {
    count: i64,
    sums: [i64; MOST_SUMS],
}

const POISONED: &str = "no holder of this lock can panic";

impl LiveTotals {
    /// Begins to follow; call it inside a runtime. Numbers are known soon after the change stream is trusted.
    ///
    /// Counting takes one statement over the whole table. On SQLite writers wait for it.
    ///
    /// # Panics
    ///
    /// When there are too many columns.
    pub fn start(db: &Db, totals: Totals) -> Self {
        assert!(
            totals.by.len() <= MOST_BY && totals.sums.len() <= MOST_SUMS,
            "{} has at most {MOST_BY} columns to filter by and {MOST_SUMS} to sum up",
            totals.name
        );
        let watch = db.changes().watch();
        let live = Arc::new(Live {
            totals,
            watch: watch.clone(),
            state: RwLock::default(),
            pending: Mutex::default(),
            again: Notify::new(),
            counted: Notify::new(),
            served: AtomicU64::new(0),
            fallen_back: AtomicU64::new(0),
        });
        let heard = Arc::clone(&live);
        let hook = watch.on_event(move |event| heard.hear(event));
        let counter = tokio::spawn(count_again(db.clone(), Arc::clone(&live)));
        live.again.notify_one();
        Self(Arc::new(Following {
            live,
            counter: counter.abort_handle(),
            _hook: hook,
        }))
    }

    /// The numbers of the session's tenant where each named column has the named value.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] where the rows have to be counted and cannot be.
    ///
    /// # Panics
    ///
    /// When a column is not one of [`Totals::by`].
    pub async fn total(&self, session: &Session, filter: &[(&str, Value)]) -> Result<Total, Error> {
        let live = &*self.0.live;
        for (column, _) in filter {
            assert!(
                live.totals.by.contains(column),
                "{} cannot be filtered by {column}",
                live.totals.name
            );
        }
        if session.in_transaction() || !session.positions().is_empty() {
            return live.count(session, filter).await;
        }
        let pending = live
            .pending
            .lock()
            .expect(POISONED)
            .get(&session.tenant())
            .copied();
        if let Some(ticket) = pending.filter(|ticket| !live.watch.has_passed(*ticket)) {
            // What this process has just committed is told in some milliseconds.
            let passing = live.watch.pass(ticket);
            let passed = match session.scope().deadline().instant() {
                Some(end) => tokio::time::timeout_at(end.into(), passing).await.is_ok(),
                None => tokio::time::timeout(BACKOFF_CAP, passing).await.is_ok(),
            };
            if !passed {
                return live.count(session, filter).await;
            }
        }
        match live.known(session.tenant(), filter) {
            Some(total) => {
                live.served.fetch_add(1, Ordering::Relaxed);
                session.scope().ledger().cache(true);
                Ok(total)
            }
            None => live.count(session, filter).await,
        }
    }

    /// Waits until the numbers are known.
    pub async fn ready(&self) {
        loop {
            let counted = self.0.live.counted.notified();
            if matches!(*self.0.live.state.read().expect(POISONED), State::Known(_)) {
                return;
            }
            counted.await;
        }
    }

    /// Answers without counting, and answers for which the rows had to be counted.
    pub fn served(&self) -> (u64, u64) {
        (
            self.0.live.served.load(Ordering::Relaxed),
            self.0.live.fallen_back.load(Ordering::Relaxed),
        )
    }
}

impl Live {
    fn known(&self, tenant: TenantId, filter: &[(&str, Value)]) -> Option<Total> {
        if !self.watch.is_trusted() {
            return None;
        }
        let wanted = self.wanted(filter)?;
        let state = self.state.read().expect(POISONED);
        let State::Known(known) = &*state else {
            return None;
        };
        let numbers = known.sum(tenant, &wanted);
        Some(Total {
            count: u64::try_from(numbers.count).unwrap_or_default(),
            sums: numbers.sums[..self.totals.sums.len()].to_vec(),
            position: self.watch.position(),
        })
    }

    /// A cell for each column that is filtered by; none where a value is of a kind that is not captured.
    fn wanted(&self, filter: &[(&str, Value)]) -> Option<Vec<Option<Cell>>> {
        let mut wanted = vec![None; self.totals.by.len()];
        for (column, value) in filter {
            let at = self.totals.by.iter().position(|by| by == column)?;
            wanted[at] = Some(Cell::of(value)?);
        }
        Some(wanted)
    }

    async fn count(&self, session: &Session, filter: &[(&str, Value)]) -> Result<Total, Error> {
        self.fallen_back.fetch_add(1, Ordering::Relaxed);
        session.scope().ledger().cache(false);
        let Some(captured) = self.watch.captured(self.totals.table) else {
            let statement = self.totals.name;
            return Err(Error::Load(Arc::new(brisk_db::Error::NoRow { statement })));
        };
        let mut query = self.query(&captured, false);
        if let Some(tenant) = &captured.tenant {
            query.and_where(Expr::col(Alias::new(&**tenant)).eq(session.tenant().get()));
        }
        for (column, value) in filter {
            let column = Expr::col(Alias::new(*column));
            query.and_where(match comparable(value) {
                Some(value) => column.eq(value),
                None => column.is_null(),
            });
        }
        let rows = session.select::<GroupRow>(self.totals.name, &query).await;
        let rows = rows.map_err(|e| Error::Load(Arc::new(e)))?;
        let numbers = rows.first().map(numbers).unwrap_or_default();
        Ok(Total {
            count: u64::try_from(numbers.count).unwrap_or_default(),
            sums: numbers.sums[..self.totals.sums.len()].to_vec(),
            position: None,
        })
    }

    /// All rows, by group or together.
    fn query(&self, captured: &Captured, by_group: bool) -> SelectStatement {
        let mut query = Query::select();
        let nothing = || Expr::cust("NULL");
        match &captured.tenant {
            Some(tenant) if by_group => query.column(Alias::new(&**tenant)),
            _ => query.expr(nothing()),
        };
        for at in 0..MOST_BY {
            match self.totals.by.get(at) {
                Some(column) if by_group => query.column(Alias::new(*column)),
                _ => query.expr(nothing()),
            };
        }
        query.expr(Func::count(Expr::col(Asterisk)));
        for at in 0..MOST_SUMS {
            match self.totals.sums.get(at) {
                Some(column) => {
                    let sum = Func::sum(Expr::col(Alias::new(*column)));
                    query.expr(Expr::expr(sum).cast_as("bigint"))
                }
                None => query.expr(nothing()),
            };
        }
        query.from(Alias::new(self.totals.table));
        if by_group {
            let tenant = captured.tenant.iter().map(|t| &**t);
            for column in tenant.chain(self.totals.by.iter().copied()) {
                query.add_group_by([Expr::col(Alias::new(column))]);
            }
        }
        query
    }

    fn hear(&self, event: &Event) {
        match event {
            Event::Committed(commit) => {
                if !commit
                    .changes
                    .iter()
                    .any(|c| *c.table == *self.totals.table)
                {
                    return;
                }
                let mut state = self.state.write().expect(POISONED);
                let fits = match &mut *state {
                    State::Counting { waiting } if waiting.len() < MOST_WAITING => {
                        waiting.push(Arc::clone(commit));
                        true
                    }
                    State::Known(known) => known.follow(commit, self.totals.table),
                    State::Counting { .. } => false,
                    State::Unknown | State::Never => true,
                };
                if !fits {
                    *state = State::Unknown;
                    self.again.notify_one();
                }
            }
            Event::Wrote(wrote) => {
                let named = wrote.tables.as_deref();
                if named.is_none_or(|named| named.iter().any(|t| **t == *self.totals.table)) {
                    let mut pending = self.pending.lock().expect(POISONED);
                    // What has passed needs no place, so there are as many as tenants that wrote a moment ago.
                    pending.retain(|_, ticket| !self.watch.has_passed(*ticket));
                    pending.insert(wrote.tenant, wrote.ticket);
                }
            }
            Event::Reset(_) => {
                *self.state.write().expect(POISONED) = State::Unknown;
                self.again.notify_one();
            }
            Event::Lost | Event::Reached(_) => {}
            Event::Trusted => self.again.notify_one(),
        }
    }
}

impl Known {
    /// Adds what a commit changed; false where that is not told row by row.
    fn follow(&mut self, commit: &Commit, table: &str) -> bool {
        commit
            .changes
            .iter()
            .filter(|change| *change.table == *table)
            .all(|change| self.change(change))
    }

    fn change(&mut self, change: &Change) -> bool {
        let (What::Row { key, old, new }, Some(tenant)) = (&change.what, change.tenant) else {
            return false;
        };
        for (state, sign) in [(old, -1), (new, 1)] {
            let Some(state) = state else { continue };
            let Some((group, sums)) = self.layout.read(key, state) else {
                return false;
            };
            self.add(tenant, &group, Numbers { count: sign, sums }, sign);
        }
        self.size <= MOST_GROUPS
    }

    fn add(&mut self, tenant: TenantId, group: &[Cell], more: Numbers, sign: i64) {
        let groups = self.groups.entry(tenant).or_default();
        let before = groups.len();
        let numbers = groups.entry(group.into()).or_default();
        numbers.count += more.count;
        for (sum, more) in numbers.sums.iter_mut().zip(more.sums) {
            *sum = sum.wrapping_add(more.wrapping_mul(sign));
        }
        if *numbers == Numbers::default() {
            groups.remove(group);
        }
        self.size = self.size + groups.len() - before;
    }

    fn sum(&self, tenant: TenantId, wanted: &[Option<Cell>]) -> Numbers {
        let mut total = Numbers::default();
        let Some(groups) = self.groups.get(&tenant) else {
            return total;
        };
        let exact: Option<Box<[Cell]>> = wanted.iter().cloned().collect();
        if let Some(exact) = exact {
            return groups.get(&exact).copied().unwrap_or_default();
        }
        for (group, numbers) in groups {
            let fits =
                |(cell, wanted): (&Cell, &Option<Cell>)| wanted.as_ref().is_none_or(|w| w == cell);
            if group.iter().zip(wanted).all(fits) {
                total.count += numbers.count;
                for (sum, more) in total.sums.iter_mut().zip(numbers.sums) {
                    *sum = sum.wrapping_add(more);
                }
            }
        }
        total
    }
}

impl Layout {
    /// The group and the numbers of a row; none where a column is not told.
    fn read(&self, key: &Cells, state: &Cells) -> Option<(Box<[Cell]>, [i64; MOST_SUMS])> {
        let cell = |column: &str| state.get(column).or_else(|| key.get(column));
        let group = self.by.iter().map(|column| cell(column).cloned());
        let group = group.collect::<Option<Box<[Cell]>>>()?;
        let mut sums = [0; MOST_SUMS];
        for (sum, column) in sums.iter_mut().zip(self.sums) {
            *sum = match cell(column)? {
                Cell::Int(n) => *n,
                Cell::Null => 0,
                _ => return None,
            };
        }
        Some((group, sums))
    }
}

fn numbers(row: &GroupRow) -> Numbers {
    Numbers {
        count: row.count,
        sums: row.sums,
    }
}

fn comparable(value: &Value) -> Option<brisk_db::sea_query::Value> {
    Some(match value.clone() {
        Value::Null | Value::Array(..) => return None,
        Value::Bool(b) => b.into(),
        Value::Int(i) => i.into(),
        Value::Float(f) => f.into(),
        Value::Text(text) => text.into_owned().into(),
        Value::Bytes(bytes) => bytes.into(),
        Value::Uuid(id) => id.into(),
        Value::Instant(at) => at.into(),
        Value::Date(date) => date.into(),
        Value::Json(text) => text.into(),
    })
}

/// Counts whenever the numbers are not known, until the task is aborted.
async fn count_again(db: Db, live: Arc<Live>) {
    let mut backoff = BACKOFF;
    let mut rested = Instant::now();
    loop {
        live.again.notified().await;
        while live.watch.is_trusted() && live.is_unknown() {
            tokio::time::sleep_until(rested).await;
            let began = Instant::now();
            match live.recount(&db).await {
                Ok(()) => {
                    backoff = BACKOFF;
                    rested = Instant::now() + began.elapsed() * REST;
                    live.counted.notify_waiters();
                }
                Err(error) => {
                    tracing::warn!(totals = live.totals.name, %error, "rows could not be counted");
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_CAP);
                }
            }
        }
    }
}

impl Live {
    fn is_unknown(&self) -> bool {
        matches!(*self.state.read().expect(POISONED), State::Unknown)
    }

    async fn recount(&self, db: &Db) -> Result<(), brisk_db::Error> {
        let captured = self.watch.captured(self.totals.table);
        let told = |captured: &Captured, column: &str| {
            captured
                .key
                .iter()
                .chain(&captured.columns)
                .any(|c| **c == *column)
        };
        let columns = || self.totals.by.iter().chain(self.totals.sums);
        let Some(captured) =
            captured.filter(|c| c.tenant.is_some() && columns().all(|name| told(c, name)))
        else {
            tracing::warn!(
                totals = self.totals.name,
                table = self.totals.table,
                "is counted each time: the table or a column of it is not captured"
            );
            *self.state.write().expect(POISONED) = State::Never;
            return Ok(());
        };
        *self.state.write().expect(POISONED) = State::Counting {
            waiting: Vec::new(),
        };
        let read = async {
            let (position, rows) = self.read(db, &captured).await?;
            // Until all that was counted has been told, so that nothing of it is added a second time.
            let soon = Deadline::after(BACKOFF_CAP);
            db.changes().reached(&position, soon).await?;
            Ok((position, rows))
        };
        let read: Result<_, brisk_db::Error> = read.await;
        let mut state = self.state.write().expect(POISONED);
        let State::Counting { waiting } = std::mem::take(&mut *state) else {
            // A reset, or more than could wait: the next round begins anew.
            return Ok(());
        };
        let (position, rows) = read?;
        let mut known = Known {
            layout: Layout {
                by: self.totals.by,
                sums: self.totals.sums,
            },
            groups: HashMap::new(),
            size: 0,
        };
        for row in rows {
            let Some(tenant) = row.tenant else { continue };
            let group = &row.by[..self.totals.by.len()];
            known.add(TenantId(tenant), group, numbers(&row), 1);
        }
        // What the count has seen is in it already.
        let rest = waiting
            .iter()
            .filter(|commit| commit.is_in(&position) != Some(true));
        let mut fits = known.size <= MOST_GROUPS;
        for commit in rest {
            fits = fits
                && commit.is_in(&position).is_some()
                && known.follow(commit, self.totals.table);
        }
        *state = if fits {
            State::Known(known)
        } else if waiting.is_empty() {
            tracing::warn!(
                totals = self.totals.name,
                "is counted each time: it has too many groups"
            );
            State::Never
        } else {
            State::Unknown
        };
        Ok(())
    }

    /// All groups with the place in the stream at which they were read.
    async fn read(
        &self,
        db: &Db,
        captured: &Captured,
    ) -> Result<(Position, Vec<GroupRow>), brisk_db::Error> {
        let session = db.session(Scope::platform(self.totals.name)).primary();
        let query = self.query(captured, true);
        let name = self.totals.name;
        let work = async |within: Session| {
            let position = within.position().await?;
            let rows = within.select::<GroupRow>(name, &query).await?;
            Ok((position, rows))
        };
        match db.system() {
            // One snapshot for both statements.
            brisk_db::System::Postgres => session.read_only(work).await,
            // On the one writer, where nothing is committed between the two and all before it has been told.
            brisk_db::System::Sqlite => session.transaction(work).await,
        }
    }
}
