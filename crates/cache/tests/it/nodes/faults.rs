//! Redis goes away, hangs, or holds what nobody wrote.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use brisk_cache::{Cache, Policy};
use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::Redis;

use super::world::*;
use crate::harness::{LONG, TestDb, add};

/// Room for next to nothing in the process, so that each answer is asked for below.
const SMALL: Policy = HOUR.bytes(1_024);

/// Callers that ask one after the other until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    callers: Vec<tokio::task::JoinHandle<Vec<Duration>>>,
    /// Answers so far.
    answers: Arc<AtomicU64>,
}

impl Load {
    /// Of numbers that are their keys; an error or a wrong answer fails the test.
    fn on(node: &Node) -> Self {
        let cache: Cache<u64, u64> = node.caches.cache("test.load", SMALL).build_tiered();
        let (stop, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let callers = (0..8).map(|n| {
            let (cache, session) = (cache.clone(), node.session());
            let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
            tokio::spawn(async move {
                let (mut chance, mut times) = (fastrand::Rng::with_seed(n), Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    let key = chance.u64(..200);
                    let began = Instant::now();
                    let load = async move |_| Ok::<_, brisk_db::Error>(key);
                    assert_eq!(*cache.get(&session, &key, load).await.unwrap(), key);
                    times.push(began.elapsed());
                    answers.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
                times
            })
        });
        Self {
            callers: callers.collect(),
            stop,
            answers,
        }
    }

    fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// How long each answer took, from the fastest to the slowest.
    async fn end(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for caller in self.callers {
            times.extend(caller.await.unwrap());
        }
        times.sort_unstable();
        times
    }
}

/// Waits until most answers come from below again.
async fn hits_again(node: &Node) {
    let hits = async {
        loop {
            let before = node.stats("test.load");
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = node.stats("test.load");
            let hits = now.tier_hits - before.tier_hits;
            if hits > 0 && hits * 10 > (hits + now.loads - before.loads) * 9 {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, hits).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_and_comes_back_empty_costs_no_error() {
    let redis = Arc::new(Redis::start().unwrap());
    let world = World::over(TestDb::sqlite().await);
    let node = world.node_at(&redis.url()).await;
    node.up().await;
    let load = Load::on(&node);
    hits_again(&node).await;
    for _ in 0..2 {
        let server = Arc::clone(&redis);
        let restarted = tokio::task::spawn_blocking(move || server.restart());
        restarted.await.unwrap().unwrap();
        let back = Instant::now();
        hits_again(&node).await;
        assert!(
            back.elapsed() < Duration::from_secs(10),
            "{:?}",
            back.elapsed()
        );
    }
    let stats = node.nodes();
    assert!(stats.up && stats.lost >= 1, "{stats:?}");
    let times = load.end().await;
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(250), "{p99:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_are_replaced() {
    let world = World::over(TestDb::sqlite().await);
    let (proxy, url) = Proxy::before(&world.redis.url()).await.unwrap();
    let node = world.node_at(&url).await;
    node.up().await;
    let load = Load::on(&node);
    for round in 1..=5 {
        hits_again(&node).await;
        proxy.cut().await.unwrap();
        until(|| node.nodes().lost >= round).await;
    }
    hits_again(&node).await;
    load.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_skipped_and_noticed_when_it_does() {
    let world = World::over(TestDb::sqlite().await);
    let (proxy, url) = Proxy::before(&world.redis.url()).await.unwrap();
    let node = world.node_at(&url).await;
    node.up().await;
    let load = Load::on(&node);
    hits_again(&node).await;
    for mode in [Mode::Mute, Mode::Stall] {
        proxy.set(mode).await.unwrap();
        until(|| !node.nodes().up).await;
        // Without it nothing waits.
        let before = load.answers();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(
            load.answers() - before > 100,
            "{} answers",
            load.answers() - before
        );
        assert!(node.nodes().skipped > 0);
        proxy.set(Mode::Pass).await.unwrap();
        hits_again(&node).await;
    }
    let times = load.end().await;
    let longest = times.last().unwrap();
    assert!(*longest < Duration::from_millis(1_500), "{longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_ever_answers_everything_works_without() {
    let world = World::new().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let node = world.node_at(&url).await;
    add(&node.session(), 1, "one").await;
    all_told(&[&node]).await;
    let began = Instant::now();
    assert_eq!(node.name(1).await.as_deref(), Some("one"));
    assert!(node.authors.get(&node.session(), 1).await.unwrap().is_hit());
    assert!(began.elapsed() < Duration::from_secs(1));
    let stats = node.nodes();
    assert!(!stats.up && stats.skipped > 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_in_redis_is_a_miss_and_counted() {
    let world = World::new().await;
    let a = world.node().await;
    add(&a.session(), 1, "one").await;
    all_told(&[&a]).await;
    a.name_and_leave(1).await;
    let key = world.keys().remove(0);
    let set = |command: String| world.redis.command(&command).unwrap();
    let damages = [
        format!("SET {key} rubbish"),
        format!("SETRANGE {key} 30 ?"),
        format!("APPEND {key} more"),
        format!("SETRANGE {key} 2000000 giant"),
        format!("SET {key} BRK1"),
        format!("SETRANGE {key} 3 2"),
        // It says that it is newer than anything else.
        format!("SETRANGE {key} 24 9"),
    ];
    for damage in damages {
        let before = world.loads();
        set(damage.clone());
        let node = world.node().await;
        assert_eq!(node.name(1).await.as_deref(), Some("one"), "{damage}");
        assert_eq!(world.loads(), before + 1, "{damage}");
        assert_eq!(node.authors().tier_bad, 1, "{damage}");
        node.written().await;
        // What was loaded takes its place.
        let entry = set(format!("GETRANGE {key} 0 3"));
        assert_eq!(entry, "BRK1", "{damage}");
    }
    // A list where a text should be.
    set(format!("DEL {key}"));
    set(format!("RPUSH {key} a b"));
    let node = world.node().await;
    assert_eq!(node.name(1).await.as_deref(), Some("one"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_keeps_nobody_from_loading() {
    let redis = Redis::start().unwrap();
    let world = World::over(TestDb::sqlite().await);
    let node = world.node_at(&redis.url()).await;
    node.up().await;
    redis.command(0, "CONFIG SET maxmemory 1").unwrap();
    let cache: Cache<u64, u64> = node.caches.cache("test.full", HOUR).build_tiered();
    for key in 0..20 {
        let load = async move |_| Ok::<_, brisk_db::Error>(key);
        assert_eq!(*cache.get(&node.session(), &key, load).await.unwrap(), key);
    }
    node.written().await;
    let stats = node.nodes();
    assert!(stats.errors > 0 && stats.up, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_written_is_dropped_and_counted() {
    let world = World::over(TestDb::sqlite().await);
    let (proxy, url) = Proxy::before(&world.redis.url()).await.unwrap();
    let node = world.node_at(&url).await;
    node.up().await;
    let cache: Cache<u64, String> = node.caches.cache("test.flood", HOUR).build_tiered();
    proxy.set(Mode::Mute).await.unwrap();
    let session = node.session();
    let began = Instant::now();
    let gets = (0..64).map(|key| {
        let (cache, session) = (cache.clone(), session.clone());
        tokio::spawn(async move {
            let load = async move |_| Ok::<_, brisk_db::Error>("x".repeat(1_000_000));
            cache.get(&session, &key, load).await.unwrap();
        })
    });
    for got in futures::future::join_all(gets).await {
        got.unwrap();
    }
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    node.written().await;
    let (stats, cache) = (node.nodes(), node.stats("test.flood"));
    assert!(
        stats.dropped + cache.tier_dropped > 0 || !stats.up,
        "{stats:?} {cache:?}"
    );
    assert_eq!(cache.load_errors, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_and_what_sentinels_name_are_used_alike() {
    let (cluster, server) = (Redis::cluster().unwrap(), Redis::start().unwrap());
    let sentinel = server.sentinel("main").unwrap();
    let hosts = |url: String| url.trim_end_matches("/0").replace("redis://", "");
    let user = hosts(server.url());
    let user = user.split('@').next().unwrap();
    let urls = [
        format!("redis+cluster://{}", hosts(cluster.url())),
        format!("redis+sentinel://{user}@{}/main/0", hosts(sentinel.url())),
    ];
    for url in urls {
        let world = World::new().await;
        let (a, b) = (world.node_at(&url).await, world.node_at(&url).await);
        a.up().await;
        b.up().await;
        for id in 1..=20 {
            add(&a.session(), id, "first").await;
        }
        all_told(&[&a, &b]).await;
        for id in 1..=20 {
            a.name(id).await;
        }
        a.written().await;
        let session = b.session();
        let gets = (1..=20).map(|id| b.authors.name(&session, id));
        for name in futures::future::join_all(gets).await {
            assert_eq!(name.as_deref(), Some("first"), "{url}");
        }
        assert_eq!((world.loads(), b.authors().tier_hits), (20, 20), "{url}");
        // Somebody on the other node waits for a load, and hears of its end.
        let slow =
            |node: &Node| -> Cache<u8, u8> { node.caches.cache("test.slow", HOUR).build_tiered() };
        let (here, there) = (slow(&a), slow(&b));
        let begun = Arc::<AtomicBool>::default();
        let first = {
            let (begun, session) = (Arc::clone(&begun), a.session());
            tokio::spawn(async move {
                let load = async move |_| {
                    begun.store(true, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Ok::<_, brisk_db::Error>(1)
                };
                *here.get(&session, &1, load).await.unwrap()
            })
        };
        until(|| begun.load(Ordering::SeqCst)).await;
        let load = async |_| Ok::<_, brisk_db::Error>(2);
        assert_eq!(*there.get(&session, &1, load).await.unwrap(), 1, "{url}");
        assert_eq!(first.await.unwrap(), 1);
    }
}
