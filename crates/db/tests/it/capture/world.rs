//! Two captured tables, and ways to look at what is told of them.

use std::collections::BTreeMap;
use std::time::Duration;

use brisk_core::{Deadline, TenantId};
use brisk_db::{
    Affected, Cell, Cells, Change, ChangeStream, Event, FromRow, MigrationSet, Session,
    Subscription, What, statements,
};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::time::timeout;
use uuid::Uuid;

pub(super) use crate::harness::foreign;
use crate::harness::{LONG, TestDb};

pub(super) const CAPTURED: MigrationSet = MigrationSet {
    name: "captured",
    history: "brisk_migrations_captured",
    postgres: &[(
        "V1__captured",
        "CREATE TABLE items (
           id bigint PRIMARY KEY, tenant_id bigint NOT NULL, status text, n bigint NOT NULL DEFAULT 0,
           flag boolean, raw bytea, key uuid, at timestamptz, day date
         );
         CREATE TABLE notes (
           id bigint PRIMARY KEY, tenant_id bigint NOT NULL,
           item_id bigint NOT NULL REFERENCES items (id) ON DELETE CASCADE
         );
         CREATE TABLE plain (id bigint PRIMARY KEY);
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('items', 'tenant_id', 'id', 'status, n, flag, raw, key, at, day'),
                ('notes', 'tenant_id', 'id', 'item_id');",
    )],
    sqlite: &[(
        "V1__captured",
        "CREATE TABLE items (
           id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, status TEXT, n INTEGER NOT NULL DEFAULT 0,
           flag INTEGER, raw BLOB, key BLOB, at INTEGER, day TEXT
         ) STRICT;
         CREATE TABLE notes (
           id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL,
           item_id INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE
         ) STRICT;
         CREATE TABLE plain (id INTEGER PRIMARY KEY) STRICT;
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('items', 'tenant_id', 'id', 'status, n, flag, raw, key, at, day'),
                ('notes', 'tenant_id', 'id', 'item_id');",
    )],
};

#[derive(Debug, FromRow)]
pub(super) struct Number {
    id: i64,
    n: i64,
}

impl Number {
    pub(super) const fn pair(self) -> (i64, i64) {
        (self.id, self.n)
    }
}

statements! {
    prefix "test.capture";

    pub(super) ADD(id: i64, tenant: TenantId, status: String) -> Affected
        = "INSERT INTO items (id, tenant_id, status) VALUES ($1, $2, $3)";

    pub(super) ADD_PLAIN(id: i64) -> Affected = "INSERT INTO plain (id) VALUES ($1)";

    pub(super) ADD_NOTE(id: i64, tenant: TenantId, item: i64) -> Affected
        = "INSERT INTO notes (id, tenant_id, item_id) VALUES ($1, $2, $3)";

    /// Of a column that only a later release has.
    pub(super) MARK_NOTE(id: i64, status: String) -> Affected = "UPDATE notes SET status = $2 WHERE id = $1";

    pub(super) SET(id: i64, status: String) -> Affected = "UPDATE items SET status = $2 WHERE id = $1";

    pub(super) SET_ALL(status: String) -> Affected = "UPDATE items SET status = $1";

    pub(super) RENUMBER(from: i64, to: i64) -> Affected = "UPDATE items SET id = $2 WHERE id = $1";

    pub(super) MOVE(id: i64, tenant: TenantId) -> Affected = "UPDATE items SET tenant_id = $2 WHERE id = $1";

    pub(super) DELETE(id: i64) -> Affected = "DELETE FROM items WHERE id = $1";

    pub(super) DELETE_ALL() -> Affected = "DELETE FROM items";

    pub(super) PUT(id: i64, tenant: TenantId, status: String) -> Affected
        = "INSERT INTO items (id, tenant_id, status) VALUES ($1, $2, $3)
           ON CONFLICT (id) DO UPDATE SET status = excluded.status";

    pub(super) BUMP(id: i64, mark: String) -> Affected
        = "UPDATE items SET n = n + 1, status = $2 WHERE id = $1";

    pub(super) NUMBERS() -> Vec<Number> = "SELECT id, n FROM items ORDER BY id";

    pub(super) ADD_ALL(flag: bool, raw: Vec<u8>, key: Uuid, at: Timestamp, day: Date, status: String, n: i64) -> Affected
        = "INSERT INTO items (id, tenant_id, flag, raw, key, at, day, status, n) VALUES (1, 1, $1, $2, $3, $4, $5, $6, $7)";

    /// On SQLite the rows before the one that fails stay.
    pub(super) ADD_OR_FAIL() -> Affected
        = "INSERT INTO items (id, tenant_id) VALUES (1, 1), (2, 1)",
        sqlite "INSERT OR FAIL INTO items (id, tenant_id) VALUES (1, 1), (2, 1)";

    /// What triggers on PostgreSQL have left; on SQLite they leave nothing.
    pub(super) OUTBOX() -> brisk_db::One<i64> = "SELECT count(*) FROM brisk_outbox", sqlite "SELECT 0";
}

/// A database with the captured tables.
pub(super) async fn captured(db: &TestDb) -> Session {
    db.db.migrate(&[CAPTURED]).await.unwrap();
    db.session()
}

/// The next event; it must come.
pub(super) async fn next(events: &mut Subscription) -> Event {
    timeout(LONG, events.next()).await.unwrap().unwrap()
}

/// Skips to where the stream is trusted.
pub(super) async fn trusted(events: &mut Subscription) {
    while !matches!(next(events).await, Event::Trusted) {}
}

/// Waits until all that was committed before has been told, and takes it.
pub(super) async fn settle(stream: &ChangeStream, events: &mut Subscription, session: &Session) {
    let position = session.position().await.unwrap();
    stream
        .reached(&position, Deadline::after(LONG))
        .await
        .unwrap();
    timeout(LONG, async {
        while !stream.is_trusted() {
            next(events).await;
        }
    })
    .await
    .unwrap();
    while timeout(Duration::from_millis(100), events.next())
        .await
        .is_ok()
    {}
}

/// The changes of the next commit.
pub(super) async fn commit(events: &mut Subscription) -> Vec<String> {
    loop {
        match next(events).await {
            Event::Committed(commit) => return commit.changes.iter().map(shown).collect(),
            Event::Reset(reason) => panic!("{reason:?}"),
            Event::Lost => panic!("lost"),
            _ => {}
        }
    }
}

/// As `items 1: 5 open -> done`: table, tenant, key, status before and after.
pub(super) fn shown(change: &Change) -> String {
    let tenant = change.tenant.map_or("-".to_owned(), |t| t.to_string());
    let table = &change.table;
    let What::Row { key, old, new } = &change.what else {
        return format!("{table} {tenant}: many");
    };
    let side = |cells: &Option<Cells>| match cells {
        None => "()".to_owned(),
        Some(cells) => cells
            .get("status")
            .and_then(|c| c.as_text())
            .unwrap_or("?")
            .to_owned(),
    };
    let id = key.get("id").and_then(Cell::as_int).unwrap();
    format!("{table} {tenant}: {id} {} -> {}", side(old), side(new))
}

/// What is stored, by id.
pub(super) async fn numbers(session: &Session) -> BTreeMap<i64, i64> {
    let rows = session.run(&NUMBERS, ()).await.unwrap();
    rows.into_iter().map(Number::pair).collect()
}
