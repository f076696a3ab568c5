//! Chunks on the last of their way: the rows early, the rest in the order of the file.
//!
//! Where the engine takes several long writers at once, the rows of a chunk go in while the chunk before is still being
//! written. What all chunks share (figures, counts, the place to go on from) follows in the same transaction once the
//! chunk before has committed, so that whatever ends an import leaves whole chunks without a gap.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brisk_db::{AsDbError, Batch, Constraint, Error, Json, Session};
use tokio::sync::watch;

use super::assemble::{Assembled, Assembler, Tally};
use super::error::ImportError;
use super::options::ImportStatus;
use super::read::Chunk;
use super::run::Importer;
use crate::logic::changes::score_job;
use crate::store::import::{ImportPlace, Imports, MOVE_ON};

/// How often a chunk is written again when somebody else brings in the same ids at the same time.
const ATTEMPTS: u32 = 5;

/// How long a chunk whose rows are in waits for its turn. Two imports of the same rows can wait for each other by way
/// of the chunks before, a ring that no server sees; then the rows go in again when it is their turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an import counts after a chunk, once that has committed.
pub(super) type Sum = watch::Receiver<Option<Tally>>;

/// The place of a chunk in the row.
#[derive(Debug)]
pub(super) struct Turn {
    before: Sum,
    after: watch::Sender<Option<Tally>>,
}

impl Turn {
    /// The turn behind a chunk, and what the chunk behind this one waits for.
    pub(super) fn behind(before: Sum) -> (Self, Sum) {
        let (after, next) = watch::channel(None);
        (Self { before, after }, next)
    }

    /// The counts of the chunk before; `None` when it did not get in.
    async fn come(&self) -> Option<Tally> {
        let mut before = self.before.clone();
        let sum = before.wait_for(Option::is_some).await;
        sum.ok().and_then(|sum| *sum)
    }
}

/// The rows of a chunk did not stay; it is written again in its turn, where nobody is in the way.
#[derive(Debug)]
struct Undone;

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        tracing::debug!(error = %error, "a chunk waits for its turn");
        Self
    }
}

impl AsDbError for Undone {
    fn as_db_error(&self) -> Option<&Error> {
        None
    }
}

/// Brings the chunks of one import into the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    pub(super) importer: &'a Importer,
    pub(super) session: &'a Session,
    pub(super) id: i64,
    /// Puts a chunk together once more.
    pub(super) again: &'a Assembler,
}

impl Writer<'_> {
    /// Writes a chunk with the step that moves its import on; answers what the import counts then. `None` when it was
    /// cancelled, or when the chunk before did not get in.
    pub(super) async fn write(
        self,
        assembled: Assembled,
        turn: Turn,
    ) -> Result<Option<Tally>, ImportError> {
        let now = *turn.before.borrow();
        let sum = if let Some(before) = now {
            self.in_turn(&before, assembled).await?
        } else {
            let chunk = Arc::clone(&assembled.chunk);
            if let Ok(sum) = self.early(assembled, &turn).await {
                Some(sum)
            } else {
                let Some(before) = turn.come().await else {
                    return Ok(None);
                };
                let assembled = self.again.again(chunk).await?;
                self.in_turn(&before, assembled).await?
            }
        };
        turn.after.send_replace(sum);
        Ok(sum)
    }

    /// The rows at once, and all else when the turn has come.
    async fn early(self, assembled: Assembled, turn: &Turn) -> Result<Tally, Undone> {
        let Assembled {
            chunk,
            rows,
            figures,
            tally,
        } = assembled;
        let once = Mutex::new(Some((rows, figures)));
        let (once, chunk, tally) = (&once, &chunk, &tally);
        let work = move |session: Session| async move {
            let parts = once.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (rows, mut rest) = parts.ok_or(Undone)?;
            session.batch(rows).await?;
            let come = tokio::time::timeout(PATIENCE, turn.come()).await;
            let before = come.ok().flatten().ok_or(Undone)?;
            let sum = self.move_on(&mut rest, &before, chunk, tally);
            let sum = sum.map_err(|_told_in_turn| Undone)?;
            session.batch(rest).await?;
            Ok(sum)
        };
        self.session.transaction(work).await
    }

    /// The whole chunk at once; `None` when the import was cancelled.
    async fn in_turn(
        &self,
        before: &Tally,
        mut assembled: Assembled,
    ) -> Result<Option<Tally>, ImportError> {
        let id = self.id;
        let mut attempt = 1;
        loop {
            let Assembled {
                chunk,
                rows: mut batch,
                figures,
                tally,
            } = assembled;
            batch.append(figures);
            let sum = self.move_on(&mut batch, before, &chunk, &tally)?;
            match self.session.batch(batch).await {
                Ok(_) => return Ok(Some(sum)),
                Err(Error::Constraint {
                    statement,
                    constraint: Constraint::NotNull,
                    ..
                }) if statement == MOVE_ON.name() => {
                    let row = Imports(self.session).get(id).await;
                    let row = row.map_err(|e| ImportError::Database("look at the import", e))?;
                    return match row {
                        Some(row) if row.status == ImportStatus::Running => {
                            Err(ImportError::Busy(id))
                        }
                        Some(_) => Ok(None),
                        None => Err(ImportError::NotFound(id)),
                    };
                }
                Err(e)
                    if attempt < ATTEMPTS
                        && (e.unique_rule().is_some()
                            || matches!(e, Error::Serialization { .. })) =>
                {
                    tracing::debug!(import = id, attempt, error = %e, "a chunk is written again");
                    attempt += 1;
                    assembled = self.again.again(chunk).await?;
                }
                Err(e) => return Err(ImportError::Database("write a chunk", e)),
            }
        }
    }

    /// Adds what moves the import on by one chunk; answers what it counts then.
    fn move_on(
        &self,
        batch: &mut Batch,
        before: &Tally,
        chunk: &Chunk,
        tally: &Tally,
    ) -> Result<Tally, ImportError> {
        let (tenant, now) = (self.session.tenant(), self.importer.clock.now());
        let mut sum = *before;
        sum.add(tally);
        if tally.created > 0 {
            let job = score_job(tenant, now).map_err(ImportError::ScoreJob)?;
            self.importer.queue.add(batch, vec![job]);
        }
        let place = ImportPlace {
            at: chunk.checkpoint,
            refusals: chunk.refusals,
            sla_compared: sum.sla_compared,
            sla_agree: sum.sla_agree,
            areas_unknown: sum.areas_unknown,
        };
        batch.run(
            &MOVE_ON,
            (
                tenant,
                self.id,
                signed(before.read),
                signed(sum.read),
                signed(sum.created),
                signed(sum.skipped),
                signed(sum.failed),
                Json(place),
                now,
            ),
        );
        Ok(sum)
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
