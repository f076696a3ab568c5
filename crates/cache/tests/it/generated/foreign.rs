//! Another program, which knows nothing of us: one connection that runs raw SQL.

use std::time::{Duration, Instant};

use brisk_db::Position;
use tokio::task::JoinHandle;

use crate::harness::{LONG, Place, TestDb, told};

pub(super) enum Program {
    Postgres(tokio_postgres::Client, JoinHandle<()>),
    Sqlite {
        writes: rusqlite::Connection,
        /// Tells whether something was committed.
        watches: rusqlite::Connection,
    },
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Self::Postgres(_, connection) = self {
            connection.abort();
        }
    }
}

/// What is known before a write.
pub(super) struct Before {
    version: i64,
    position: Option<Position>,
}

impl Program {
    pub(super) async fn start(db: &TestDb) -> Self {
        match &db.place {
            Place::Postgres(_) => {
                let connected = tokio_postgres::connect(&db.url, tokio_postgres::NoTls).await;
                let (client, connection) = connected.unwrap();
                Self::Postgres(client, tokio::spawn(async move { drop(connection.await) }))
            }
            Place::Sqlite(file) => {
                let open = || {
                    let conn = rusqlite::Connection::open(file.path()).unwrap();
                    conn.busy_timeout(LONG).unwrap();
                    conn.pragma_update(None, "foreign_keys", true).unwrap();
                    conn
                };
                Self::Sqlite {
                    writes: open(),
                    watches: open(),
                }
            }
        }
    }

    /// Runs a script. What fails is undone as far as it is part of a transaction.
    pub(super) async fn run(&self, script: &str) {
        match self {
            Self::Postgres(client, _) => {
                if client.batch_execute(script).await.is_err() {
                    client.batch_execute("ROLLBACK").await.unwrap();
                }
            }
            Self::Sqlite { writes, .. } => {
                if writes.execute_batch(script).is_err() && !writes.is_autocommit() {
                    writes.execute_batch("ROLLBACK").unwrap();
                }
            }
        }
    }

    fn version(&self) -> i64 {
        match self {
            Self::Postgres(..) => 0,
            Self::Sqlite { watches, .. } => watches
                .query_row("PRAGMA data_version", [], |row| row.get(0))
                .unwrap(),
        }
    }

    pub(super) fn before(&self, db: &TestDb) -> Before {
        Before {
            version: self.version(),
            position: db.db.changes().position(),
        }
    }

    /// Waits until this node was told what others have committed since.
    pub(super) async fn told(&self, db: &TestDb, before: Before) {
        match self {
            Self::Postgres(..) => told(&db.db, &db.session()).await,
            // There is no position that programs share, but whether something was committed can be seen, and that it
            // was told counts as a commit.
            Self::Sqlite { .. } if self.version() == before.version => {}
            Self::Sqlite { .. } => {
                let began = Instant::now();
                while db.db.changes().position() == before.position {
                    assert!(began.elapsed() < LONG, "it is never told");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }
}
