//! tokio-postgres by hand: four connections in turn, a prepared statement on each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use jiff::Timestamp;
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::table::{BY_ID, BY_IDS, INSERT, PAGE, Store};

/// As many as the kit's lanes.
const CONNECTIONS: usize = 4;

struct Lane {
    client: Client,
    page: Statement,
    by_id: Statement,
    by_ids: Statement,
    insert: Statement,
}

#[derive(Clone)]
pub(super) struct Pipelined {
    lanes: Arc<Vec<Lane>>,
    turn: Arc<AtomicUsize>,
}

struct Item {
    id: i64,
    _rest: (i64, String, String, f64, Timestamp),
}

impl From<&Row> for Item {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            _rest: (row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)),
        }
    }
}

impl Pipelined {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let mut lanes = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(async move { drop(connection.await) });
            lanes.push(Lane {
                page: client.prepare(PAGE).await?,
                by_id: client.prepare(BY_ID).await?,
                by_ids: client.prepare(BY_IDS).await?,
                insert: client.prepare(INSERT).await?,
                client,
            });
        }
        Ok(Self {
            lanes: Arc::new(lanes),
            turn: Arc::default(),
        })
    }

    fn lane(&self) -> &Lane {
        &self.lanes[self.turn.fetch_add(1, Ordering::Relaxed) % CONNECTIONS]
    }
}

impl Store for Pipelined {
    async fn page(&self, group: i64) -> Result<usize> {
        let lane = self.lane();
        let rows = lane.client.query(&lane.page, &[&group]).await?;
        let items: Vec<Item> = rows.iter().map(Item::from).collect();
        Ok(items.len())
    }

    async fn by_id(&self, id: i64) -> Result<i64> {
        let lane = self.lane();
        let row = lane.client.query_one(&lane.by_id, &[&id]).await?;
        Ok(Item::from(&row).id)
    }

    async fn by_ids(&self, ids: Vec<i64>) -> Result<usize> {
        let lane = self.lane();
        let rows = lane.client.query(&lane.by_ids, &[&ids]).await?;
        let items: Vec<Item> = rows.iter().map(Item::from).collect();
        Ok(items.len())
    }

    async fn insert(&self, group: i64, name: String, body: String) -> Result<i64> {
        let lane = self.lane();
        Ok(lane
            .client
            .query_one(&lane.insert, &[&group, &name, &body])
            .await?
            .get(0))
    }
}
