//! The thread that reads a file: rows parsed, classified and put together into chunks, ahead of the database.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brisk_db::Session;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::error::ImportError;
use super::options::StoredOptions;
use super::prepare::{Prepared, Preparer, folded};
use super::refusals::Refusals;
use super::setup::ImportSetup;
use crate::import::{
    Checkpoint, FileError, ImportRow, Options, Outcome, Preset, Reader, Repeat, Repeats, RowCode,
};
use crate::store::import::{Imports, NewImportError};

/// Bytes of a row that is read, in the limit on the memory of one chunk.
const RECORD_MAX: usize = 256 * 1024;

/// Text of a chunk after which it ends though it has fewer rows; keeps long rows from filling the memory.
const CHUNK_BYTES: u64 = 4 * 1024 * 1024;

/// How far a source's clock may be ahead of ours.
const FUTURE: SignedDuration = SignedDuration::from_mins(5);

/// A piece of the file, ready to be written.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) rows: Vec<Prepared>,
    pub(super) errors: Vec<NewImportError>,
    /// Rows of the file, refused and repeated ones included.
    pub(super) read: u64,
    /// Rows whose id stands earlier in the file; looked for in dry runs only, where the database cannot tell.
    pub(super) repeated: u64,
    /// Rows that name an unknown area.
    pub(super) areas_unknown: u64,
    /// The place after it.
    pub(super) checkpoint: Checkpoint,
    /// All refused rows of the file up to there.
    pub(super) refusals: Refusals,
}

/// What ends the reading early.
#[derive(Debug)]
pub(super) enum Broken {
    /// The rest of the file cannot be read.
    File(FileError),
    /// The areas could not be made.
    Areas(brisk_db::Error),
    /// Too many rows are refused for the rest to be worth reading.
    Refused(Refusals),
}

/// What the reading thread needs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) session: Session,
    pub(super) setup: Arc<ImportSetup>,
    pub(super) options: StoredOptions,
    pub(super) preset: Option<Preset>,
    pub(super) from: Option<Checkpoint>,
    /// The refused rows before that place.
    pub(super) refusals: Refusals,
    pub(super) actor: String,
    pub(super) now: Timestamp,
    pub(super) chunk_rows: usize,
    pub(super) dry_run: bool,
    /// Bytes taken from the file as it is stored.
    pub(super) bytes: Arc<AtomicU64>,
}

/// A file whose reading has begun.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) preset: Preset,
    pub(super) chunks: mpsc::Receiver<Result<Chunk, Broken>>,
}

impl Job {
    /// Opens the file on a thread of its own, which reads on while somebody takes its chunks.
    pub(super) async fn start<R: Read + Send + 'static>(
        self,
        read: R,
    ) -> Result<Opened, ImportError> {
        let (opened, answer) = oneshot::channel();
        let (send, chunks) = mpsc::channel(1);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || self.serve(read, opened, &send, &runtime));
        let preset = answer
            .await
            .map_err(|_lost| ImportError::ReaderLost)?
            .map_err(ImportError::File)?;
        Ok(Opened { preset, chunks })
    }

    fn serve<R: Read>(
        self,
        read: R,
        opened: oneshot::Sender<Result<Preset, FileError>>,
        chunks: &mpsc::Sender<Result<Chunk, Broken>>,
        runtime: &Handle,
    ) {
        let options = Options {
            preset: self.preset,
            charset: self.options.charset,
            max_record: RECORD_MAX,
            ..Options::new(self.setup.zone.clone())
        };
        let read = Counted {
            read,
            bytes: Arc::clone(&self.bytes),
        };
        let reader = match self.from {
            None => Reader::open(read, options),
            Some(place) => Reader::resume(read, options, place),
        };
        let mut reader = match reader {
            Ok(reader) => {
                if opened.send(Ok(reader.layout().preset())).is_err() {
                    return;
                }
                reader
            }
            Err(e) => {
                // Nobody waits any more, so nobody wants to know.
                drop(opened.send(Err(e)));
                return;
            }
        };
        let mut areas: HashMap<String, i64> = self
            .setup
            .areas
            .iter()
            .map(|(name, id)| (folded(name), *id))
            .collect();
        let mut repeats = self.dry_run.then(Repeats::default);
        let mut refusals = self.refusals;
        loop {
            let (rows, broken) = self.take(&mut reader, &mut refusals);
            let end = rows.read == 0;
            if !end {
                let chunk = self.chunk(rows, &mut areas, repeats.as_mut(), runtime);
                let failed = chunk.is_err();
                if chunks.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
            if let Some(broken) = broken {
                drop(chunks.blocking_send(Err(broken)));
                return;
            }
            if end {
                return;
            }
        }
    }

    /// Parses up to a chunk of rows; a file that breaks inside still gives the rows before.
    fn take<R: Read>(
        &self,
        reader: &mut Reader<R>,
        refusals: &mut Refusals,
    ) -> (Taken, Option<Broken>) {
        let mut taken = Taken {
            rows: Vec::with_capacity(self.chunk_rows),
            errors: Vec::new(),
            read: 0,
            checkpoint: reader.checkpoint(),
            refusals: *refusals,
        };
        let mut broken = None;
        let start = taken.checkpoint.offset;
        let chunk_rows = u64::try_from(self.chunk_rows).unwrap_or(u64::MAX);
        while taken.read < chunk_rows && taken.checkpoint.offset - start < CHUNK_BYTES {
            let refused = match reader.next_row() {
                Ok(None) => break,
                Ok(Some(Outcome::Row(row))) if self.is_ahead(row.submitted_at) => {
                    Some(NewImportError {
                        import_id: 0,
                        row_no: signed(row.row_no),
                        code: RowCode::TimestampInvalid.as_str(),
                        message: format!(
                            "the opening time {} lies in the future",
                            row.submitted_at
                        ),
                        raw: None,
                    })
                }
                Ok(Some(Outcome::Row(row))) => {
                    taken.rows.push(*row);
                    None
                }
                Ok(Some(Outcome::Failed(error))) => Some(NewImportError {
                    import_id: 0,
                    row_no: signed(error.row_no),
                    code: error.code.as_str(),
                    message: storable(error.message),
                    raw: Some(storable(error.raw)),
                }),
                Err(e) => {
                    broken = Some(Broken::File(e));
                    break;
                }
            };
            refusals.count(refused.is_some());
            taken.errors.extend(refused);
            taken.read += 1;
            taken.checkpoint = reader.checkpoint();
            if refusals.too_many(self.options.max_error_rate) {
                broken = Some(Broken::Refused(*refusals));
                break;
            }
        }
        taken.refusals = *refusals;
        (taken, broken)
    }

    fn is_ahead(&self, submitted_at: Timestamp) -> bool {
        submitted_at.duration_since(self.now) > FUTURE
    }

    fn chunk(
        &self,
        taken: Taken,
        areas: &mut HashMap<String, i64>,
        mut repeats: Option<&mut Repeats>,
        runtime: &Handle,
    ) -> Result<Chunk, Broken> {
        if self.options.create_areas && !self.dry_run {
            self.make_areas(&taken.rows, areas, runtime)
                .map_err(Broken::Areas)?;
        }
        let mut chunk = Chunk {
            rows: Vec::with_capacity(taken.rows.len()),
            errors: taken.errors,
            read: taken.read,
            repeated: 0,
            areas_unknown: 0,
            checkpoint: taken.checkpoint,
            refusals: taken.refusals,
        };
        let preparer = Preparer {
            setup: &self.setup,
            tenant: self.session.tenant(),
            actor: &self.actor,
            classify: self.options.classify,
            areas,
            now: self.now,
        };
        for row in taken.rows {
            if let Some(repeats) = repeats.as_deref_mut()
                && matches!(repeats.check(&row), Repeat::Identical | Repeat::Other)
            {
                chunk.repeated += 1;
                continue;
            }
            let named = row.area.is_some();
            let row = preparer.prepare(row);
            chunk.areas_unknown += u64::from(named && row.report.area_id.is_none());
            chunk.rows.push(row);
        }
        Ok(chunk)
    }

    /// Areas that `rows` name and nobody knows yet. Made ahead of the chunk: an area without reports does no harm.
    fn make_areas(
        &self,
        rows: &[ImportRow],
        areas: &mut HashMap<String, i64>,
        runtime: &Handle,
    ) -> Result<(), brisk_db::Error> {
        let mut missing: HashMap<String, &str> = HashMap::new();
        for name in rows.iter().filter_map(|row| row.area.as_deref()) {
            let key = folded(name);
            if !areas.contains_key(&key) {
                missing.entry(key).or_insert(name.trim());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let mut names: Vec<String> = missing.into_values().map(str::to_owned).collect();
        names.sort_unstable();
        let made = runtime.block_on(Imports(&self.session).areas(names, self.now))?;
        areas.extend(made.into_iter().map(|area| (folded(&area.name), area.id)));
        Ok(())
    }
}

/// Rows as they were read.
struct Taken {
    rows: Vec<ImportRow>,
    errors: Vec<NewImportError>,
    read: u64,
    checkpoint: Checkpoint,
    refusals: Refusals,
}

/// Counts the bytes that are taken from a file.
struct Counted<R> {
    read: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let count = self.read.read(buf)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// PostgreSQL's text holds every character but this one.
fn storable(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
