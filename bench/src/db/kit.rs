//! The kit: declared statements on a session.

use anyhow::Result;
use brisk_core::{Scope, TenantId};
use brisk_db::{Db, FromRow, One, Session, statements};
use jiff::Timestamp;

use super::table::Store;

#[derive(Debug, FromRow)]
pub(super) struct Item {
    pub(super) id: i64,
    group_id: i64,
    name: String,
    body: String,
    score: f64,
    created_at: Timestamp,
}

statements! {
    prefix "bench.item";

    /// The newest page of a group.
    pub(super) PAGE(group: i64) -> Vec<Item>
        = "SELECT id, group_id, name, body, score, created_at FROM bench_items
            WHERE group_id = $1 ORDER BY created_at DESC, id DESC LIMIT 20";

    /// One row.
    pub(super) BY_ID(id: i64) -> One<Item>
        = "SELECT id, group_id, name, body, score, created_at FROM bench_items WHERE id = $1";

    /// Some rows.
    BY_IDS(ids: Vec<i64>) -> Vec<Item>
        = "SELECT id, group_id, name, body, score, created_at FROM bench_items WHERE id = ANY($1)";

    /// A new row.
    INSERT(group: i64, name: String, body: String) -> One<i64>
        = "INSERT INTO bench_items (group_id, name, body, score, created_at)
            VALUES ($1, $2, $3, 1.5, now()) RETURNING id";
}

#[derive(Clone, Debug)]
pub(super) struct Kit(pub(super) Db);

impl Kit {
    /// As each request has one of its own.
    fn session(&self) -> Session {
        self.0.session(Scope::system(TenantId::PLATFORM, "bench"))
    }
}

impl Store for Kit {
    async fn page(&self, group: i64) -> Result<usize> {
        Ok(self.session().run(&PAGE, (group,)).await?.len())
    }

    async fn by_id(&self, id: i64) -> Result<i64> {
        Ok(self.session().run(&BY_ID, (id,)).await?.id)
    }

    async fn by_ids(&self, ids: Vec<i64>) -> Result<usize> {
        Ok(self.session().run(&BY_IDS, (ids,)).await?.len())
    }

    async fn insert(&self, group: i64, name: String, body: String) -> Result<i64> {
        Ok(self.session().run(&INSERT, (group, name, body)).await?)
    }
}
