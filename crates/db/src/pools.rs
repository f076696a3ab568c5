//! How the connections are doing, for `/performance/stats`, the console and tests.

use serde::Serialize;

/// The connections of one database at one moment. SQLite has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pools {
    /// `lanes` (auto-commit statements, shared), `checkout` (transactions and slow work) and, with a replica, `replica`.
    pub pools: Vec<PoolState>,
    /// What the server allows; none until it was asked, and behind a pooler.
    pub server: Option<ServerShare>,
    /// Where reads went; none without a replica.
    pub replica: Option<ReplicaReads>,
}

impl Pools {
    /// The pool of that name.
    pub fn pool(&self, name: &str) -> Option<&PoolState> {
        self.pools.iter().find(|pool| pool.name == name)
    }
}

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PoolState {
    /// Its name in the metrics.
    pub name: &'static str,
    /// Connections with work on them.
    pub used: usize,
    /// Connections that wait for work.
    pub idle: usize,
    /// Connections that stay when there is nothing to do.
    pub min: usize,
    /// Connections at most.
    pub max: usize,
    /// Pieces of work that wait for a connection, or for room on a lane.
    pub pending: usize,
    /// Connections made since the start.
    pub made: u64,
    /// Connections closed for their age, or because they had nothing to do.
    pub retired: u64,
    /// Idle connections that were found dead before anybody met them.
    pub dead: u64,
    /// Pieces of work that waited; on lanes only those that found no room.
    pub waits: u64,
    /// How long they waited in all.
    pub waited_ms: f64,
    /// Pieces of work that waited in vain.
    pub timeouts: u64,
}

/// How many connections the server allows this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ServerShare {
    /// Connections that the server takes from us and our like: `max_connections` without the reserved ones, or the lower
    /// limit of the database or the user.
    pub limit: usize,
    /// Nodes that share them.
    pub nodes: usize,
    /// What one node may have.
    pub share: usize,
    /// What this node opens at most.
    pub needed: usize,
}

/// Where the reads went that a replica may serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplicaReads {
    /// Answered by the replica.
    pub served: u64,
    /// Answered by the primary, because the replica had not yet what the caller wrote or had seen elsewhere.
    pub unseen: u64,
    /// Answered by the primary, because the replica was away or too far behind.
    pub behind: u64,
    /// Refused or lost by the replica, then answered by the primary.
    pub failed: u64,
}
