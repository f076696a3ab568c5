//! One import from its first byte to its report.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brisk_core::Clock;
use brisk_db::{Db, Session};
use brisk_jobs::Queue;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tokio::sync::{mpsc, watch};

use super::assemble::{Assembled, Assembler, Tally};
use super::error::ImportError;
use super::options::{ImportOptions, ImportReport, ImportStatus, Mode, Progress, RefusedRow};
use super::read::{Broken, Chunk, Job};
use super::refusals::Refusals;
use super::setup::ImportSetup;
use super::write::{Turn, Writer};
use crate::ids::IdBlocks;
use crate::import::Preset;
use crate::store::import::{ImportRow, Imports};

/// Refused rows that a report shows at most.
const ERRORS_SHOWN: usize = 10_000;

/// Brings files into the database.
#[derive(Clone, Debug)]
pub struct Importer {
    pub(super) clock: Clock,
    reports: IdBlocks,
    issues: IdBlocks,
    pub(super) queue: Queue,
}

/// An import that can be moved on.
struct Run<'a> {
    importer: &'a Importer,
    session: &'a Session,
    options: &'a ImportOptions,
    id: Option<i64>,
    tally: Tally,
    /// Of a dry run, which keeps nothing in the database.
    errors: Vec<RefusedRow>,
    bytes: Arc<AtomicU64>,
}

/// How the chunks came to an end.
enum End {
    Whole,
    Failed(String),
    Cancelled,
}

impl Importer {
    /// An importer into `db`; cheap, and shared by all imports of a process so that ids are used up.
    ///
    /// The tenant's scores follow by a job in `queue`, for whoever runs workers.
    pub fn new(db: &Db, clock: Clock, queue: Queue) -> Self {
        Self {
            queue,
            clock,
            reports: IdBlocks::new(db.clone(), "report"),
            issues: IdBlocks::new(db.clone(), "issue"),
        }
    }

    /// Imports the file that `read` holds into the session's tenant, and tells `progress` at the start and after each chunk.
    ///
    /// A file that breaks off, and one with too many refused rows, end as a report that says so: what was imported
    /// stays. Dropping the future stops after the chunk under way; the import can then be resumed. The session should
    /// have no deadline.
    ///
    /// # Errors
    ///
    /// [`ImportError`] where the import cannot begin, or where the database stopped answering.
    pub async fn run<R: Read + Send + 'static>(
        &self,
        session: &Session,
        setup: Arc<ImportSetup>,
        options: &ImportOptions,
        read: R,
        progress: impl Fn(Progress) + Send,
    ) -> Result<ImportReport, ImportError> {
        if options.mode == Mode::Upsert {
            return Err(ImportError::Unsupported(
                "mode=upsert is not available; rows whose id is known are skipped",
            ));
        }
        if options.dedup {
            return Err(ImportError::Unsupported(
                "dedup=true is not available; every row becomes an issue of its own",
            ));
        }
        let before = match options.resume {
            Some(id) => Some(stopped(session, id).await?),
            None => None,
        };
        let place = before
            .as_ref()
            .and_then(|row| row.checkpoint.as_ref())
            .map(|place| place.0);
        let stored = before
            .as_ref()
            .map_or_else(|| options.stored(), |row| row.options.0);
        let preset = before
            .as_ref()
            .and_then(|row| row.preset.as_deref())
            .map_or(options.preset, Preset::parse);
        let bytes = Arc::new(AtomicU64::new(0));
        let now = self.clock.now();
        let job = Job {
            session: session.clone(),
            setup: Arc::clone(&setup),
            options: stored,
            preset,
            from: place.map(|place| place.at),
            refusals: place.map_or_else(Refusals::default, |place| place.refusals),
            actor: session.scope().principal().subject.clone(),
            now,
            chunk_rows: options
                .chunk_rows
                .unwrap_or_else(|| session.db().bulk_rows())
                .max(1),
            dry_run: options.dry_run,
            bytes: Arc::clone(&bytes),
        };
        let opened = job.start(read).await?;
        let imports = Imports(session);
        let fail = |e| ImportError::Database("note the import", e);
        let id = match &before {
            _ if options.dry_run => None,
            Some(row) => {
                if !imports.reopen(row.id, now).await.map_err(fail)? {
                    return Err(over(row));
                }
                Some(row.id)
            }
            None => {
                let name = options.file_name.clone();
                let created = imports.create(name, opened.preset.as_str(), stored, now);
                Some(created.await.map_err(fail)?)
            }
        };
        let mut run = Run {
            importer: self,
            session,
            options,
            id,
            tally: before.as_ref().map(so_far).unwrap_or_default(),
            errors: Vec::new(),
            bytes,
        };
        let assembler = Assembler::new(
            session.clone(),
            setup,
            self.reports.clone(),
            self.issues.clone(),
            id,
        );
        progress(Progress {
            id,
            ..Progress::default()
        });
        // Chunks on their way make it large, and its callers are in no hurry.
        let end = Box::pin(run.all(opened.chunks, assembler, progress)).await?;
        run.report(end).await
    }

    /// Stops an import that is running, here or in another process; it ends after the chunk under way.
    ///
    /// # Errors
    ///
    /// [`ImportError::NotFound`], [`ImportError::Over`], [`ImportError::Database`].
    pub async fn cancel(&self, session: &Session, id: i64) -> Result<(), ImportError> {
        let imports = Imports(session);
        let fail = |e| ImportError::Database("cancel the import", e);
        let row = imports
            .get(id)
            .await
            .map_err(fail)?
            .ok_or(ImportError::NotFound(id))?;
        let now = self.clock.now();
        let cancelled = imports
            .finish(id, ImportStatus::Cancelled, None, now)
            .await
            .map_err(fail)?;
        if cancelled { Ok(()) } else { Err(over(&row)) }
    }
}

impl Run<'_> {
    /// Reads, assembles and writes, each a chunk ahead of the next.
    async fn all(
        &mut self,
        mut chunks: mpsc::Receiver<Result<Chunk, Broken>>,
        assembler: Assembler,
        progress: impl Fn(Progress) + Send,
    ) -> Result<End, ImportError> {
        let (send, mut waiting) = mpsc::channel::<Result<Assembled, Broken>>(1);
        let again = assembler.twin();
        let assemble = async move {
            let mut assembler = assembler;
            while let Some(chunk) = chunks.recv().await {
                let item = match chunk {
                    Ok(chunk) => Ok(assembler.next(chunk).await?),
                    Err(broken) => Err(broken),
                };
                if send.send(item).await.is_err() {
                    break;
                }
            }
            Ok::<(), ImportError>(())
        };
        let (session, importer) = (self.session, self.importer);
        let writers = session.db().bulk_writers();
        let write = async {
            let mut under_way = FuturesOrdered::new();
            let mut last = watch::channel(Some(self.tally)).1;
            let mut end = None;
            loop {
                let item = tokio::select! {
                    Some(written) = under_way.next() => {
                        let Some(sum) = written? else {
                            // The others end when nobody takes their chunks.
                            waiting.close();
                            return Ok(End::Cancelled);
                        };
                        self.settle(sum, &progress);
                        continue;
                    }
                    item = waiting.recv(), if end.is_none() && under_way.len() < writers => item,
                    else => {
                        waiting.close();
                        return end.unwrap_or(Ok(End::Whole));
                    }
                };
                match (item, self.id) {
                    (Some(Ok(ready)), Some(id)) => {
                        let (turn, next) = Turn::behind(last);
                        last = next;
                        let writer = Writer {
                            importer,
                            session,
                            id,
                            again: &again,
                        };
                        under_way.push_back(writer.write(ready, turn));
                    }
                    (Some(Ok(ready)), None) => {
                        let sum = self.pretend(&ready);
                        self.settle(sum, &progress);
                    }
                    (Some(Err(broken)), _) => end = Some(broken_off(broken)),
                    (None, _) => end = Some(Ok(End::Whole)),
                }
            }
        };
        let (end, ()) = futures::try_join!(write, assemble)?;
        Ok(end)
    }

    /// Counts a chunk that is in.
    fn settle(&mut self, sum: Tally, progress: &impl Fn(Progress)) {
        self.tally = sum;
        progress(Progress {
            id: self.id,
            bytes: self.bytes.load(Ordering::Relaxed),
            read: self.tally.read,
            created: self.tally.created,
            skipped: self.tally.skipped,
            failed: self.tally.failed,
        });
    }

    fn pretend(&mut self, assembled: &Assembled) -> Tally {
        let room = ERRORS_SHOWN.saturating_sub(self.errors.len());
        let shown = assembled.chunk.errors.iter().take(room);
        self.errors.extend(shown.map(|error| RefusedRow {
            row: error.row_no.unsigned_abs(),
            code: error.code.to_owned(),
            message: error.message.clone(),
        }));
        let mut sum = self.tally;
        sum.add(&assembled.tally);
        sum
    }

    async fn report(self, end: End) -> Result<ImportReport, ImportError> {
        let (status, error) = match end {
            End::Whole => (ImportStatus::Completed, None),
            End::Failed(why) => (ImportStatus::Failed, Some(why)),
            End::Cancelled => (ImportStatus::Cancelled, None),
        };
        let errors = match self.id {
            None => self.errors,
            Some(id) => {
                let imports = Imports(self.session);
                let fail = |e| ImportError::Database("end the import", e);
                if status != ImportStatus::Cancelled {
                    let now = self.importer.clock.now();
                    imports
                        .finish(id, status, error.clone(), now)
                        .await
                        .map_err(fail)?;
                }
                let refused = imports
                    .errors(id, 0, i64::try_from(ERRORS_SHOWN).unwrap_or(i64::MAX))
                    .await
                    .map_err(fail)?;
                refused
                    .into_iter()
                    .map(|error| RefusedRow {
                        row: error.row_no.unsigned_abs(),
                        code: error.code,
                        message: error.message,
                    })
                    .collect()
            }
        };
        tracing::info!(
            import = self.id,
            file = self.options.file_name,
            status = status.as_str(),
            read = self.tally.read,
            created = self.tally.created,
            skipped = self.tally.skipped,
            failed = self.tally.failed,
            "an import ended"
        );
        Ok(ImportReport {
            id: self.id,
            status,
            error,
            read: self.tally.read,
            created: self.tally.created,
            skipped: self.tally.skipped,
            failed: self.tally.failed,
            errors,
            sla_compared: self.tally.sla_compared,
            sla_agree: self.tally.sla_agree,
            areas_unknown: self.tally.areas_unknown,
        })
    }
}

/// An import that may go on.
async fn stopped(session: &Session, id: i64) -> Result<ImportRow, ImportError> {
    let row = Imports(session)
        .get(id)
        .await
        .map_err(|e| ImportError::Database("look at the import", e))?
        .ok_or(ImportError::NotFound(id))?;
    if row.status == ImportStatus::Completed {
        return Err(over(&row));
    }
    Ok(row)
}

/// The end that a reader which broke off leads to.
fn broken_off(broken: Broken) -> Result<End, ImportError> {
    match broken {
        Broken::File(e) => Ok(End::Failed(format!("{}: {e}", e.code()))),
        Broken::Refused(refusals) => Ok(End::Failed(format!(
            "civic.import_too_many_errors: {} of {} rows were refused",
            refusals.failed, refusals.read
        ))),
        Broken::Areas(e) => Err(ImportError::Database("make areas", e)),
    }
}

fn over(row: &ImportRow) -> ImportError {
    ImportError::Over {
        id: row.id,
        status: row.status.as_str(),
    }
}

fn so_far(row: &ImportRow) -> Tally {
    let place = row.checkpoint.as_ref().map(|place| place.0);
    Tally {
        read: row.rows_read.unsigned_abs(),
        created: row.created.unsigned_abs(),
        skipped: row.skipped.unsigned_abs(),
        failed: row.failed.unsigned_abs(),
        sla_compared: place.map_or(0, |place| place.sla_compared),
        sla_agree: place.map_or(0, |place| place.sla_agree),
        areas_unknown: place.map_or(0, |place| place.areas_unknown),
    }
}
