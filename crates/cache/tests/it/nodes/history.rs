//! Nodes that read and write side by side, and a checker: nobody reads what is older than was promised.
//!
//! Values only grow, so an answer is too old when it is smaller than what had been committed on the same node before it was
//! asked for, or anywhere a second before. In the disturbed form connections to the database and to Redis are cut meanwhile,
//! another program writes, and entries in Redis vanish or come back from the past.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brisk_cache::Cache;
use brisk_core::TenantId;
use brisk_db::{Affected, Session, statements};
use brisk_testkit::chance::{Seed, is_full};
use brisk_testkit::faults::Proxy;

use super::world::*;
use crate::harness::{ALL, AUTHOR, Place, add, foreign};

statements! {
    prefix "test.history";

    pub(crate) NAMES() -> Vec<String> = "SELECT name FROM authors ORDER BY id";

    pub(crate) GROW(tenant: TenantId, id: i64, value: i64) -> Affected
        = "UPDATE authors SET name = greatest(name::bigint, $3)::text WHERE tenant_id = $1 AND id = $2",
        sqlite "UPDATE authors SET name = max(CAST(name AS INTEGER), $3) WHERE tenant_id = $1 AND id = $2";
}

const KEYS: usize = 4;

/// The promised bound, and what a busy machine adds to it.
const BOUND: Duration = Duration::from_millis(1_200);

/// What has been committed of a key, and when that was known.
type Commits = Mutex<Vec<(u64, Instant)>>;

/// What is known of all keys on one node, or anywhere.
#[derive(Default)]
struct Known([Commits; KEYS]);

impl Known {
    fn committed(&self, key: usize, value: u64) {
        self.0[key].lock().unwrap().push((value, Instant::now()));
    }

    /// The least value that may be read of each key by who asks now, of what was known until `then`.
    fn least(&self, then: Instant) -> [u64; KEYS] {
        std::array::from_fn(|key| {
            let commits = self.0[key].lock().unwrap();
            let due = commits.iter().filter(|(_, at)| *at < then);
            due.map(|(value, _)| *value).max().unwrap_or(0)
        })
    }
}

struct History {
    world: World,
    nodes: [Node; 3],
    views: [Views; 3],
    proxies: Vec<Proxy>,
    anywhere: Known,
    here: [Known; 3],
    next: AtomicU64,
    end: Instant,
    seed: Seed,
}

/// A cache of all that is known of some keys, by a statement on one row, on a tenant's rows, or on the table.
type Views = Cache<(u8, i64), Vec<u64>>;

impl History {
    async fn new(seconds: u64) -> Self {
        let world = World::new().await;
        let (mut nodes, mut proxies) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (proxy, url) = Proxy::before(&world.redis.url()).await.unwrap();
            let node = world.node_at(&url).await;
            node.up().await;
            nodes.push(node);
            proxies.push(proxy);
        }
        for id in 1..=KEYS {
            add(&nodes[0].session(), i64::try_from(id).unwrap(), "0").await;
        }
        let nodes: [Node; 3] = nodes.try_into().ok().unwrap();
        let views = nodes
            .each_ref()
            .map(|n| n.caches.cache("test.views", ROWS).build_tiered());
        let seconds = if is_full() { seconds * 20 } else { seconds };
        let history = Self {
            world,
            nodes,
            views,
            proxies,
            anywhere: Known::default(),
            here: Default::default(),
            next: AtomicU64::new(0),
            end: Instant::now() + Duration::from_secs(seconds),
            seed: Seed::draw(),
        };
        all_told(&history.nodes.each_ref()).await;
        history
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.end
    }

    /// Callers on one node; answers how many reads there were.
    async fn callers(&self, node: usize, who: u64) -> u64 {
        let mut chance = self.seed.rng(who);
        let (mut reads, session) = (0, self.nodes[node].session());
        while self.goes_on() {
            let dice = chance.u32(..48);
            if dice == 0 {
                self.follow(node, &mut chance).await;
            } else if dice < 5 {
                self.write(node, &session, chance.usize(..KEYS)).await;
            } else if self.read(node, &session, &mut chance).await {
                reads += 1;
            }
            if chance.u32(..4) == 0 {
                tokio::time::sleep(Duration::from_millis(chance.u64(..4))).await;
            }
        }
        reads
    }

    /// Writes on one node and reads by the position of that on another.
    async fn follow(&self, node: usize, chance: &mut fastrand::Rng) {
        let there = chance.usize(..3);
        let (session, reader) = (self.nodes[node].session(), self.nodes[there].session());
        let key = chance.usize(..KEYS);
        let Some(value) = self.write(node, &session, key).await else {
            return;
        };
        let Ok(position) = session.position().await else {
            return;
        };
        let asked = (chance.u8(..3), key);
        let Some(got) = self.get(there, &reader.after(&position), asked).await else {
            return;
        };
        let at = if asked.0 == 0 { 0 } else { key };
        assert!(
            got[at] >= value,
            "{} of key {key} by {} on node {there} after {value} by position",
            got[at],
            asked.0
        );
    }

    async fn write(&self, node: usize, session: &Session, key: usize) -> Option<u64> {
        let value = self.next.fetch_add(1, Ordering::SeqCst) + 1;
        let params = (
            session.tenant(),
            i64::try_from(key + 1).unwrap(),
            i64::try_from(value).unwrap(),
        );
        // Whether a write that failed on its way holds, nobody knows.
        session.run(&GROW, params).await.ok()?;
        self.here[node].committed(key, value);
        self.anywhere.committed(key, value);
        Some(value)
    }

    /// What a cache of a node answers for one key, or for all; none while the database is away.
    async fn get(
        &self,
        node: usize,
        session: &Session,
        (which, key): (u8, usize),
    ) -> Option<Vec<u64>> {
        let key = if which == 0 { key } else { 0 };
        let asked = (which, i64::try_from(key + 1).unwrap());
        let load = async move |session: Session| {
            let names = match which {
                0 => {
                    let one = session.run(&AUTHOR, (session.tenant(), asked.1)).await?;
                    one.into_iter().map(|a| a.name).collect()
                }
                1 => {
                    let all = session.run(&ALL, (session.tenant(),)).await?;
                    all.into_iter().map(|a| a.name).collect()
                }
                _ => session.run(&NAMES, ()).await?,
            };
            let values = names.iter().map(|name| name.parse().unwrap()).collect();
            Ok::<Vec<u64>, brisk_db::Error>(values)
        };
        let got = self.views[node].get(session, &asked, load).await.ok()?;
        Some(got.into_inner())
    }

    async fn read(&self, node: usize, session: &Session, chance: &mut fastrand::Rng) -> bool {
        let which = chance.u8(..3);
        let key = if which == 0 { chance.usize(..KEYS) } else { 0 };
        let now = Instant::now();
        let here = self.here[node].least(now);
        let anywhere = self.anywhere.least(now.checked_sub(BOUND).unwrap());
        // While the database is away there may be no answer; an old one there must not be.
        let Some(got) = self.get(node, session, (which, key)).await else {
            return false;
        };
        for (i, value) in got.iter().enumerate() {
            let least = here[key + i].max(anywhere[key + i]);
            assert!(
                *value >= least,
                "{value} of key {} by {which} on node {node} after {} here and {} anywhere",
                key + i,
                here[key + i],
                anywhere[key + i]
            );
        }
        true
    }

    /// Breaks something now and then.
    async fn disturb(&self) {
        let mut chance = self.seed.rng(0xff);
        let Place::Postgres(server) = &self.world.db.place else {
            return;
        };
        let mut kept: Vec<(String, String)> = Vec::new();
        while self.goes_on() {
            tokio::time::sleep(Duration::from_millis(chance.u64(50..400))).await;
            let redis = &self.world.redis;
            let keys = || {
                self.world
                    .keys()
                    .into_iter()
                    .filter(|key| !key.contains("lock"))
            };
            let caches = &self.nodes[chance.usize(..3)].caches;
            match chance.u32(..10) {
                0 => drop(server.disconnect_all()),
                1 => self.proxies[chance.usize(..3)].cut().await.unwrap(),
                2 => drop(redis.command("FLUSHDB")),
                // A copy is put aside, and later takes the place of what has come since.
                3 | 4 => {
                    let asides = keys().filter(|key| !key.starts_with("aside")).enumerate();
                    kept = asides.map(|(i, key)| (format!("aside{i}"), key)).collect();
                    for (aside, key) in &kept {
                        drop(redis.command(&format!("COPY {key} {aside} REPLACE")));
                    }
                }
                5 => caches.evict_table("authors", None),
                6 => drop(caches.evict("test.views", None)),
                7 => {
                    for (aside, key) in &kept {
                        drop(redis.command(&format!("COPY {aside} {key} REPLACE")));
                    }
                }
                _ => {
                    let value = self.next.fetch_add(1, Ordering::SeqCst) + 1;
                    let key = chance.usize(..KEYS);
                    let id = key + 1;
                    foreign(
                        &self.world.db,
                        &format!(
                            "UPDATE authors SET name = greatest(name::bigint, {value})::text WHERE id = {id}"
                        ),
                    );
                    self.anywhere.committed(key, value);
                }
            }
        }
    }

    async fn run(self, disturbed: bool) {
        let this = Arc::new(self);
        let callers: Vec<_> = (0..9)
            .map(|n| {
                let this = Arc::clone(&this);
                tokio::spawn(async move { this.callers(n % 3, u64::try_from(n).unwrap()).await })
            })
            .collect();
        if disturbed {
            this.disturb().await;
        }
        let mut reads = 0;
        for caller in callers {
            reads += caller.await.unwrap();
        }
        let shared: u64 = this
            .nodes
            .iter()
            .map(|n| n.stats("test.views").tier_hits)
            .sum();
        assert!(
            shared > 20,
            "{shared} of {reads} were shared: there was little to get wrong"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_what_is_older_than_was_promised() {
    History::new(6).await.run(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_when_links_are_cut_and_redis_holds_the_past() {
    History::new(8).await.run(true).await;
}
