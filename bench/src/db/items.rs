//! `GET /items/{id}` by three servers: the kit with its loader, sqlx with its pool, and no database at all.
//!
//! All three are the same axum with the same JSON. Each runs in a process of its own, as a rival does.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use brisk_core::{Deadline, Ledger, Principal, Scope, TenantId};
use brisk_db::{Db, DbConfig, FromRow, statements};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sqlx_core::row::Row as _;
use sqlx_postgres::{PgPool, PgPoolOptions};
use time::OffsetDateTime;

use super::table::BY_ID;

/// The default of sqlx.
const CONNECTIONS: u32 = 10;

/// What the kit's edge gives a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A row; `T` is the driver's own instant.
#[derive(Debug, Serialize)]
struct Item<T> {
    id: i64,
    group_id: i64,
    name: String,
    body: String,
    score: f64,
    created_at: T,
}

#[derive(Clone, Debug, FromRow)]
pub(super) struct ItemRow {
    id: i64,
    group_id: i64,
    name: String,
    body: String,
    score: f64,
    created_at: Timestamp,
}

impl ItemRow {
    pub(super) const fn id(&self) -> i64 {
        self.id
    }
}

statements! {
    prefix "bench.items";

    /// The item with an id.
    pub(super) load ITEM(id: i64) -> Option<ItemRow> in "bench_items", shared;
}

#[derive(Clone)]
struct Kit {
    db: Db,
    principal: Arc<Principal>,
}

/// The kit: a scope with a deadline and a ledger for each request, as its edge makes them.
pub(crate) async fn kit(url: &str) -> Result<Router> {
    let kit = Kit {
        db: Db::open(DbConfig::new(url)).await?,
        principal: Arc::new(Principal::system("bench")),
    };
    let handler = async |State(kit): State<Kit>, Path(id): Path<i64>| {
        let scope = Scope::new(
            TenantId::PLATFORM,
            Arc::clone(&kit.principal),
            Deadline::after(PATIENCE),
            Arc::new(Ledger::default()),
        );
        let found = kit.db.session(scope).load(&ITEM, id).await;
        match found {
            Ok(Some(row)) => Ok(Json(Item {
                id: row.id,
                group_id: row.group_id,
                name: row.name,
                body: row.body,
                score: row.score,
                created_at: row.created_at,
            })),
            Ok(None) => Err(StatusCode::NOT_FOUND),
            Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    };
    Ok(Router::new()
        .route("/items/{id}", get(handler))
        .with_state(kit))
}

/// An instant in RFC 3339.
struct Instant(OffsetDateTime);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        time::serde::rfc3339::serialize(&self.0, serializer)
    }
}

/// sqlx, as its guide shows.
pub(crate) async fn sqlx(url: &str) -> Result<Router> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect(url)
        .await?;
    let handler = async |State(pool): State<PgPool>, Path(id): Path<i64>| {
        let found = sqlx_core::query::query(BY_ID)
            .bind(id)
            .fetch_optional(&pool)
            .await;
        match found {
            Ok(Some(row)) => Ok(Json(Item {
                id: row.get(0),
                group_id: row.get(1),
                name: row.get(2),
                body: row.get(3),
                score: row.get(4),
                created_at: Instant(row.get(5)),
            })),
            Ok(None) => Err(StatusCode::NOT_FOUND),
            Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    };
    Ok(Router::new()
        .route("/items/{id}", get(handler))
        .with_state(pool))
}

/// The same answer out of nothing.
pub(crate) fn bare() -> Router {
    let began = Timestamp::UNIX_EPOCH;
    let handler = async move |Path(id): Path<i64>| {
        Json(Item {
            id,
            group_id: id % 1_000,
            name: format!("item {id}"),
            body: "text ".repeat(16),
            score: 0.5,
            created_at: began,
        })
    };
    Router::new().route("/items/{id}", get(handler))
}
