//! One test body, two engines: each test gets its own SQLite file or its own PostgreSQL database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use brisk_cache::{Cache, Cached, Caches, Error, Policy};
use brisk_core::{Scope, TenantId};
use brisk_db::{
    Affected, Db, DbConfig, Event, FromRow, HookGuard, MigrationSet, One, Session, Standing,
    Ticket, statements,
};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::{Database, Postgres};
use serde::{Deserialize, Serialize};

/// Declares tests that run on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: TestDb) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn body($db: $crate::harness::TestDb) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                body($crate::harness::TestDb::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                body($crate::harness::TestDb::postgres().await).await;
            }
        }
    )*};
}

pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const ONE: TenantId = TenantId(1);
pub(crate) const TWO: TenantId = TenantId(2);

const SCHEMA: MigrationSet = MigrationSet {
    name: "test",
    history: "brisk_migrations_test",
    postgres: &[(
        "V1__test",
        "CREATE TABLE authors (tenant_id bigint NOT NULL, id bigint NOT NULL, name text NOT NULL,
           status text NOT NULL, PRIMARY KEY (tenant_id, id));
         CREATE TABLE books (tenant_id bigint NOT NULL, id bigint NOT NULL, author_id bigint NOT NULL, title text NOT NULL,
           PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, author_id) REFERENCES authors ON DELETE CASCADE);
         CREATE TABLE plain (id bigint PRIMARY KEY, word text NOT NULL);
         CREATE TABLE hidden (id bigint PRIMARY KEY, word text NOT NULL);
         CREATE TABLE stock (tenant_id bigint NOT NULL, id bigint NOT NULL, kind text NOT NULL, size bigint,
           PRIMARY KEY (tenant_id, id));
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('authors', 'tenant_id', 'id', 'status'), ('books', 'tenant_id', 'id', 'author_id'), ('plain', NULL, 'id', ''),
           ('stock', 'tenant_id', 'id', 'kind, size');",
    )],
    sqlite: &[(
        "V1__test",
        "CREATE TABLE authors (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
           status TEXT NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE TABLE books (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, author_id INTEGER NOT NULL, title TEXT NOT NULL,
           PRIMARY KEY (tenant_id, id),
           FOREIGN KEY (tenant_id, author_id) REFERENCES authors (tenant_id, id) ON DELETE CASCADE) STRICT;
         CREATE TABLE plain (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT;
         CREATE TABLE hidden (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT;
         CREATE TABLE stock (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, kind TEXT NOT NULL, size INTEGER,
           PRIMARY KEY (tenant_id, id)) STRICT;
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('authors', 'tenant_id', 'id', 'status'), ('books', 'tenant_id', 'id', 'author_id'), ('plain', NULL, 'id', ''),
           ('stock', 'tenant_id', 'id', 'kind, size');",
    )],
};

#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize, Deserialize)]
pub(crate) struct Author {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) status: String,
}

statements! {
    prefix "test";

    pub(crate) AUTHOR(tenant: TenantId, id: i64) -> Option<Author>
        = "SELECT id, name, status FROM authors WHERE tenant_id = $1 AND id = $2";

    pub(crate) BY_STATUS(tenant: TenantId, status: String) -> Vec<Author>
        = "SELECT id, name, status FROM authors WHERE tenant_id = $1 AND status = $2 ORDER BY id";

    pub(crate) ALL(tenant: TenantId) -> Vec<Author>
        = "SELECT id, name, status FROM authors WHERE tenant_id = $1 ORDER BY id";

    pub(crate) WITH_BOOKS(tenant: TenantId, id: i64) -> Vec<String>
        = "SELECT b.title FROM authors a JOIN books b ON b.tenant_id = a.tenant_id AND b.author_id = a.id
            WHERE a.tenant_id = $1 AND a.id = $2 ORDER BY b.title COLLATE \"C\"",
        sqlite "SELECT b.title FROM authors a JOIN books b ON b.tenant_id = a.tenant_id AND b.author_id = a.id
            WHERE a.tenant_id = $1 AND a.id = $2 ORDER BY b.title";

    pub(crate) COUNT() -> One<i64> = "SELECT count(*) FROM authors";

    pub(crate) WORD(id: i64) -> Option<String> = "SELECT word FROM plain WHERE id = $1";

    pub(crate) HIDDEN(id: i64) -> Option<String> = "SELECT word FROM hidden WHERE id = $1";

    pub(crate) AGE() -> One<String> = "SELECT now()::text", sqlite "SELECT datetime('now')";

    pub(crate) ADD(tenant: TenantId, id: i64, name: String, status: String) -> Affected
        = "INSERT INTO authors (tenant_id, id, name, status) VALUES ($1, $2, $3, $4)";

    pub(crate) RENAME(tenant: TenantId, id: i64, name: String) -> Affected
        = "UPDATE authors SET name = $3 WHERE tenant_id = $1 AND id = $2";

    pub(crate) MOVE(tenant: TenantId, id: i64, status: String) -> Affected
        = "UPDATE authors SET status = $3 WHERE tenant_id = $1 AND id = $2";

    pub(crate) REMOVE(tenant: TenantId, id: i64) -> Affected = "DELETE FROM authors WHERE tenant_id = $1 AND id = $2";

    pub(crate) EMPTY() -> Affected = "TRUNCATE authors CASCADE", sqlite "DELETE FROM authors";

    pub(crate) ADD_BOOK(tenant: TenantId, id: i64, author: i64, title: String) -> Affected
        = "INSERT INTO books (tenant_id, id, author_id, title) VALUES ($1, $2, $3, $4)";

    pub(crate) ADD_HIDDEN(id: i64, word: String) -> Affected = "INSERT INTO hidden (id, word) VALUES ($1, $2)";

    pub(crate) SET_HIDDEN(id: i64, word: String) -> Affected = "UPDATE hidden SET word = $2 WHERE id = $1";

    pub(crate) ADD_WORD(id: i64, word: String) -> Affected = "INSERT INTO plain (id, word) VALUES ($1, $2)";
}

/// An open database with its stream started, which vanishes with the test.
pub(crate) struct TestDb {
    pub(crate) db: Db,
    pub(crate) url: String,
    pub(crate) place: Place,
    /// The ticket of the last commit of this node.
    wrote: Arc<AtomicU64>,
    _hook: HookGuard,
}

pub(crate) enum Place {
    Sqlite(SqliteFile),
    Postgres(Box<Database>),
}

impl TestDb {
    pub(crate) async fn sqlite() -> Self {
        let file = SqliteFile::new().unwrap();
        Self::open(file.url(), Place::Sqlite(file)).await
    }

    pub(crate) async fn postgres() -> Self {
        let database = Postgres::shared().database().unwrap();
        Self::open(database.url(), Place::Postgres(Box::new(database))).await
    }

    async fn open(url: String, place: Place) -> Self {
        let db = open(&url).await;
        let wrote = Arc::<AtomicU64>::default();
        let last = Arc::clone(&wrote);
        let hook = db.changes().on_event(move |event| {
            if let Event::Wrote(wrote) = event {
                last.fetch_max(wrote.ticket.get(), Ordering::SeqCst);
            }
        });
        Self {
            db,
            url,
            place,
            wrote,
            _hook: hook,
        }
    }

    /// Another node of the same database; on SQLite another program.
    pub(crate) async fn other(&self) -> Db {
        open(&self.url).await
    }

    pub(crate) fn session(&self) -> Session {
        self.of(ONE)
    }

    pub(crate) fn of(&self, tenant: TenantId) -> Session {
        self.db
            .session(Scope::system(tenant, "test").shortened(LONG))
    }

    pub(crate) fn caches(&self) -> Caches {
        Caches::of(&self.db)
    }
}

async fn open(url: &str) -> Db {
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    db.migrate(&[SCHEMA, brisk_cache::MIGRATIONS])
        .await
        .unwrap();
    db.changes().start();
    trusted(&db).await;
    db
}

/// Waits until the stream tells everything.
pub(crate) async fn trusted(db: &Db) {
    let stream = db.changes();
    let waiting = async {
        while !stream.is_trusted() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, waiting)
        .await
        .expect("the stream is trusted");
}

/// Waits until this node was told all that is committed, by a look that began after it: only then are the exact changes of
/// own commits known to have been told.
pub(crate) async fn told(db: &Db, by: &Session) {
    let now = Instant::now();
    let position = by.position().await.unwrap();
    let deadline = brisk_core::Deadline::after(LONG);
    let stream = db.changes();
    stream.reached(&position, deadline).await.unwrap();
    let looked = async {
        while !matches!(stream.standing(), Standing::Trusted { as_of } if as_of >= now) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, looked)
        .await
        .expect("the stream goes on");
}

/// The same, and that nobody waits for the exact changes of an own commit any more: now precision can be seen.
pub(crate) async fn settled(db: &TestDb) {
    told(&db.db, &db.session()).await;
    let last = Ticket::from_raw(db.wrote.load(Ordering::SeqCst));
    let waiting = async {
        while !db.db.changes().has_passed(last) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, waiting)
        .await
        .expect("the stream looks again");
}

/// Runs SQL as another program does.
pub(crate) fn foreign(db: &TestDb, sql: &str) {
    match &db.place {
        Place::Postgres(database) => drop(database.psql(&[sql]).unwrap()),
        Place::Sqlite(file) => {
            let conn = rusqlite::Connection::open(file.path()).unwrap();
            conn.busy_timeout(Duration::from_secs(5)).unwrap();
            conn.execute_batch(sql).unwrap();
        }
    }
}

/// A cache of authors that counts its loads.
#[derive(Clone)]
pub(crate) struct Authors {
    pub(crate) cache: Cache<i64, Option<Author>>,
    pub(crate) loads: Arc<AtomicU64>,
}

impl Authors {
    pub(crate) fn new(db: &TestDb, policy: Policy) -> Self {
        Self::of(&db.caches(), policy, &Arc::default())
    }

    /// The same on a node whose loads are counted with those of others.
    pub(crate) fn of(caches: &Caches, policy: Policy, loads: &Arc<AtomicU64>) -> Self {
        Self {
            cache: caches.cache("test.authors", policy).build_tiered(),
            loads: Arc::clone(loads),
        }
    }

    pub(crate) async fn get(
        &self,
        session: &Session,
        id: i64,
    ) -> Result<Cached<Option<Author>>, Error> {
        let loads = Arc::clone(&self.loads);
        let load = async move |session: Session| {
            loads.fetch_add(1, Ordering::SeqCst);
            session.run(&AUTHOR, (session.tenant(), id)).await
        };
        self.cache.get(session, &id, load).await
    }

    pub(crate) async fn name(&self, session: &Session, id: i64) -> Option<String> {
        let author = self.get(session, id).await.unwrap();
        author.as_ref().map(|a| a.name.clone())
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }
}

pub(crate) async fn add(session: &Session, id: i64, name: &str) {
    let params = (session.tenant(), id, name.to_owned(), "active".to_owned());
    session.run(&ADD, params).await.unwrap();
}

pub(crate) async fn rename(session: &Session, id: i64, name: &str) {
    let params = (session.tenant(), id, name.to_owned());
    session.run(&RENAME, params).await.unwrap();
}
