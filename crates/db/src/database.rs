//! `Db`: one type, two engines inside; no service knows which.

use std::any::Any;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use brisk_core::{Scope, TenantId};
use brisk_telemetry::PerfStats;

use crate::advice::Advisor;
use crate::capture::{Capture, ChangeStream, Hub, Task, Texts};
use crate::config::DbConfig;
use crate::error::Error;
use crate::fair::Patience;
use crate::load::{Loads, SharedLoads};
use crate::pools::Pools;
use crate::postgres::Postgres;
use crate::session::Session;
use crate::sight::Sight;
use crate::sqlite::{GroupCommits, Sqlite};
use crate::transaction::Transaction;

/// An open database. Cheap to clone; closed by [`Db::close`].
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    slow_threshold: Duration,
    transaction_hold: Duration,
    transaction_attempts: u32,
    perf: OnceLock<Arc<PerfStats>>,
    advisor: Advisor,
    explain: bool,
    loads: Loads,
    capture: Capture,
    hub: Arc<Hub>,
    texts: Texts,
    capturing: Task,
    companion: OnceLock<Box<dyn Any + Send + Sync>>,
}

#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Which kind of transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    Write,
    Serializable,
    Read,
}

/// Which engine is inside: for logs, metrics, the console and a store's hint to one planner, never for a service's logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// One file.
    Sqlite,
    /// A server.
    Postgres,
}

impl System {
    /// OpenTelemetry's `db.system.name`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }
}

/// A database that somebody else keeps open; from [`Db::downgrade`].
#[derive(Clone, Debug)]
pub struct WeakDb(Weak<Inner>);

impl WeakDb {
    /// The database, while somebody keeps it open.
    pub fn upgrade(&self) -> Option<Db> {
        self.0.upgrade().map(Db)
    }
}

impl Db {
    /// Opens `sqlite://path` or `postgres://…`.
    ///
    /// A SQLite file is made when it is not there. PostgreSQL is connected in the background: statements wait for the
    /// connection for as long as `connect_wait` says.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for any other address, and for one of a pooler where changes are captured and the server itself
    /// is not named; [`Error::Unavailable`] when the file cannot be opened.
    pub async fn open(config: DbConfig) -> Result<Self, Error> {
        let patience = Patience {
            waiting: config.waiting,
            wait: config.wait,
            fair: config.fair_share,
        };
        let hub = Arc::<Hub>::default();
        let capture = config.capture;
        let engine = if let Some(path) = config.url.strip_prefix("sqlite://") {
            let path = PathBuf::from(path);
            let sqlite = config.sqlite.clone();
            let drained = Arc::clone(&hub);
            let open = tokio::task::spawn_blocking(move || {
                Sqlite::open(&path, &sqlite, patience, drained, capture)
            });
            Engine::Sqlite(open.await.map_err(|e| Error::unavailable("db.open", e))??)
        } else if config.url.starts_with("postgres://") || config.url.starts_with("postgresql://") {
            let engine = Postgres::open(
                &config.url,
                &config.postgres,
                config.transaction_hold,
                patience,
            )?;
            if capture == Capture::Outbox {
                engine.relay_address("database.capture = \"outbox\"")?;
            }
            Engine::Postgres(engine)
        } else {
            return Err(Error::Address(
                "it begins with neither sqlite:// nor postgres://".to_owned(),
            ));
        };
        Ok(Self(Arc::new(Inner {
            engine,
            slow_threshold: config.slow_threshold,
            transaction_hold: config.transaction_hold,
            transaction_attempts: config.transaction_attempts,
            perf: OnceLock::new(),
            advisor: Advisor::default(),
            explain: config.explain,
            loads: Loads::new(config.load),
            capture,
            hub,
            texts: Texts::default(),
            capturing: Task::default(),
            companion: OnceLock::new(),
        })))
    }

    /// A session for `scope`.
    pub fn session(&self, scope: Scope) -> Session {
        let mut sight = Sight::default();
        if matches!(&self.0.engine, Engine::Postgres(engine) if engine.has_replica()) {
            sight.wrote = Some(Arc::default());
        }
        Session::new(scope, self.clone(), sight)
    }

    /// Which engine is inside.
    pub fn system(&self) -> System {
        match self.0.engine {
            Engine::Sqlite(_) => System::Sqlite,
            Engine::Postgres(_) => System::Postgres,
        }
    }

    /// How many rows, each with a few rows beside it, a long import should write in one transaction.
    ///
    /// On SQLite every other write waits meanwhile, so transactions are short: an imported report with all that belongs
    /// to it takes the writer about 45 us, and others should wait less than 50 ms. On PostgreSQL nobody waits and the
    /// round trips count.
    pub fn bulk_rows(&self) -> usize {
        match self.0.engine {
            Engine::Sqlite(_) => 1_000,
            Engine::Postgres(_) => 5_000,
        }
    }

    /// How many such transactions a long import may have open at once.
    ///
    /// SQLite has one writer. PostgreSQL checks and indexes a row on one core, so that a second transaction uses a
    /// second one; more would take from everybody else.
    pub fn bulk_writers(&self) -> usize {
        match self.0.engine {
            Engine::Sqlite(_) => 1,
            Engine::Postgres(_) => 2,
        }
    }

    /// The database file, on SQLite.
    pub fn file(&self) -> Option<&std::path::Path> {
        match &self.0.engine {
            Engine::Sqlite(engine) => Some(engine.path()),
            Engine::Postgres(_) => None,
        }
    }

    /// How well concurrent writes share commits, on SQLite.
    pub fn group_commits(&self) -> Option<GroupCommits> {
        match &self.0.engine {
            Engine::Sqlite(engine) => Some(engine.group_commits()),
            Engine::Postgres(_) => None,
        }
    }

    /// How well keyed loads share statements.
    pub fn shared_loads(&self) -> SharedLoads {
        self.0.loads.shared()
    }

    /// How the connections are doing.
    pub fn pools(&self) -> Pools {
        match &self.0.engine {
            Engine::Sqlite(_) => Pools::default(),
            Engine::Postgres(engine) => engine.pools(),
        }
    }

    /// Asks the server how many connections it allows; sizes that are not set become smaller where they must. A program
    /// calls it once at its start. Without it the same happens in the background, and what does not fit is only logged.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyConnections`] when sizes that are set do not fit into this node's share; [`Error::Unavailable`]
    /// when the server cannot be asked.
    pub async fn fits(&self) -> Result<(), Error> {
        match &self.0.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(engine) => engine.fits().await,
        }
    }

    /// The changes of captured tables, as they are committed.
    pub fn changes(&self) -> ChangeStream {
        ChangeStream::new(self.clone())
    }

    /// What lives as long as this database and belongs to it alone, made at the first call: its caches. There is one kind.
    ///
    /// It must not hold the database, which then would never be closed; a [`StreamWatch`](crate::StreamWatch) and a
    /// [`WeakDb`] are fine.
    ///
    /// # Panics
    ///
    /// When it was made as another type.
    pub fn companion<T: Any + Send + Sync>(&self, make: impl FnOnce(&Self) -> T) -> &T {
        let companion = self.0.companion.get_or_init(|| Box::new(make(self)));
        let companion: &(dyn Any + Send + Sync) = &**companion;
        companion
            .downcast_ref()
            .expect("a database has companions of one type")
    }

    /// The same database for whoever must not keep it open, such as what lives [with it](Self::companion).
    pub fn downgrade(&self) -> WeakDb {
        WeakDb(Arc::downgrade(&self.0))
    }

    /// Finishes the writes that wait and closes all connections.
    pub async fn close(&self) {
        self.0.capturing.stop();
        match &self.0.engine {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close(),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn loads(&self) -> &Loads {
        &self.0.loads
    }

    pub(crate) fn transaction_hold(&self) -> Duration {
        self.0.transaction_hold
    }

    pub(crate) fn transaction_attempts(&self) -> u32 {
        self.0.transaction_attempts
    }

    pub(crate) async fn begin(&self, kind: Begin, tenant: TenantId) -> Result<Transaction, Error> {
        match &self.0.engine {
            Engine::Sqlite(engine) => {
                let begun = match kind {
                    Begin::Write | Begin::Serializable => engine.begin(tenant).await,
                    Begin::Read => engine.begin_reading(tenant).await,
                };
                begun.map(|t| Transaction::on_sqlite(t, kind))
            }
            Engine::Postgres(engine) => {
                let text = match kind {
                    Begin::Write => "BEGIN",
                    Begin::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
                    Begin::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                };
                let begun = engine.begin(text, tenant).await;
                begun.map(|t| Transaction::on_postgres(t, kind))
            }
        }
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    pub(crate) fn capture(&self) -> Capture {
        self.0.capture
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.0.texts
    }

    pub(crate) fn start_capture(&self) {
        let inner = &self.0;
        match &inner.engine {
            Engine::Sqlite(engine) => {
                let knock = engine.knock();
                inner
                    .capturing
                    .start_sqlite(&inner.hub, inner.capture, knock);
            }
            Engine::Postgres(engine) => {
                // Opening refused what cannot be captured.
                let Ok(address) = engine.relay_address("db.capture") else {
                    return;
                };
                let address = address.clone();
                inner
                    .capturing
                    .start_postgres(address, &inner.hub, inner.capture);
            }
        }
    }

    pub(crate) fn advisor(&self) -> &Advisor {
        &self.0.advisor
    }

    /// Whether statements may be explained.
    pub(crate) fn explains(&self) -> bool {
        self.0.explain
    }

    pub(crate) fn perf(&self) -> &OnceLock<Arc<PerfStats>> {
        &self.0.perf
    }

    pub(crate) fn slow_threshold(&self) -> Duration {
        self.0.slow_threshold
    }
}
