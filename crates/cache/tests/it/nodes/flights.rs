//! Of all nodes that miss one key, one loads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use brisk_cache::Cache;
use brisk_db::Session;

use super::world::*;
use crate::harness::{AUTHOR, add, rename};

/// A cache of names whose loads take their time, and are counted.
#[derive(Clone)]
struct Slow {
    cache: Cache<i64, String>,
    loads: Arc<AtomicU64>,
    takes: Duration,
}

impl Slow {
    fn of(node: &Node, loads: &Arc<AtomicU64>, takes: Duration) -> Self {
        Self {
            cache: node.caches.cache("test.slow", ROWS).build_tiered(),
            loads: Arc::clone(loads),
            takes,
        }
    }

    async fn name(&self, session: &Session) -> String {
        let this = self.clone();
        let load = async move |session: Session| {
            this.loads.fetch_add(1, Ordering::SeqCst);
            let author = session.run(&AUTHOR, (session.tenant(), 1)).await?;
            tokio::time::sleep(this.takes).await;
            Ok::<_, brisk_db::Error>(author.unwrap().name)
        };
        self.cache
            .get(session, &1, load)
            .await
            .unwrap()
            .into_inner()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_on_three_nodes_load_a_key_once() {
    let world = World::new().await;
    let nodes = [
        world.patient_node().await,
        world.patient_node().await,
        world.patient_node().await,
    ];
    let loads = Arc::<AtomicU64>::default();
    let takes = Duration::from_millis(20);
    let caches: Vec<_> = nodes.iter().map(|n| Slow::of(n, &loads, takes)).collect();
    add(&nodes[0].session(), 1, "0").await;
    all_told(&nodes.each_ref()).await;
    for round in 1..=5 {
        let gets = (0..1_000).map(|n| {
            let (cache, session) = (caches[n % 3].clone(), nodes[n % 3].session());
            tokio::spawn(async move { cache.name(&session).await })
        });
        for name in futures::future::join_all(gets).await {
            assert_eq!(name.unwrap(), (round - 1).to_string());
        }
        assert_eq!(loads.load(Ordering::SeqCst), round);
        // A write on one of the nodes; the others hear of it in their own time.
        let writer = usize::try_from(round).unwrap() % 3;
        rename(&nodes[writer].session(), 1, &round.to_string()).await;
        all_told(&nodes.each_ref()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_another_node_hears_of_its_result_at_once() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    let loads = Arc::<AtomicU64>::default();
    let takes = Duration::from_millis(500);
    let (here, there) = (Slow::of(&a, &loads, takes), Slow::of(&b, &loads, takes));
    add(&a.session(), 1, "one").await;
    all_told(&[&a, &b]).await;
    let session = a.session();
    let first = tokio::spawn(async move { here.name(&session).await });
    until(|| loads.load(Ordering::SeqCst) == 1).await;
    let began = Instant::now();
    assert_eq!(there.name(&b.session()).await, "one");
    let waited = began.elapsed();
    assert_eq!(first.await.unwrap(), "one");
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert!(waited < Duration::from_millis(900), "{waited:?}");
    assert_eq!(world.keys().len(), 1, "the lease was given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_with_a_lease_holds_the_others_up_for_its_life_and_no_longer() {
    let world = World::new().await;
    let a = world.node().await;
    add(&a.session(), 1, "one").await;
    all_told(&[&a]).await;
    let other = world.node().await;
    // Somebody takes the lease and is never heard of again.
    assert_eq!(other.name_and_leave(1).await.as_deref(), Some("one"));
    let key = world.keys().remove(0);
    world.redis.command("FLUSHDB").unwrap();
    let taken = format!("SET {{{key}}}:lock gone NX PX 2000");
    world.redis.command(&taken).unwrap();
    let began = Instant::now();
    assert_eq!(a.name(1).await.as_deref(), Some("one"));
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(1), "{waited:?}");
    assert!(waited < Duration::from_millis(3_500), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_load_a_change_has_overtaken_does_not_wait_for_itself() {
    let world = World::new().await;
    let a = world.node().await;
    let loads = Arc::<AtomicU64>::default();
    let slow = Slow::of(&a, &loads, Duration::from_millis(900));
    add(&a.session(), 1, "before").await;
    all_told(&[&a]).await;
    let (first, session) = (slow.clone(), a.session());
    let first = tokio::spawn(async move { first.name(&session).await });
    until(|| loads.load(Ordering::SeqCst) == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    rename(&a.session(), 1, "after").await;
    let began = Instant::now();
    assert_eq!(slow.name(&a.session()).await, "after");
    let waited = began.elapsed();
    assert_eq!(first.await.unwrap(), "before");
    assert!(waited < Duration::from_millis(1_500), "{waited:?}");
    assert_eq!(loads.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_is_waited_for_no_longer_than_a_load_may_take() {
    let world = World::new().await;
    let a = world.node().await;
    let policy = HOUR.load_limit(Duration::from_millis(300));
    let cache: Cache<u8, u8> = a.caches.cache("test.short", policy).build_tiered();
    let load = async |_| Ok::<_, brisk_db::Error>(1);
    cache.get(&a.session(), &1, load).await.unwrap();
    a.written().await;
    let key = world.keys().remove(0);
    world.redis.command("FLUSHDB").unwrap();
    a.caches.evict("test.short", None);
    let taken = format!("SET {{{key}}}:lock gone NX PX 2000");
    world.redis.command(&taken).unwrap();
    let began = Instant::now();
    assert_eq!(*cache.get(&a.session(), &1, load).await.unwrap(), 1);
    let waited = began.elapsed();
    assert!(waited > Duration::from_millis(250), "{waited:?}");
    assert!(waited < Duration::from_millis(1_500), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_that_fails_lets_the_next_node_load() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    let cache =
        |node: &Node| -> Cache<u8, u64> { node.caches.cache("test.fails", HOUR).build_tiered() };
    let (here, there) = (cache(&a), cache(&b));
    let under_way = Arc::<AtomicU64>::default();
    let failing = {
        let (under_way, session) = (Arc::clone(&under_way), a.session());
        tokio::spawn(async move {
            let load = async move |_| {
                under_way.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err::<u64, _>(brisk_db::Error::Overloaded { statement: "test" })
            };
            here.get(&session, &1, load).await.map(|got| *got)
        })
    };
    until(|| under_way.load(Ordering::SeqCst) == 1).await;
    let began = Instant::now();
    let load = async |_| Ok::<_, brisk_db::Error>(2);
    assert_eq!(*there.get(&b.session(), &1, load).await.unwrap(), 2);
    let waited = began.elapsed();
    assert!(waited < Duration::from_millis(1_500), "{waited:?}");
    failing.await.unwrap().unwrap_err();
    b.written().await;
    assert_eq!(world.keys().len(), 1);
}
