//! Several writes that succeed or fail together, sent in one go.

use brisk_telemetry::Operation;

use crate::bulk::{Insert, OnConflict, Record};
use crate::hooks::Hooks;
use crate::statement::{Affected, Params, Statement, Text, Writes};
use crate::update::Update;
use crate::value::Value;

/// Writes that are decided beforehand and need no answer in between.
///
/// On SQLite a batch is one hop to the writer and shares a commit with others; on PostgreSQL it travels in one round
/// trip, `BEGIN` and `COMMIT` included. Prefer it to a transaction wherever nothing has to be read in the middle.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) steps: Vec<Step>,
    pub(crate) hooks: Hooks,
}

#[derive(Debug)]
pub(crate) enum Step {
    Each {
        text: Text,
        sets: Vec<Vec<Value>>,
        /// Rows that all sets together must change.
        expected: Option<u64>,
    },
    Insert(Insert),
    Update(Update),
}

impl Step {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Each { text, .. } => text.name,
            Self::Insert(insert) => insert.statement,
            Self::Update(update) => update.statement,
        }
    }

    pub(crate) const fn writes(&self) -> Writes {
        match self {
            Self::Each { text, .. } => Writes::Text(text.postgres),
            Self::Insert(insert) => Writes::Table(insert.table),
            Self::Update(update) => Writes::Table(update.table),
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Each { text, .. } => Operation::of(text.postgres),
            Self::Insert(_) => Operation::Insert,
            Self::Update(_) => Operation::Update,
        }
    }
}

/// What one step of a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows changed or inserted.
    pub affected: u64,
    /// The returned column of inserted rows, where the step asked for it.
    pub returned: Vec<i64>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one execution of a statement.
    pub fn run<P: Params>(
        &mut self,
        statement: &'static Statement<P, Affected>,
        params: P,
    ) -> &mut Self {
        self.run_each(statement, [params])
    }

    /// Adds one execution for each set of parameters.
    pub fn run_each<P: Params>(
        &mut self,
        statement: &'static Statement<P, Affected>,
        sets: impl IntoIterator<Item = P>,
    ) -> &mut Self {
        let sets: Vec<_> = sets.into_iter().map(P::into_values).collect();
        if !sets.is_empty() {
            self.steps.push(Step::Each {
                text: statement.text,
                sets,
                expected: None,
            });
        }
        self
    }

    /// As [`Batch::run_each`], for writes that were decided on rows read before: unless all sets together change exactly
    /// `rows` rows, nothing of the batch stays and it answers [`Error::Stale`](crate::Error::Stale).
    ///
    /// It takes the place of a transaction around reads: nobody waits while the caller makes up its mind, and who lost
    /// against somebody else reads again. On PostgreSQL the commit is then a round trip of its own.
    pub fn run_expecting<P: Params>(
        &mut self,
        statement: &'static Statement<P, Affected>,
        sets: impl IntoIterator<Item = P>,
        rows: u64,
    ) -> &mut Self {
        let sets: Vec<_> = sets.into_iter().map(P::into_values).collect();
        if !sets.is_empty() || rows > 0 {
            self.steps.push(Step::Each {
                text: statement.text,
                sets,
                expected: Some(rows),
            });
        }
        self
    }

    /// Adds a bulk insert.
    pub fn insert_many<T: Record>(&mut self, rows: Vec<T>, on_conflict: OnConflict) -> &mut Self {
        if !rows.is_empty() {
            self.steps
                .push(Step::Insert(Insert::of(rows, on_conflict, None)));
        }
        self
    }

    /// Adds a bulk update: each row changes the one with the same `key` columns, in its other columns. The rows must
    /// differ in their key; one whose key is not there changes nothing.
    pub fn update_many<T: Record>(
        &mut self,
        rows: Vec<T>,
        key: &'static [&'static str],
    ) -> &mut Self {
        if !rows.is_empty() {
            self.steps.push(Step::Update(Update::of(rows, key)));
        }
        self
    }

    /// Adds a bulk insert that answers the column `returning` (a `bigint`) of each inserted row.
    ///
    /// Unlike the others, this step is there even when `rows` is empty, so that its outcome has a fixed place.
    pub fn insert_returning<T: Record>(
        &mut self,
        rows: Vec<T>,
        on_conflict: OnConflict,
        returning: &'static str,
    ) -> &mut Self {
        self.steps
            .push(Step::Insert(Insert::of(rows, on_conflict, Some(returning))));
        self
    }

    /// Adds the steps and hooks of another batch behind those that are here.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.steps.extend(other.steps);
        self.hooks.append(&other.hooks);
        self
    }

    /// Runs `hook` once this batch is committed; inside a transaction, once that is. It must be quick and not panic.
    pub fn on_commit(&mut self, hook: impl FnOnce() + Send + 'static) -> &mut Self {
        self.hooks.add(Box::new(hook));
        self
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.steps.first().map_or("batch", Step::name)
    }
}

impl Step {
    /// Whether it is one execution, which SQLite takes back by itself when it fails.
    pub(crate) fn is_single(&self) -> bool {
        match self {
            Self::Each { sets, expected, .. } => sets.len() <= 1 && expected.is_none(),
            Self::Insert(insert) => insert.rows.len() <= 1,
            Self::Update(update) => update.rows.len() <= 1,
        }
    }
}
