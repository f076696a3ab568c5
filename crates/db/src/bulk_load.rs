//! A stream of rows into one table: bounded memory, many commits, and refused rows told apart.

use std::fmt;
use std::pin::pin;

use futures::{Stream, StreamExt as _};

use crate::bulk::{OnConflict, Record};
use crate::database::System;
use crate::error::Error;
use crate::session::Session;

/// How far a load is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkProgress {
    /// Rows taken from the stream and settled.
    pub read: u64,
    /// Rows that went in or changed one.
    pub written: u64,
    /// Rows that the schema refused.
    pub refused: u64,
}

/// A row that the schema refused.
#[derive(Debug)]
pub struct Refused {
    /// Its place in the stream, from 0.
    pub place: u64,
    /// The rule that it breaks.
    pub error: Error,
}

/// What a load did.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The counts.
    pub progress: BulkProgress,
    /// The refused rows, in the order of the stream.
    pub refused: Vec<Refused>,
}

/// Why a load stopped before the end of its stream, and what it had done until then.
#[derive(Debug, thiserror::Error)]
#[error("a load stopped after {} rows", loaded.progress.read)]
pub struct Halted {
    /// What stays, unless the load ran in a transaction that is undone.
    pub loaded: Loaded,
    /// What stopped it; where more rows were refused than allowed, why the last of them was.
    #[source]
    pub error: Error,
}

impl From<Halted> for Error {
    fn from(halted: Halted) -> Self {
        halted.error
    }
}

/// Rows of a chunk on PostgreSQL, where a commit and its round trips cost as much as some hundred narrow rows.
const POSTGRES_ROWS: usize = 20_000;

/// How a chunk is written.
#[derive(Clone, Copy)]
struct Rule<'a> {
    session: &'a Session,
    on_conflict: OnConflict,
    refusals: usize,
}

/// A load of many rows; see [`Session::bulk`].
pub struct BulkLoad<'a, T> {
    rule: Rule<'a>,
    chunk_rows: usize,
    progress: Box<dyn FnMut(BulkProgress) + Send + 'a>,
    rows: std::marker::PhantomData<fn(T)>,
}

impl<T> fmt::Debug for BulkLoad<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkLoad")
            .field("on_conflict", &self.rule.on_conflict)
            .field("chunk_rows", &self.chunk_rows)
            .field("refusals", &self.rule.refusals)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A load of a stream of rows. Each chunk is a write of its own, so that others get their turn; inside a transaction
    /// all chunks are part of that.
    pub fn bulk<T: Record + Clone>(&self) -> BulkLoad<'_, T> {
        BulkLoad {
            rule: Rule {
                session: self,
                on_conflict: OnConflict::Fail,
                refusals: 0,
            },
            chunk_rows: match self.db().system() {
                System::Sqlite => self.db().bulk_rows(),
                System::Postgres => POSTGRES_ROWS,
            },
            progress: Box::new(|_| {}),
            rows: std::marker::PhantomData,
        }
    }
}

impl<'a, T: Record + Clone> BulkLoad<'a, T> {
    /// What to do with rows that break a unique rule. Default: they are refused.
    #[must_use]
    pub const fn on_conflict(mut self, on_conflict: OnConflict) -> Self {
        self.rule.on_conflict = on_conflict;
        self
    }

    /// Rows written at once. Default: 20,000 on PostgreSQL, [`Db::bulk_rows`](crate::Db::bulk_rows) on SQLite, where every
    /// other write waits meanwhile. Memory holds two chunks.
    #[must_use]
    pub fn chunk_rows(mut self, rows: usize) -> Self {
        self.chunk_rows = rows.max(1);
        self
    }

    /// Goes on while no more than `rows` rows break a rule of the schema. Default 0.
    ///
    /// A chunk with such rows is written again in halves until they stand alone, each half by itself: about 2 log2(chunk)
    /// writes for a row, so the bound on rows bounds the work as well. The chunk is no longer all or nothing then.
    #[must_use]
    pub const fn refuse_up_to(mut self, rows: usize) -> Self {
        self.rule.refusals = rows;
        self
    }

    /// Told after each chunk. It must be quick.
    #[must_use]
    pub fn progress(mut self, progress: impl FnMut(BulkProgress) + Send + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Takes rows from the stream as fast as they can be written, one chunk ahead, until it ends.
    ///
    /// A dropped future leaves the chunks that are settled; the one under way may be among them.
    ///
    /// # Errors
    ///
    /// [`Halted`] with the first failure that is no refused row, or with the refused row that was one too many.
    pub async fn run(mut self, rows: impl Stream<Item = T> + Send) -> Result<Loaded, Halted> {
        let mut chunks = pin!(rows.chunks(self.chunk_rows));
        let mut loaded = Loaded::default();
        let mut next = chunks.next().await;
        while let Some(chunk) = next {
            let written = async {
                let result = self.rule.write(chunk, &mut loaded).await;
                (self.progress)(loaded.progress);
                result
            };
            match futures::try_join!(written, async { Ok(chunks.next().await) }) {
                Ok(((), following)) => next = following,
                Err(error) => return Err(Halted { loaded, error }),
            }
        }
        Ok(loaded)
    }
}

impl Rule<'_> {
    /// Writes a chunk; while it breaks a rule, in halves.
    async fn write<T: Record + Clone>(
        self,
        chunk: Vec<T>,
        loaded: &mut Loaded,
    ) -> Result<(), Error> {
        let mut parts = vec![chunk];
        while let Some(mut part) = parts.pop() {
            let rows = part.len() as u64;
            // Kept for the halves only.
            let (sent, spare) = if self.refusals > 0 {
                (part.clone(), std::mem::take(&mut part))
            } else {
                (part, Vec::new())
            };
            match self.insert(sent).await {
                Ok(written) => {
                    loaded.progress.read += rows;
                    loaded.progress.written += written;
                }
                Err(e) if e.is_constraint() && spare.len() > 1 => {
                    let mut left = spare;
                    let right = left.split_off(left.len() / 2);
                    parts.push(right);
                    parts.push(left);
                }
                Err(e) if e.is_constraint() && loaded.refused.len() < self.refusals => {
                    loaded.refused.push(Refused {
                        place: loaded.progress.read,
                        error: e,
                    });
                    loaded.progress.read += 1;
                    loaded.progress.refused += 1;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    async fn insert<T: Record>(self, rows: Vec<T>) -> Result<u64, Error> {
        let on_conflict = self.on_conflict;
        if self.refusals > 0 && self.session.in_transaction() {
            let part =
                |session: Session| async move { session.insert_many(rows, on_conflict).await };
            return self.session.savepoint(part).await;
        }
        self.session.insert_many(rows, on_conflict).await
    }
}
