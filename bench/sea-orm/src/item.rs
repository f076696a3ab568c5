//! The entity, and what is asked of it, as SeaORM's guide shows.
#![expect(
    unreachable_pub,
    reason = "what SeaORM derives is as public as what it derives from"
)]

use anyhow::{Context as _, Result};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectOptions, Database, DatabaseConnection, QueryOrder, QuerySelect};
use time::OffsetDateTime;

/// The default of sqlx, below it.
const CONNECTIONS: u32 = 10;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "bench_items")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub group_id: i64,
    pub name: String,
    pub body: String,
    pub score: f64,
    pub created_at: TimeDateTimeWithTimeZone,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

#[derive(Clone, Debug)]
pub(crate) struct Items(DatabaseConnection);

impl Items {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(CONNECTIONS)
            .min_connections(CONNECTIONS)
            .sqlx_logging(false);
        Ok(Self(Database::connect(options).await?))
    }
}

impl Items {
    pub(crate) async fn page(&self, group: i64) -> Result<usize> {
        let rows = Entity::find()
            .filter(Column::GroupId.eq(group))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(20)
            .all(&self.0)
            .await?;
        Ok(rows.len())
    }

    pub(crate) async fn by_id(&self, id: i64) -> Result<i64> {
        let row = Entity::find_by_id(id).one(&self.0).await?;
        Ok(row.context("no such item")?.id)
    }

    pub(crate) async fn by_ids(&self, ids: Vec<i64>) -> Result<usize> {
        let rows = Entity::find()
            .filter(Column::Id.is_in(ids))
            .all(&self.0)
            .await?;
        Ok(rows.len())
    }

    pub(crate) async fn insert(&self, group: i64, name: String, body: String) -> Result<i64> {
        let item = ActiveModel {
            id: ActiveValue::NotSet,
            group_id: ActiveValue::Set(group),
            name: ActiveValue::Set(name),
            body: ActiveValue::Set(body),
            score: ActiveValue::Set(1.5),
            created_at: ActiveValue::Set(OffsetDateTime::now_utc()),
        };
        Ok(item.insert(&self.0).await?.id)
    }
}
