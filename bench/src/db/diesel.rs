//! diesel-async with a deadpool, as its guide shows. One checkout for each statement.

use anyhow::Result;
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
// By its name: it hides the blocking one of the prelude.
use diesel_async::AsyncPgConnection;
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;

use super::sqlx::CONNECTIONS;
use super::table::Store;

diesel::table! {
    bench_items (id) {
        id -> BigInt,
        group_id -> BigInt,
        name -> Text,
        body -> Text,
        score -> Double,
        created_at -> Timestamptz,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = bench_items)]
#[expect(
    dead_code,
    reason = "decoding it is part of what is measured; nobody reads it"
)]
struct Item {
    id: i64,
    group_id: i64,
    name: String,
    body: String,
    score: f64,
    created_at: OffsetDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = bench_items)]
struct NewItem {
    group_id: i64,
    name: String,
    body: String,
    score: f64,
    created_at: OffsetDateTime,
}

#[derive(Clone)]
pub(super) struct Diesel(Pool<AsyncPgConnection>);

impl Diesel {
    pub(super) fn connect(url: &str) -> Result<Self> {
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS as usize)
            .build()?;
        Ok(Self(pool))
    }

    async fn connection(&self) -> Result<Object<AsyncPgConnection>> {
        Ok(self.0.get().await?)
    }
}

impl Store for Diesel {
    async fn page(&self, group: i64) -> Result<usize> {
        let rows: Vec<Item> = bench_items::table
            .filter(bench_items::group_id.eq(group))
            .order((bench_items::created_at.desc(), bench_items::id.desc()))
            .limit(20)
            .select(Item::as_select())
            .load(&mut self.connection().await?)
            .await?;
        Ok(rows.len())
    }

    async fn by_id(&self, id: i64) -> Result<i64> {
        let row: Item = bench_items::table
            .find(id)
            .select(Item::as_select())
            .first(&mut self.connection().await?)
            .await?;
        Ok(row.id)
    }

    async fn by_ids(&self, ids: Vec<i64>) -> Result<usize> {
        let rows: Vec<Item> = bench_items::table
            .filter(bench_items::id.eq_any(ids))
            .select(Item::as_select())
            .load(&mut self.connection().await?)
            .await?;
        Ok(rows.len())
    }

    async fn insert(&self, group: i64, name: String, body: String) -> Result<i64> {
        let row = NewItem {
            group_id: group,
            name,
            body,
            score: 1.5,
            created_at: OffsetDateTime::now_utc(),
        };
        Ok(diesel::insert_into(bench_items::table)
            .values(row)
            .returning(bench_items::id)
            .get_result(&mut self.connection().await?)
            .await?)
    }
}
