//! Nodes that share a database and a Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_cache::{CacheStats, Caches, Fault, NodesStats, Policy, RemoteConfig, Tier};
use brisk_core::{Scope, TenantId};
use brisk_db::{Db, Session};
use brisk_testkit::servers::{Redis, RedisDatabase};

use crate::harness::{Authors, LONG, ONE, TestDb, told};

/// Rows that all nodes share.
pub(super) const ROWS: Policy = Policy::rows().tier(Tier::Nodes);

/// Results from outside that all nodes share.
pub(super) const HOUR: Policy = Policy::outside(Duration::from_hours(1))
    .jitter(0.0)
    .tier(Tier::Nodes);

/// A database and a Redis.
pub(super) struct World {
    pub(super) db: TestDb,
    pub(super) redis: RedisDatabase,
    /// Loads of authors on all nodes.
    pub(super) loads: Arc<AtomicU64>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::over(TestDb::postgres().await)
    }

    pub(super) fn over(db: TestDb) -> Self {
        Self {
            db,
            redis: Redis::shared().database().unwrap(),
            loads: Arc::default(),
        }
    }

    /// Another node; it has heard all that was committed, and its Redis answers.
    pub(super) async fn node(&self) -> Node {
        let node = self.node_at(&self.redis.url()).await;
        node.up().await;
        node
    }

    /// The same for what is counted exactly: a node that a busy machine holds up does not take Redis for dead.
    pub(super) async fn patient_node(&self) -> Node {
        let db = self.db.other().await;
        let mut config = self.config(&self.redis.url());
        config.timeout = LONG;
        let node = self.node_with(db, &config).await;
        node.up().await;
        node
    }

    /// The same with another way to Redis, which may not be there.
    pub(super) async fn node_at(&self, url: &str) -> Node {
        let db = self.db.other().await;
        self.node_on(db, url).await
    }

    /// The same with a fault.
    pub(super) async fn faulty(&self, fault: Fault) -> Node {
        let db = self.db.other().await;
        drop(Caches::with_fault(&db, fault));
        let node = self.node_on(db, &self.redis.url()).await;
        node.up().await;
        node
    }

    async fn node_on(&self, db: Db, url: &str) -> Node {
        self.node_with(db, &self.config(url)).await
    }

    async fn node_with(&self, db: Db, config: &RemoteConfig) -> Node {
        let caches = Caches::of(&db);
        caches.connect(config).unwrap();
        let node = Node {
            authors: Authors::of(&caches, ROWS, &self.loads),
            caches,
            db,
        };
        told(&node.db, &node.session()).await;
        node
    }

    /// Redis tells what is written across its numbered databases, so each test has a prefix.
    pub(super) fn config(&self, url: &str) -> RemoteConfig {
        let database = self.redis.url();
        let number = database.rsplit('/').next().unwrap();
        RemoteConfig::new(url).prefix(format!("test{}x{number}", std::process::id()))
    }

    pub(super) fn loads(&self) -> u64 {
        self.loads.load(Ordering::SeqCst)
    }

    /// Names of the entries that are there.
    pub(super) fn keys(&self) -> Vec<String> {
        let keys = self.redis.command("KEYS *").unwrap();
        let mut keys: Vec<String> = keys.lines().map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    }
}

/// One process, as far as the database and Redis can tell.
pub(super) struct Node {
    pub(super) db: Db,
    pub(super) caches: Caches,
    pub(super) authors: Authors,
}

impl Node {
    pub(super) fn session(&self) -> Session {
        self.of(ONE)
    }

    pub(super) fn of(&self, tenant: TenantId) -> Session {
        self.db
            .session(Scope::system(tenant, "test").shortened(LONG))
    }

    pub(super) async fn name(&self, id: i64) -> Option<String> {
        self.authors.name(&self.session(), id).await
    }

    /// The same, once what was loaded has been written.
    pub(super) async fn name_and_leave(&self, id: i64) -> Option<String> {
        let name = self.name(id).await;
        self.written().await;
        name
    }

    /// Waits until what was loaded here has been written.
    pub(super) async fn written(&self) {
        self.caches.flush().await;
    }

    pub(super) async fn up(&self) {
        until(|| self.nodes().up).await;
    }

    pub(super) fn nodes(&self) -> NodesStats {
        self.caches.nodes_stats().unwrap()
    }

    pub(super) fn stats(&self, name: &str) -> CacheStats {
        let mut all = self.caches.stats();
        all.retain(|s| s.name == name);
        all.remove(0)
    }

    pub(super) fn authors(&self) -> CacheStats {
        self.stats("test.authors")
    }
}

/// Waits until something is so; it must become so.
pub(super) async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap();
}

/// All nodes have heard everything that was committed.
pub(super) async fn all_told(nodes: &[&Node]) {
    for node in nodes {
        told(&node.db, &node.session()).await;
    }
}
