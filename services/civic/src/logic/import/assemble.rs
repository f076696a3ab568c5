//! A chunk on its way to the database: known ids out, keys given, everything put into one batch.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use brisk_db::{Batch, OnConflict, Session};

use super::error::ImportError;
use super::prepare::{CHANNEL, Prepared};
use super::read::Chunk;
use super::setup::ImportSetup;
use crate::ids::{IdBlocks, IssueId, ReportId};
use crate::model::rollup::Deltas;
use crate::store::report::Reports;
use crate::store::rollup;

/// Chunks that may be on their way between the look for known ids and the commit.
const IN_FLIGHT: usize = 4;

/// What a chunk adds to the counts of its import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) read: u64,
    pub(super) created: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
    pub(super) sla_compared: u64,
    pub(super) sla_agree: u64,
    pub(super) areas_unknown: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.created += other.created;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.sla_compared += other.sla_compared;
        self.sla_agree += other.sla_agree;
        self.areas_unknown += other.areas_unknown;
    }
}

/// A chunk that only lacks the step that moves its import on.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) chunk: Arc<Chunk>,
    /// Its own rows, which other chunks do not touch.
    pub(super) rows: Batch,
    /// Its share of the figures, which other chunks add to as well.
    pub(super) figures: Batch,
    pub(super) tally: Tally,
}

/// Puts chunks together, one after the other.
#[derive(Debug)]
pub(super) struct Assembler {
    pub(super) session: Session,
    pub(super) setup: Arc<ImportSetup>,
    pub(super) reports: IdBlocks,
    pub(super) issues: IdBlocks,
    pub(super) import: Option<i64>,
    /// Ids of the chunks that may not be in the table yet.
    recent: VecDeque<HashSet<String>>,
}

impl Assembler {
    pub(super) const fn new(
        session: Session,
        setup: Arc<ImportSetup>,
        reports: IdBlocks,
        issues: IdBlocks,
        import: Option<i64>,
    ) -> Self {
        Self {
            session,
            setup,
            reports,
            issues,
            import,
            recent: VecDeque::new(),
        }
    }

    /// Another one for the same import, which writes chunks again.
    pub(super) fn twin(&self) -> Self {
        Self::new(
            self.session.clone(),
            Arc::clone(&self.setup),
            self.reports.clone(),
            self.issues.clone(),
            self.import,
        )
    }

    /// The next chunk of the file.
    pub(super) async fn next(&mut self, chunk: Chunk) -> Result<Assembled, ImportError> {
        let chunk = Arc::new(chunk);
        let known = self.known(&chunk).await?;
        let (new, ids) = self.sift(&chunk, &known);
        let assembled = self.assemble(chunk, new).await?;
        self.recent.push_back(ids);
        if self.recent.len() > IN_FLIGHT {
            self.recent.pop_front();
        }
        Ok(assembled)
    }

    /// The same chunk once more, after somebody else brought in one of its ids.
    pub(super) async fn again(&self, assembled: Arc<Chunk>) -> Result<Assembled, ImportError> {
        let known = self.known(&assembled).await?;
        let mut seen = HashSet::new();
        let new = fresh(&assembled.rows, &mut seen, |id| known.contains(id));
        self.assemble(assembled, new).await
    }

    async fn known(&self, chunk: &Chunk) -> Result<HashSet<String>, ImportError> {
        let ids: Vec<String> = chunk
            .rows
            .iter()
            .filter_map(|row| row.external_id().map(str::to_owned))
            .collect();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let known = Reports(&self.session)
            .by_external_ids(CHANNEL, ids)
            .await
            .map_err(|e| ImportError::Database("look for known ids", e))?;
        Ok(known.into_iter().collect())
    }

    /// The places of the rows that are new, and their ids.
    fn sift(&self, chunk: &Chunk, known: &HashSet<String>) -> (Vec<usize>, HashSet<String>) {
        let mut seen = HashSet::with_capacity(chunk.rows.len());
        let new = fresh(&chunk.rows, &mut seen, |id| {
            known.contains(id) || self.recent.iter().any(|ids| ids.contains(id))
        });
        (new, seen.into_iter().map(str::to_owned).collect())
    }

    async fn assemble(&self, chunk: Arc<Chunk>, new: Vec<usize>) -> Result<Assembled, ImportError> {
        let fail = |e| ImportError::Database("reserve ids", e);
        let (reports, issues) = if self.import.is_none() || new.is_empty() {
            (Vec::new(), Vec::new())
        } else {
            futures::try_join!(self.reports.many(new.len()), self.issues.many(new.len()))
                .map_err(fail)?
        };
        let setup = Arc::clone(&self.setup);
        let (import, tenant) = (self.import, self.session.tenant());
        let build = move || {
            let tally = tally(&chunk, &new);
            let (mut rows, mut figures) = (Batch::new(), Batch::new());
            if let Some(id) = import {
                let keys = reports.into_iter().zip(issues);
                fill(&mut rows, &chunk, &new, keys, id);
                rollup::add(&mut figures, tenant, &deltas(&chunk, &new, &setup));
            }
            Assembled {
                chunk,
                rows,
                figures,
                tally,
            }
        };
        tokio::task::spawn_blocking(build)
            .await
            .map_err(|_panicked| ImportError::ReaderLost)
    }
}

fn fresh<'c>(
    rows: &'c [Prepared],
    seen: &mut HashSet<&'c str>,
    known: impl Fn(&str) -> bool,
) -> Vec<usize> {
    let is_new = |row: &'c Prepared| {
        row.external_id()
            .is_none_or(|id| !known(id) && seen.insert(id))
    };
    let places = rows.iter().enumerate();
    places
        .scan(is_new, |is_new, (at, row)| Some(is_new(row).then_some(at)))
        .flatten()
        .collect()
}

fn tally(chunk: &Chunk, new: &[usize]) -> Tally {
    let count = |n: usize| n as u64;
    let mut tally = Tally {
        read: chunk.read,
        created: count(new.len()),
        skipped: chunk.repeated + count(chunk.rows.len() - new.len()),
        failed: count(chunk.errors.len()),
        areas_unknown: chunk.areas_unknown,
        ..Tally::default()
    };
    for agrees in new.iter().filter_map(|at| chunk.rows[*at].agrees) {
        tally.sla_compared += 1;
        tally.sla_agree += u64::from(agrees);
    }
    tally
}

fn deltas(chunk: &Chunk, new: &[usize], setup: &ImportSetup) -> Deltas {
    let mut deltas = Deltas::default();
    for at in new {
        chunk.rows[*at].count(&mut deltas, setup);
    }
    deltas
}

fn fill(
    batch: &mut Batch,
    chunk: &Chunk,
    new: &[usize],
    keys: impl Iterator<Item = (i64, i64)>,
    import: i64,
) {
    let mut issues = Vec::with_capacity(new.len());
    let mut reports = Vec::with_capacity(new.len());
    let mut slas = Vec::with_capacity(new.len());
    let mut events = Vec::with_capacity(new.len());
    for (at, (report, issue)) in new.iter().zip(keys) {
        let mut row = chunk.rows[*at].clone();
        row.identify(ReportId(report), IssueId(issue), import);
        issues.push(row.issue);
        reports.push(row.report);
        slas.push(row.sla);
        events.push(row.event);
    }
    let errors: Vec<_> = chunk
        .errors
        .iter()
        .cloned()
        .map(|mut error| {
            error.import_id = import;
            error
        })
        .collect();
    batch
        .insert_many(issues, OnConflict::Fail)
        .insert_many(reports, OnConflict::Fail)
        .insert_many(slas, OnConflict::Fail)
        .insert_many(events, OnConflict::Fail)
        .insert_many(errors, OnConflict::Fail);
}
