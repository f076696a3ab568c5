//! The two engines of a run: a private database on the PostgreSQL of `xtask`, and a SQLite file in a folder of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use brisk_core::{Scope, TenantId};
use brisk_db::{Db, DbConfig, Session};
use brisk_testkit::servers::{Database, Postgres};
use tempfile::TempDir;

/// Where a run keeps its databases; all of it goes with this value.
#[derive(Debug)]
pub(crate) struct Places {
    folder: TempDir,
    postgres: Postgres,
}

impl Places {
    pub(crate) fn new() -> Result<Self> {
        let url = std::env::var("BRISK_TEST_POSTGRES_URL")
            .context("BRISK_TEST_POSTGRES_URL is not set; start this with: cargo xtask bench")?;
        Ok(Self {
            folder: tempfile::Builder::new().prefix("brisk-bench-").tempdir()?,
            postgres: Postgres::at(&url)?,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new, empty database of each engine.
    pub(crate) fn both(&self, name: &str) -> Result<[Place; 2]> {
        Ok([self.sqlite(name)?, self.postgres()?])
    }

    /// A folder with a SQLite file that is not there yet.
    pub(crate) fn sqlite(&self, name: &str) -> Result<Place> {
        let folder = self.folder().join(name);
        std::fs::create_dir(&folder)?;
        Ok(Place::Sqlite(folder.join("brisk.db")))
    }

    /// A new, empty database.
    pub(crate) fn postgres(&self) -> Result<Place> {
        Ok(Place::Postgres(Box::new(self.postgres.database()?)))
    }
}

/// One database.
#[derive(Debug)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<Database>),
}

impl Place {
    pub(crate) const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(database) => database.url(),
        }
    }

    /// Opens it with all tables of the service.
    pub(crate) async fn open(&self) -> Result<Db> {
        let db = Db::open(DbConfig::new(self.url())).await?;
        db.migrate(&[brisk_auth::MIGRATIONS, brisk_civic::MIGRATIONS])
            .await?;
        Ok(db)
    }

    /// Runs SQL past the kit.
    pub(crate) fn run(&self, sql: &[&str]) -> Result<()> {
        match self {
            Self::Sqlite(path) => {
                let conn = rusqlite::Connection::open(path)?;
                for text in sql {
                    conn.execute_batch(text)?;
                }
            }
            Self::Postgres(database) => {
                database.psql(sql)?;
            }
        }
        Ok(())
    }

    /// One number, asked past the kit.
    pub(crate) fn number(&self, sql: &str) -> Result<i64> {
        match self {
            Self::Sqlite(path) => {
                let conn = rusqlite::Connection::open(path)?;
                Ok(conn.query_row(sql, [], |row| row.get(0))?)
            }
            Self::Postgres(database) => Ok(database.psql(&[sql])?.trim().parse()?),
        }
    }

    /// How firmly it keeps what it has accepted, as the engine says; fails when that is not to the disk.
    pub(crate) async fn durability(&self, db: &Db) -> Result<String> {
        match self {
            Self::Sqlite(_) => {
                let session = system(db, TenantId::PLATFORM);
                // In a transaction, so that the connection that writes answers.
                let (journal, synchronous) = session
                    .transaction(|session| async move {
                        Ok::<_, brisk_db::Error>((
                            session.run(&sql::JOURNAL_MODE, ()).await?,
                            session.run(&sql::SYNCHRONOUS, ()).await?,
                        ))
                    })
                    .await?;
                if journal != "wal" || synchronous < 2 {
                    bail!(
                        "SQLite does not flush each commit: {journal}, synchronous {synchronous}"
                    );
                }
                Ok(format!(
                    "SQLite: journal_mode {journal}, synchronous {synchronous} (FULL)"
                ))
            }
            Self::Postgres(database) => {
                let version = database.psql(&["SHOW server_version"])?;
                let mut on = Vec::new();
                for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
                    let value = database.psql(&[&format!("SHOW {setting}")])?;
                    if value.trim() != "on" {
                        bail!("PostgreSQL does not flush each commit: {setting} is {value}");
                    }
                    on.push(format!("{setting} on"));
                }
                Ok(format!("PostgreSQL {}: {}", version.trim(), on.join(", ")))
            }
        }
    }
}

/// A session of the bench itself.
pub(crate) fn system(db: &Db, tenant: TenantId) -> Session {
    db.session(Scope::system(tenant, "bench"))
}

mod sql {
    use brisk_db::{One, statements};

    statements! {
        prefix "bench.engine";

        /// SQLite only.
        pub(super) JOURNAL_MODE() -> One<String> = "PRAGMA journal_mode";

        /// SQLite only: 2 is FULL.
        pub(super) SYNCHRONOUS() -> One<i64> = "PRAGMA synchronous";
    }
}
