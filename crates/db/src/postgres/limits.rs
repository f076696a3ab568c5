//! What the server allows, and whether this node stays within its share.

use std::sync::Mutex;

use super::execute;
use super::link::Link;
use super::sizes::{SPARE, Sizes};
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::pools::ServerShare;

/// The lowest of the limits that apply to us, without what is reserved for others. `-1` is no limit, and those of a
/// database and a user are none for a superuser.
const ASK: &str = "SELECT LEAST(
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int,
    (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database() AND current_setting('is_superuser') = 'off'),
    (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user AND current_setting('is_superuser') = 'off')
  )::text";

#[derive(Debug)]
pub(super) struct Limits {
    nodes: usize,
    wished: Sizes,
    share: Mutex<Option<ServerShare>>,
}

impl Limits {
    pub(super) fn new(config: &PostgresConfig, wished: Sizes) -> Self {
        Self {
            nodes: config.nodes.max(1),
            wished,
            share: Mutex::default(),
        }
    }

    /// Asks the server; answers the sizes that fit.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyConnections`] when none do.
    pub(super) async fn ask(&self, client: &Link) -> Result<Sizes, Error> {
        let fail = |e| execute::error("db.limits", e);
        let answer = client.simple_query(ASK).await.map_err(fail)?;
        let limit = answer.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0)?.parse::<usize>().ok(),
            _ => None,
        });
        let limit = limit.unwrap_or_default();
        let share = limit.saturating_sub(SPARE) / self.nodes;
        let sizes = self.wished.within(share);
        let needed = sizes.as_ref().unwrap_or(&self.wished).needed();
        *self.lock() = Some(ServerShare {
            limit,
            nodes: self.nodes,
            share,
            needed,
        });
        let sizes = sizes?;
        if sizes != self.wished {
            tracing::warn!(
                limit,
                share,
                nodes = self.nodes,
                lanes = sizes.lanes,
                pool = sizes.pool,
                "the server allows fewer connections than the rule for this machine wants; the node keeps to its share"
            );
        }
        Ok(sizes)
    }

    pub(super) fn share(&self) -> Option<ServerShare> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ServerShare>> {
        self.share.lock().expect("no holder of this lock can panic")
    }
}
