//! What a load has read so far, as tags.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};

use brisk_core::{TenantId, Ticks};
use brisk_db::{
    Captured, Cell, Footprint, Reached, Read, ReadText, Session, StreamWatch, System, Value,
};
use smallvec::SmallVec;

use crate::board::{Boards, Tag, Version};
use crate::fault::{Fault, Planted};
use crate::plan::{Operand, Plan, TableRead, Unfit, plan};

/// Tags of one entry, usually one to three.
pub(crate) type Tags = SmallVec<[Tag; 2]>;

/// Values of one array parameter that are told apart; past that the statement depends on the tenant's whole table.
const MOST_VALUES: usize = 64;

/// How many loads may wait for each other in a row and still be joined; a ring of them has no end.
const DEEPEST: usize = 8;

/// Texts of built statements whose plans are remembered; those of declared ones always are.
const BUILT_TEXTS: usize = 4_096;

const POISONED: &str = "no holder of this lock can panic";

/// The plans of all texts seen so far.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    declared: RwLock<HashMap<(usize, usize), Found>>,
    built: RwLock<HashMap<(System, Box<str>), Found>>,
}

type Found = Arc<Result<Plan, Unfit>>;

impl Plans {
    fn of(&self, text: ReadText<'_>, planted: Planted) -> Found {
        match text {
            ReadText::Declared(declared) => {
                // Declared texts are statics: where one lies is its name.
                let key = (declared.as_ptr().addr(), declared.len());
                if let Some(found) = self.declared.read().expect(POISONED).get(&key) {
                    return Arc::clone(found);
                }
                let found = Arc::new(plan(text, planted));
                let mut all = self.declared.write().expect(POISONED);
                Arc::clone(all.entry(key).or_insert(found))
            }
            ReadText::Built(system, built) => {
                let key = (system, Box::from(built));
                if let Some(found) = self.built.read().expect(POISONED).get(&key) {
                    return Arc::clone(found);
                }
                let found = Arc::new(plan(text, planted));
                let mut all = self.built.write().expect(POISONED);
                if all.len() >= BUILT_TEXTS {
                    all.clear();
                }
                Arc::clone(all.entry(key).or_insert(found))
            }
        }
    }
}

/// What is known about all tables of a database.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) planted: Planted,
    pub(crate) watch: StreamWatch,
    pub(crate) boards: Boards,
    pub(crate) plans: Plans,
}

/// Follows one load.
#[derive(Debug)]
pub(crate) struct Trail {
    ground: Arc<Ground>,
    steps: Mutex<Steps>,
    parts: Mutex<Parts>,
}

/// Loads of other entries that a load waits for.
#[derive(Debug, Default)]
struct Parts {
    /// How many are being looked for.
    asking: u32,
    found: Vec<Weak<Trail>>,
}

/// What a load depends on.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    /// The latest version when the load began: everything up to it is included in what was read.
    pub(crate) version: Version,
    /// The same as a place in the database's history, for other nodes; none where that is not known.
    pub(crate) place: Option<Arc<Reached>>,
    pub(crate) tags: Tags,
    /// When what was taken from other entries is too old.
    pub(crate) expires: Ticks,
    /// Whether anything was read at all.
    pub(crate) has_read: bool,
    /// Why the result must not be kept.
    pub(crate) unfit: Option<Arc<str>>,
}

impl Footprint for Trail {
    fn reads(&self, read: &Read<'_>) {
        let found = self.ground.plans.of(read.text, self.ground.planted);
        let mut steps = self.steps();
        steps.has_read = true;
        match &*found {
            Ok(plan) => {
                for table in &plan.tables {
                    match self.tags(table, read) {
                        Ok(tags) => tags.into_iter().for_each(|tag| steps.add(tag)),
                        Err(why) => steps.refuse(read.statement, &why),
                    }
                }
            }
            Err(unfit) => steps.refuse(read.statement, &unfit.0),
        }
    }
}

impl Steps {
    /// Nothing read yet.
    pub(crate) fn new(version: Version, place: Option<Arc<Reached>>) -> Self {
        Self {
            version,
            place,
            tags: Tags::new(),
            expires: Ticks::NEVER,
            has_read: false,
            unfit: None,
        }
    }

    /// The same for a load that begins now.
    fn now(ground: &Ground) -> Self {
        Self::new(ground.boards.version(), ground.boards.timeline.place())
    }

    /// Of a result that is not kept.
    pub(crate) fn apart() -> Self {
        let mut steps = Self::new(0, None);
        steps.unfit = Some("it was read inside a transaction".into());
        steps
    }

    fn add(&mut self, tag: Tag) {
        if !self.tags.iter().any(|known| known.covers(&tag)) {
            self.tags.retain(|known| !tag.covers(known));
            self.tags.push(tag);
        }
    }

    fn refuse(&mut self, statement: &str, why: &str) {
        let text = || format!("the answer of {statement} cannot be kept: {why}").into();
        self.unfit.get_or_insert_with(text);
    }
}

impl Trail {
    /// A load that begins now.
    pub(crate) fn begin(ground: &Arc<Ground>) -> Arc<Self> {
        Arc::new(Self {
            steps: Mutex::new(Steps::now(ground)),
            parts: Mutex::default(),
            ground: Arc::clone(ground),
        })
    }

    /// The load that a session works for.
    pub(crate) fn of(session: &Session) -> Option<&Self> {
        let footprint: &dyn Any = &**session.footprint()?;
        footprint.downcast_ref()
    }

    /// Whether who comes now may have the result too: nothing that was read so far has changed since, as far as can be
    /// known, and what is not read yet will be read later than now.
    ///
    /// Of what cannot be followed nobody knows whether it has changed. While the stream of changes is not trusted the same
    /// holds for everything, unless `is_lenient`.
    pub(crate) fn is_current(&self, is_lenient: bool) -> bool {
        let is_told = is_lenient || self.ground.watch.is_trusted();
        self.is_current_within(is_told, DEEPEST)
    }

    fn is_current_within(&self, is_told: bool, depth: usize) -> bool {
        if self.ground.planted.has(Fault::JoinedLate) {
            return true;
        }
        {
            let steps = self.steps();
            let holds = |tag: &Tag| is_told && tag.holds(steps.version, &self.ground.watch);
            if steps.unfit.is_some() || !steps.tags.iter().all(holds) {
                return false;
            }
        }
        let parts = {
            let parts = self.parts.lock().expect(POISONED);
            if parts.asking > 0 {
                return false;
            }
            parts.found.clone()
        };
        parts.iter().filter_map(Weak::upgrade).all(|part| {
            depth
                .checked_sub(1)
                .is_some_and(|depth| part.is_current_within(is_told, depth))
        })
    }

    /// This load is about to wait for another, which may have read already; `find` answers which, or includes what is there
    /// by now. The caller keeps that one until its result was [included](Self::include).
    pub(crate) fn waits_for<T>(
        &self,
        find: impl FnOnce() -> T,
        of: fn(&T) -> Option<&Arc<Self>>,
    ) -> T {
        let parts = || self.parts.lock().expect(POISONED);
        // Nobody joins meanwhile: no lock is held, because a cache may be asked from its own load.
        parts().asking += 1;
        let found = find();
        let mut parts = parts();
        parts.asking -= 1;
        parts.found.retain(|known| known.strong_count() > 0);
        parts.found.extend(of(&found).map(Arc::downgrade));
        drop(parts);
        found
    }

    /// Another entry became a part of this load.
    ///
    /// That one was loaded at another version. When it was handed out nothing that it depends on had changed since, so it
    /// is what a load that begins now would find; what changes later ends this entry by this load's own version. The same
    /// holds for its place: what this load's place includes was told before, so it is in that one too.
    pub(crate) fn include(&self, tags: &[Tag], expires: Ticks) {
        let mut steps = self.steps();
        steps.has_read = true;
        steps.expires = steps.expires.min(expires);
        if self.ground.planted.has(Fault::PartsIgnored) {
            return;
        }
        for tag in tags {
            steps.add(tag.clone());
        }
    }

    /// A part of this load cannot be kept, so neither can this.
    pub(crate) fn refuse(&self, why: &Arc<str>) {
        self.steps().unfit.get_or_insert_with(|| Arc::clone(why));
    }

    /// The load begins only now; nothing was read before.
    pub(crate) fn restart(&self) {
        *self.steps() = Steps::now(&self.ground);
    }

    /// What another node has read takes the place of this load.
    pub(crate) fn adopt(&self, theirs: &Steps) {
        *self.steps() = theirs.clone();
    }

    /// What was read.
    pub(crate) fn steps_so_far(&self) -> Steps {
        let mut steps = self.steps().clone();
        if self.ground.planted.has(Fault::VersionAtEnd) {
            steps.version = self.ground.boards.version();
        }
        steps
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().expect(POISONED)
    }

    fn tags(&self, read: &TableRead, of: &Read<'_>) -> Result<Tags, String> {
        let ground = &self.ground;
        let captured = ground.watch.captured(&read.table).ok_or_else(|| {
            format!(
                "it reads {0}, whose changes are not captured; a migration that adds a row for {0} to brisk_captured \
                 changes that",
                read.table
            )
        })?;
        let board = ground.boards.of(&captured);
        let tenant = match &captured.tenant {
            None => None,
            Some(column) => match owner(read, column, of.values) {
                None => return Ok(Tags::from_iter([Tag::Table(board)])),
                Some(tenant) => Some(tenant),
            },
        };
        let place = board.tenant(tenant.unwrap_or(TenantId::PLATFORM));
        let broad = || match tenant {
            Some(_) => Tag::Tenant(Arc::clone(&board), place),
            None => Tag::Table(Arc::clone(&board)),
        };
        let Some((columns, rows)) = rows(read, &captured, of.values) else {
            return Ok(Tags::from_iter([broad()]));
        };
        let Some(set) = board.set(&columns) else {
            return Ok(Tags::from_iter([broad()]));
        };
        let tag = |values: &Vec<Cell>| {
            let row = set.place_of(tenant, values);
            Tag::Rows(Arc::clone(&board), place, Arc::clone(&set), row)
        };
        Ok(rows.iter().map(tag).collect())
    }
}

/// The tenant whose rows alone are read, where the text says so.
fn owner(read: &TableRead, column: &str, values: &[Value]) -> Option<TenantId> {
    let (_, operand) = read.equal.iter().find(|(name, _)| name == column)?;
    match operand {
        Operand::Parameter(n) => match values.get(*n)? {
            Value::Int(id) => Some(TenantId(*id)),
            _ => None,
        },
        Operand::OneOf(_) => None,
    }
}

/// Columns, and for each row its values in them.
type ByColumns = (Vec<Arc<str>>, Vec<Vec<Cell>>);

/// The columns that rows are found by, and the values of each row that may be found.
fn rows(read: &TableRead, captured: &Captured, values: &[Value]) -> Option<ByColumns> {
    let mut columns = Vec::new();
    let mut rows = vec![Vec::new()];
    for (name, operand) in &read.equal {
        let told = captured.key.iter().chain(&captured.columns);
        let Some(column) = told.into_iter().find(|c| ***c == **name) else {
            continue;
        };
        let cells: Vec<Cell> = match operand {
            Operand::Parameter(n) => vec![Cell::of(values.get(*n)?)?],
            Operand::OneOf(n) => match values.get(*n)? {
                Value::Array(_, all) => all.iter().map(Cell::of).collect::<Option<_>>()?,
                _ => return None,
            },
        };
        if rows.len() * cells.len() > MOST_VALUES {
            return None;
        }
        columns.push(Arc::clone(column));
        rows = rows
            .iter()
            .flat_map(|row| {
                cells.iter().map(|cell| {
                    let mut row = row.clone();
                    row.push(cell.clone());
                    row
                })
            })
            .collect();
    }
    (!columns.is_empty()).then_some((columns, rows))
}
