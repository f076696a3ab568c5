//! SQLite: one writer thread that folds concurrent writes into one commit, and a few reader threads.
//!
//! WAL with `synchronous=FULL`: an answer goes out only after the commit that holds it is on disk. Readers see a
//! write as soon as its answer is out.
mod encode;
mod execute;
mod readers;
mod transaction;
mod watch;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use brisk_core::TenantId;
use rusqlite::{Connection, OpenFlags};

use crate::batch::{Batch, Outcome};
use crate::capture::{Capture, Drain, Hub};
use crate::config::SqliteConfig;
use crate::error::Error;
use crate::fair::{Gate, Patience};
use crate::statement::{Call, Shape};

pub(crate) use execute::{describe, error};
pub(crate) use transaction::SqliteTransaction;
pub use writer::GroupCommits;

/// How many prepared statements a connection keeps; above the number of declared statements of all services.
const STATEMENT_CACHE: usize = 512;

/// The SQLite engine.
#[derive(Debug)]
pub(crate) struct Sqlite {
    path: PathBuf,
    writer: writer::Writer,
    readers: readers::Readers,
    writing: Gate,
    reading: Gate,
}

/// Reads under way for each reader; the others keep it busy.
const READER_PLACES: usize = 32;

impl Sqlite {
    pub(crate) fn open(
        path: &Path,
        config: &SqliteConfig,
        patience: Patience,
        hub: Arc<Hub>,
        capture: Capture,
    ) -> Result<Self, Error> {
        // The writer first: it makes the file and switches it to WAL, which readers cannot.
        let conn = connect(path, config, false)?;
        let drain =
            Drain::new(&conn, hub, capture).map_err(|e| Error::unavailable("db.open", e))?;
        let writer = writer::Writer::start(conn, config, drain)?;
        let readers = readers::Readers::start(config, || connect(path, config, true))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            readers,
            writing: Gate::new(config.group_max, patience),
            reading: Gate::new(config.readers.max(1) * READER_PLACES, patience),
        })
    }

    pub(crate) fn group_commits(&self) -> GroupCommits {
        self.writer.group_commits()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn run<S: Shape>(
        &self,
        call: Call,
        tenant: TenantId,
    ) -> Result<(S::Out, u64), Error> {
        if call.writes {
            let _place = self.writing.enter(tenant, call.name).await?;
            self.writer.run::<S>(call).await
        } else {
            let _place = self.reading.enter(tenant, call.name).await?;
            self.readers.run::<S>(call).await
        }
    }

    pub(crate) async fn batch(
        &self,
        batch: Batch,
        tenant: TenantId,
    ) -> Result<Vec<Outcome>, Error> {
        let _place = self.writing.enter(tenant, batch.name()).await?;
        self.writer.batch(batch).await
    }

    pub(crate) async fn begin(&self, tenant: TenantId) -> Result<SqliteTransaction, Error> {
        let _place = self.writing.enter(tenant, "db.begin").await?;
        self.writer.begin().await
    }

    /// A transaction on a reader, beside which writes go on.
    pub(crate) async fn begin_reading(&self, tenant: TenantId) -> Result<SqliteTransaction, Error> {
        let _place = self.reading.enter(tenant, "db.begin").await?;
        self.readers.begin().await
    }

    /// Runs `work` on the writer's connection outside any transaction: migrations and maintenance.
    pub(crate) async fn exclusively<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.exclusively(name, work).await
    }

    /// Makes the writer look, when it is idle, whether another program has committed.
    pub(crate) fn knock(&self) -> impl Fn() + Send + 'static {
        self.writer.knock()
    }

    /// Finishes what waits, folds the WAL into the file and ends the threads.
    pub(crate) async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}

fn connect(path: &Path, config: &SqliteConfig, read_only: bool) -> Result<Connection, Error> {
    let open = || -> rusqlite::Result<Connection> {
        // Read-only connections still need write access to the shared memory file, so they open read-write and are
        // held to reading by `query_only`.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | if read_only {
                OpenFlags::empty()
            } else {
                OpenFlags::SQLITE_OPEN_CREATE
            };
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(config.busy_timeout)?;
        conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        if !read_only {
            conn.pragma_update(None, "journal_mode", "WAL")?;
        }
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "recursive_triggers", true)?;
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.pragma_update(None, "cache_size", -i64::from(config.cache_kib))?;
        conn.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        conn.pragma_update(None, "query_only", read_only)?;
        Ok(conn)
    };
    open().map_err(|e| error("db.open", e))
}
