//! axum and sqlx with its pool, as its guide shows.

use anyhow::Result;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Serialize, Serializer};
use sqlx_core::row::Row as _;
use sqlx_postgres::{PgPool, PgPoolOptions, PgRow};
use time::OffsetDateTime;

use super::row::{PAGE, Page, Report, Wanted};

/// The default of sqlx, and the number of the specification's own runs.
const CONNECTIONS: u32 = 10;

/// An instant in RFC 3339.
struct Instant(OffsetDateTime);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        time::serde::rfc3339::serialize(&self.0, serializer)
    }
}

pub(super) async fn router(url: &str) -> Result<Router> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(CONNECTIONS)
        .connect(url)
        .await?;
    Ok(Router::new().route("/reports", get(page)).with_state(pool))
}

async fn page(
    State(pool): State<PgPool>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Instant>>, StatusCode> {
    let rows = sqlx_core::query::query(PAGE)
        .bind(wanted.tenant)
        .bind(wanted.limit + 1)
        .fetch_all(&pool)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let reports = rows.iter().map(|row| report(row, wanted.tenant)).collect();
    Ok(Json(Page::new(reports, wanted.limit)))
}

fn report(row: &PgRow, tenant_id: i64) -> Report<Instant> {
    Report {
        id: row.get(0),
        tenant_id,
        issue_id: row.get(1),
        area_id: row.get(2),
        description: row.get(3),
        location: row.get(4),
        lat: row.get(5),
        lon: row.get(6),
        category: row.get(7),
        severity: row.get(8),
        summary: row.get(9),
        status: row.get(10),
        channel: row.get(11),
        external_id: row.get(12),
        processed: row.get(13),
        public: row.get(14),
        submitted_at: Instant(row.get(15)),
    }
}
