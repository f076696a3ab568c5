//! sqlx with its pool.

use anyhow::Result;
use sqlx_core::query::query;
use sqlx_core::row::Row as _;
use sqlx_postgres::{PgPool, PgPoolOptions, PgRow};
use time::OffsetDateTime;

use super::table::{BY_ID, BY_IDS, INSERT, PAGE, Store};

/// The default of sqlx, and what the other pools get.
pub(super) const CONNECTIONS: u32 = 10;

#[derive(Clone, Debug)]
pub(super) struct Sqlx(PgPool);

struct Item {
    id: i64,
    _rest: (i64, String, String, f64, OffsetDateTime),
}

impl From<&PgRow> for Item {
    fn from(row: &PgRow) -> Self {
        Self {
            id: row.get(0),
            _rest: (row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)),
        }
    }
}

impl Sqlx {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let options = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .min_connections(CONNECTIONS);
        Ok(Self(options.connect(url).await?))
    }
}

impl Store for Sqlx {
    async fn page(&self, group: i64) -> Result<usize> {
        let rows = query(PAGE).bind(group).fetch_all(&self.0).await?;
        let items: Vec<Item> = rows.iter().map(Item::from).collect();
        Ok(items.len())
    }

    async fn by_id(&self, id: i64) -> Result<i64> {
        let row = query(BY_ID).bind(id).fetch_one(&self.0).await?;
        Ok(Item::from(&row).id)
    }

    async fn by_ids(&self, ids: Vec<i64>) -> Result<usize> {
        let rows = query(BY_IDS).bind(ids).fetch_all(&self.0).await?;
        let items: Vec<Item> = rows.iter().map(Item::from).collect();
        Ok(items.len())
    }

    async fn insert(&self, group: i64, name: String, body: String) -> Result<i64> {
        let row = query(INSERT)
            .bind(group)
            .bind(name)
            .bind(body)
            .fetch_one(&self.0)
            .await?;
        Ok(row.get(0))
    }
}
