//! axum and tokio-postgres by hand: four connections in turn, a prepared statement on each, questions pipelined.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::row::{PAGE, Page, Report, Wanted};

const CONNECTIONS: usize = 4;

#[derive(Clone)]
struct Lanes {
    lanes: Arc<Vec<(Client, Statement)>>,
    turn: Arc<AtomicUsize>,
}

pub(super) async fn router(url: &str) -> Result<Router> {
    let mut lanes = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(async move { drop(connection.await) });
        let statement = client.prepare(PAGE).await?;
        lanes.push((client, statement));
    }
    let lanes = Lanes {
        lanes: Arc::new(lanes),
        turn: Arc::default(),
    };
    Ok(Router::new().route("/reports", get(page)).with_state(lanes))
}

async fn page(
    State(all): State<Lanes>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<Timestamp>>, StatusCode> {
    let turn = all.turn.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
    let (client, statement) = &all.lanes[turn];
    let rows = client
        .query(statement, &[&wanted.tenant, &(wanted.limit + 1)])
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let reports = rows.iter().map(|row| report(row, wanted.tenant)).collect();
    Ok(Json(Page::new(reports, wanted.limit)))
}

fn report(row: &Row, tenant_id: i64) -> Report<Timestamp> {
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
        submitted_at: row.get(15),
    }
}
