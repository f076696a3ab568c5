//! Tables whose rows tell whether a write happened once: they have no unique rule that would hide a second time.

use brisk_core::TenantId;
use brisk_db::{Affected, Db, FromRow, MigrationSet, OnConflict, One, Record, statements};

use crate::harness::session;

pub(super) const TENANTS: i64 = 4;

/// Accounts of each tenant, and what lies in each at first.
pub(super) const ACCOUNTS: i64 = 16;
pub(super) const BALANCE: i64 = 1_000_000;

/// The counter that all callers of a tenant add to; the others have one caller each.
pub(super) const SHARED: i64 = 0;

pub(super) const TABLES: MigrationSet = MigrationSet {
    name: "history",
    history: "brisk_migrations_history",
    postgres: &[(
        "V1__history",
        "CREATE TABLE entries (tenant_id bigint NOT NULL, id bigint NOT NULL, mark bigint NOT NULL);
         CREATE INDEX entries_id ON entries (tenant_id, id);
         CREATE TABLE counters (tenant_id bigint NOT NULL, id bigint NOT NULL, n bigint NOT NULL,
           PRIMARY KEY (tenant_id, id));
         CREATE TABLE accounts (tenant_id bigint NOT NULL, id bigint NOT NULL, balance bigint NOT NULL,
           PRIMARY KEY (tenant_id, id));
         CREATE TABLE transfers (tenant_id bigint NOT NULL, id bigint NOT NULL, source bigint NOT NULL,
           target bigint NOT NULL, amount bigint NOT NULL);",
    )],
    sqlite: &[(
        "V1__history",
        "CREATE TABLE entries (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, mark INTEGER NOT NULL) STRICT;
         CREATE INDEX entries_id ON entries (tenant_id, id);
         CREATE TABLE counters (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, n INTEGER NOT NULL,
           PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE TABLE accounts (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, balance INTEGER NOT NULL,
           PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE TABLE transfers (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, source INTEGER NOT NULL,
           target INTEGER NOT NULL, amount INTEGER NOT NULL) STRICT;",
    )],
};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Entry {
    pub(super) tenant_id: i64,
    pub(super) id: i64,
    pub(super) mark: i64,
}

/// What the entry with an id holds, so that a row of another key or tenant gives itself away.
pub(super) const fn mark(tenant: i64, id: i64) -> i64 {
    (tenant * 1_000_003).wrapping_add(id.wrapping_mul(7_919))
}

impl Entry {
    pub(super) const fn of(tenant: i64, id: i64) -> Self {
        Self {
            tenant_id: tenant,
            id,
            mark: mark(tenant, id),
        }
    }
}

/// An entry on its way in, through a fold.
#[derive(Clone, Debug, Record)]
#[record(table = "entries")]
pub(super) struct NewEntry {
    pub(super) tenant_id: i64,
    pub(super) id: i64,
    pub(super) mark: i64,
}

#[derive(Debug, FromRow)]
pub(super) struct Numbered {
    pub(super) tenant_id: i64,
    pub(super) id: i64,
    pub(super) n: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Transfer {
    pub(super) tenant_id: i64,
    pub(super) id: i64,
    pub(super) source: i64,
    pub(super) target: i64,
    pub(super) amount: i64,
}

statements! {
    prefix "test.history";

    pub(super) ADD(tenant: i64, id: i64, mark: i64) -> Affected
        = "INSERT INTO entries (tenant_id, id, mark) VALUES ($1, $2, $3)";

    pub(super) ENTRIES_OF(tenant: i64, id: i64) -> Vec<Entry>
        = "SELECT tenant_id, id, mark FROM entries WHERE tenant_id = $1 AND id = $2";

    /// The entry with an id.
    pub(super) load ENTRY(id: i64) -> Option<Entry> in "entries";

    pub(super) ADD_COUNTER(tenant: i64, id: i64) -> Affected
        = "INSERT INTO counters (tenant_id, id, n) VALUES ($1, $2, 0) ON CONFLICT (tenant_id, id) DO NOTHING";

    /// A second time it would change nothing.
    pub(super) SET(tenant: i64, id: i64, n: i64) -> Affected
        = "UPDATE counters SET n = $3 WHERE tenant_id = $1 AND id = $2 AND n < $3";

    pub(super) BUMP(tenant: i64, id: i64) -> Affected
        = "UPDATE counters SET n = n + 1 WHERE tenant_id = $1 AND id = $2";

    pub(super) COUNTER(tenant: i64, id: i64) -> One<i64>
        = "SELECT n FROM counters WHERE tenant_id = $1 AND id = $2";

    pub(super) ADD_ACCOUNT(tenant: i64, id: i64, balance: i64) -> Affected
        = "INSERT INTO accounts (tenant_id, id, balance) VALUES ($1, $2, $3) ON CONFLICT (tenant_id, id) DO NOTHING";

    pub(super) MOVE(tenant: i64, id: i64, by: i64) -> One<i64>
        = "UPDATE accounts SET balance = balance + $3 WHERE tenant_id = $1 AND id = $2 RETURNING balance";

    pub(super) NOTE(tenant: i64, id: i64, source: i64, target: i64, amount: i64) -> Affected
        = "INSERT INTO transfers (tenant_id, id, source, target, amount) VALUES ($1, $2, $3, $4, $5)";

    pub(super) ALL_ENTRIES() -> Vec<Entry> = "SELECT tenant_id, id, mark FROM entries";

    pub(super) ALL_COUNTERS() -> Vec<Numbered> = "SELECT tenant_id, id, n FROM counters";

    pub(super) ALL_BALANCES() -> Vec<Numbered> = "SELECT tenant_id, id, balance AS n FROM accounts";

    pub(super) ALL_TRANSFERS() -> Vec<Transfer> = "SELECT tenant_id, id, source, target, amount FROM transfers";
}

/// Writes entries of a fold.
pub(super) async fn insert(
    session: brisk_db::Session,
    rows: std::sync::Arc<[NewEntry]>,
) -> Result<Vec<()>, brisk_db::Error> {
    session
        .insert_many(rows.to_vec(), OnConflict::Fail)
        .await
        .map(|_| vec![(); rows.len()])
}

/// Makes the tables and what stands in them from the beginning.
pub(super) async fn furnish(db: &Db, callers: i64) {
    db.migrate(&[TABLES]).await.unwrap();
    for tenant in 1..=TENANTS {
        let session = session(db).for_tenant(TenantId(tenant));
        let counters = (SHARED..=callers).map(|id| (tenant, id));
        session.run_each(&ADD_COUNTER, counters).await.unwrap();
        let accounts = (0..ACCOUNTS).map(|id| (tenant, id, BALANCE));
        session.run_each(&ADD_ACCOUNT, accounts).await.unwrap();
    }
}
