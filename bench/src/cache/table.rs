//! The table that is read through caches: 10,000 books on 500 shelves.

use std::time::Duration;

use anyhow::{Context as _, Result};
use brisk_cache::Caches;
use brisk_core::TenantId;
use brisk_db::{Affected, Db, DbConfig, FromRow, MigrationSet, One, Session, statements};
use serde::Serialize;

use crate::engine::{Place, system};

pub(super) const TENANT: TenantId = TenantId(1);

/// Rows, by id from 1.
pub(super) const ROWS: u64 = 10_000;

/// Each with 20 of them.
pub(super) const SHELVES: i64 = 500;

/// The longest that the stream may take until it tells everything.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: MigrationSet = MigrationSet {
    name: "bench",
    history: "brisk_migrations_bench",
    postgres: &[(
        "V1__books",
        "CREATE TABLE bench_books (tenant_id bigint NOT NULL, id bigint NOT NULL, shelf bigint NOT NULL, title text NOT NULL,
           body text NOT NULL, price double precision NOT NULL, n bigint NOT NULL, PRIMARY KEY (tenant_id, id));
         CREATE INDEX bench_books_shelf ON bench_books (tenant_id, shelf, id);
         INSERT INTO bench_books SELECT 1, i, i % 500, 'book ' || i, repeat('text ', 16), i * 0.5, 0
           FROM generate_series(1, 10000) i;
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('bench_books', 'tenant_id', 'id', 'shelf');",
    )],
    sqlite: &[(
        "V1__books",
        "CREATE TABLE bench_books (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, shelf INTEGER NOT NULL, title TEXT NOT NULL,
           body TEXT NOT NULL, price REAL NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE INDEX bench_books_shelf ON bench_books (tenant_id, shelf, id);
         WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 10000)
         INSERT INTO bench_books SELECT 1, i, i % 500, 'book ' || i, replace(hex(zeroblob(8)), '0', 'text '), i * 0.5, 0 FROM s;
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('bench_books', 'tenant_id', 'id', 'shelf');",
    )],
};

#[derive(Clone, Debug, FromRow, Serialize)]
pub(super) struct Book {
    pub(super) id: i64,
    shelf: i64,
    title: String,
    body: String,
    price: f64,
    pub(super) n: i64,
}

impl Book {
    /// The rows of a shelf as the migration has made them.
    pub(super) fn made(shelf: i64) -> Vec<Self> {
        let first = if shelf == 0 { SHELVES } else { shelf };
        let ids = (0..20).map(|n| first + n * SHELVES);
        let book = |id: i64| Self {
            id,
            shelf,
            title: format!("book {id}"),
            body: "text ".repeat(16),
            price: f64::from(u16::try_from(id).unwrap_or(u16::MAX)) * 0.5,
            n: 0,
        };
        ids.map(book).collect()
    }

    /// Bytes outside of itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.title.capacity() + self.body.capacity()
    }
}

statements! {
    prefix "bench.book";

    /// One row.
    pub(super) BOOK(tenant: TenantId, id: i64) -> One<Book>
        = "SELECT id, shelf, title, body, price, n FROM bench_books WHERE tenant_id = $1 AND id = $2";

    /// A shelf.
    pub(super) PAGE(tenant: TenantId, shelf: i64) -> Vec<Book>
        = "SELECT id, shelf, title, body, price, n FROM bench_books WHERE tenant_id = $1 AND shelf = $2
            ORDER BY id LIMIT 20";

    /// Its number, if there is such a row.
    pub(super) N(tenant: TenantId, id: i64) -> Option<i64>
        = "SELECT n FROM bench_books WHERE tenant_id = $1 AND id = $2";

    /// Another number for it.
    pub(super) SET(tenant: TenantId, id: i64, n: i64) -> Affected
        = "UPDATE bench_books SET n = $3 WHERE tenant_id = $1 AND id = $2";

    /// One more row.
    pub(super) ADD(tenant: TenantId, id: i64) -> Affected
        = "INSERT INTO bench_books (tenant_id, id, shelf, title, body, price, n) VALUES ($1, $2, 0, 'new', 'text', 1.5, 2)";

    /// One row less.
    pub(super) REMOVE(tenant: TenantId, id: i64) -> Affected
        = "DELETE FROM bench_books WHERE tenant_id = $1 AND id = $2";
}

/// A database with the table, whose changes are followed.
pub(super) struct Books {
    pub(super) db: Db,
    pub(super) place: Place,
}

impl Books {
    pub(super) async fn open(place: Place) -> Result<Self> {
        let db = Db::open(DbConfig::new(place.url())).await?;
        db.migrate(&[TABLES]).await?;
        follow(&db).await?;
        Ok(Self { db, place })
    }

    pub(super) fn caches(&self) -> Caches {
        Caches::of(&self.db)
    }

    /// As a request has one: with a ledger of its own.
    pub(super) fn session(&self) -> Session {
        system(&self.db, TENANT)
    }
}

/// Starts the stream of changes and waits until it tells everything.
pub(super) async fn follow(db: &Db) -> Result<()> {
    let stream = db.changes();
    stream.start();
    let trusted = async {
        while !stream.is_trusted() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trusted)
        .await
        .context("the stream of changes is not trusted")
}
