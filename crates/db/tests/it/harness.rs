//! One test body, two engines: each test gets its own SQLite file or its own PostgreSQL database.

use std::time::Duration;

use brisk_core::{Scope, TenantId};
use brisk_db::{Affected, Db, DbConfig, MigrationSet, One, Record, Session, statements};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::{Database, Postgres};

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

/// Enough for anything that does not hang.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) const SCHEMA: MigrationSet = MigrationSet {
    name: "test",
    history: "brisk_migrations_test",
    postgres: &[(
        "V1__test",
        "CREATE TABLE owners (
           id bigint PRIMARY KEY,
           email text NOT NULL UNIQUE,
           age integer NOT NULL CONSTRAINT owners_age CHECK (age >= 0)
         );
         CREATE TABLE pets (
           id bigint PRIMARY KEY,
           owner bigint NOT NULL REFERENCES owners (id),
           name text
         );
         CREATE TABLE things (
           id bigint PRIMARY KEY, flag boolean, small integer, big bigint, ratio double precision, label text,
           raw bytea, key uuid, at timestamptz, day date, doc jsonb
         );",
    )],
    sqlite: &[(
        "V1__test",
        "CREATE TABLE owners (
           id INTEGER PRIMARY KEY,
           email TEXT NOT NULL UNIQUE,
           age INTEGER NOT NULL CONSTRAINT owners_age CHECK (age >= 0)
         ) STRICT;
         CREATE TABLE pets (
           id INTEGER PRIMARY KEY,
           owner INTEGER NOT NULL REFERENCES owners (id),
           name TEXT
         ) STRICT;
         CREATE TABLE things (
           id INTEGER PRIMARY KEY, flag INTEGER, small INTEGER, big INTEGER, ratio REAL, label TEXT,
           raw BLOB, key BLOB, at INTEGER, day TEXT, doc TEXT
         ) STRICT;",
    )],
};

statements! {
    prefix "test";

    pub(crate) ADD_OWNER(id: i64, email: String, age: i32) -> Affected
        = "INSERT INTO owners (id, email, age) VALUES ($1, $2, $3)";

    pub(crate) AGE(id: i64) -> Option<i64> = "SELECT age FROM owners WHERE id = $1";

    pub(crate) SET_AGE(id: i64, age: i32) -> Affected = "UPDATE owners SET age = $2 WHERE id = $1";

    pub(crate) GROW(id: i64) -> One<i64> = "UPDATE owners SET age = age + 1 WHERE id = $1 RETURNING age";

    pub(crate) COUNT() -> One<i64> = "SELECT count(*) FROM owners";

    pub(crate) OWNERS() -> Vec<i64> = "SELECT id FROM owners ORDER BY id";

    pub(crate) ADD_PET(id: i64, owner: i64) -> Affected = "INSERT INTO pets (id, owner) VALUES ($1, $2)";

    /// Takes forever; the deadline is what is tested.
    pub(crate) SLOW(to: i64) -> One<i64>
        = "WITH RECURSIVE n(i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n",
        sqlite "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n";

    /// The same on a connection of its own.
    #[slow]
    pub(crate) SLOW_APART(to: i64) -> One<i64>
        = "WITH RECURSIVE n(i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n",
        sqlite "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n";
}

/// So many rows that no machine counts them within a test.
pub(crate) const FOREVER: i64 = 1_000_000_000_000;

/// An open database that vanishes with the test.
pub(crate) struct TestDb {
    pub(crate) db: Db,
    pub(crate) url: String,
    pub(crate) place: Place,
}

pub(crate) enum Place {
    Sqlite(SqliteFile),
    Postgres(Box<Database>),
}

impl TestDb {
    pub(crate) async fn sqlite() -> Self {
        Self::sqlite_with(|_| ()).await
    }

    pub(crate) async fn sqlite_with(change: impl FnOnce(&mut DbConfig)) -> Self {
        let file = SqliteFile::new().unwrap();
        Self::open(file.url(), Place::Sqlite(file), change).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::postgres_with(|_| ()).await
    }

    pub(crate) async fn postgres_with(change: impl FnOnce(&mut DbConfig)) -> Self {
        let database = Postgres::shared().database().unwrap();
        Self::open(database.url(), Place::Postgres(Box::new(database)), change).await
    }

    async fn open(url: String, place: Place, change: impl FnOnce(&mut DbConfig)) -> Self {
        let mut config = DbConfig::new(&url);
        config.postgres.pool = 4;
        change(&mut config);
        let db = Db::open(config).await.unwrap();
        db.migrate(&[SCHEMA]).await.unwrap();
        Self { db, url, place }
    }

    pub(crate) fn session(&self) -> Session {
        session(&self.db)
    }

    pub(crate) fn session_for(&self, span: Duration) -> Session {
        self.db
            .session(Scope::system(TenantId(1), "test").shortened(span))
    }

    /// The server's database; none of our code in between.
    pub(crate) fn server(&self) -> &Database {
        match &self.place {
            Place::Postgres(database) => database,
            Place::Sqlite(_) => panic!("a test of PostgreSQL alone"),
        }
    }
}

pub(crate) fn session(db: &Db) -> Session {
    db.session(Scope::system(TenantId(1), "test"))
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

/// A row of `owners`.
#[derive(Clone, Debug, PartialEq, Record)]
#[record(table = "owners")]
pub(crate) struct Owner {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) age: i32,
}

/// Owner `id`, as [`add`] adds it.
pub(crate) fn owner(id: i64) -> Owner {
    Owner {
        id,
        email: format!("{id}@example.org"),
        age: 1,
    }
}

/// Adds owner `id`.
pub(crate) async fn add(session: &Session, id: i64) -> Result<u64, brisk_db::Error> {
    let Owner { id, email, age } = owner(id);
    session.run(&ADD_OWNER, (id, email, age)).await
}
