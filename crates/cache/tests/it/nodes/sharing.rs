//! What one node has loaded serves the others, for as long as it is true.

use std::time::Duration;

use brisk_cache::{
    Builder, Cache, Caches, ConnectError, Policy, RemoteConfig, Tier, cached, cached_tiered,
};
use brisk_core::Clock;
use brisk_db::Session;

use super::world::*;
use crate::harness::{ALL, COUNT, ONE, TWO, TestDb, add, rename};

type Numbers = Cache<String, Option<u64>>;

fn numbers(caches: &Caches, policy: Policy) -> Numbers {
    caches.cache("test.numbers", policy).build_tiered()
}

async fn number(
    numbers: &Numbers,
    session: &Session,
    key: &str,
    value: u64,
) -> (Option<u64>, bool) {
    let load = async move |_| Ok::<_, brisk_db::Error>(Some(value));
    let got = numbers.get(session, &key.to_owned(), load).await.unwrap();
    (*got, got.is_hit())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_has_loaded_serves_the_others_until_it_changes() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    for id in 1..=20 {
        add(&a.session(), id, "first").await;
    }
    all_told(&[&a, &b]).await;
    for id in 1..=20 {
        assert_eq!(a.name(id).await.as_deref(), Some("first"));
    }
    a.written().await;
    for id in 1..=20 {
        let found = b.authors.get(&b.session(), id).await.unwrap();
        assert!(found.is_hit());
        assert_eq!(found.as_ref().unwrap().name, "first");
    }
    assert_eq!(world.loads(), 20);
    let stats = b.authors();
    assert_eq!((stats.tier_hits, stats.hits, stats.misses), (20, 20, 0));
    assert_eq!(stats.depends_on, ["authors/rows"]);
    // One row changes; the other entries are good on both nodes.
    rename(&b.session(), 7, "second").await;
    all_told(&[&a, &b]).await;
    for id in 1..=20 {
        let name = if id == 7 { "second" } else { "first" };
        assert_eq!(a.name_and_leave(id).await.as_deref(), Some(name));
        assert_eq!(b.name(id).await.as_deref(), Some(name));
    }
    assert_eq!(world.loads(), 21, "the row that changed, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_counts_are_shared_too() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.session(), 1, "one").await;
    all_told(&[&a, &b]).await;
    let load = async |session: Session| {
        let all = session.run(&ALL, (session.tenant(),)).await?;
        let count = session.run(&COUNT, ()).await?;
        Ok::<_, brisk_db::Error>((all.len(), count))
    };
    let of = |node: &Node| -> Cache<u8, (usize, i64)> {
        node.caches.cache("test.both", ROWS).build_tiered()
    };
    let (here, there) = (of(&a), of(&b));
    here.get(&a.session(), &1, load).await.unwrap();
    a.written().await;
    let found = there.get(&b.session(), &1, load).await.unwrap();
    assert!(found.is_hit());
    assert_eq!(*found, (1, 1));
    assert_eq!(b.stats("test.both").depends_on, ["authors/table"]);
    // Another tenant's row changes the count.
    add(&a.of(TWO), 2, "two").await;
    all_told(&[&a, &b]).await;
    assert_eq!(*there.get(&b.session(), &1, load).await.unwrap(), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_statements_are_shared_where_that_is_asked_for() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.session(), 1, "one").await;
    all_told(&[&a, &b]).await;
    let ask = async |node: &Node| {
        let session = node.session();
        let found = cached_tiered!(&session, ALL, (ONE,), ROWS).await;
        let found = found.unwrap();
        (found.len(), found.is_hit())
    };
    assert_eq!(ask(&a).await, (1, false));
    a.written().await;
    assert_eq!(ask(&b).await, (1, true));
    let stats = b.stats(ALL.name());
    assert_eq!((stats.loads, stats.tier_hits), (0, 1));
    assert_eq!(stats.tier, Some(Tier::Nodes));
    add(&b.session(), 2, "two").await;
    assert_eq!(ask(&b).await, (2, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tenant_has_its_own() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.of(ONE), 1, "one").await;
    add(&a.of(TWO), 1, "two").await;
    all_told(&[&a, &b]).await;
    for (tenant, name) in [(ONE, "one"), (TWO, "two")] {
        assert_eq!(
            a.authors.name(&a.of(tenant), 1).await.as_deref(),
            Some(name)
        );
    }
    a.written().await;
    for (tenant, name) in [(ONE, "one"), (TWO, "two")] {
        assert_eq!(
            b.authors.name(&b.of(tenant), 1).await.as_deref(),
            Some(name)
        );
    }
    assert_eq!(world.loads(), 2);
    let keys = world.keys();
    assert!(
        keys[0].contains(":test.authors:1:") && keys[1].contains(":test.authors:2:"),
        "{keys:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_one_moment_are_asked_for_together() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    let (here, there) = (numbers(&a.caches, HOUR), numbers(&b.caches, HOUR));
    for n in 0..200 {
        number(&here, &a.session(), &n.to_string(), n).await;
    }
    a.written().await;
    let session = b.session();
    let before = b.nodes();
    let gets = (0..200).map(|n| {
        let (there, session) = (there.clone(), session.clone());
        async move { number(&there, &session, &n.to_string(), 0).await }
    });
    for (n, got) in (0..200).zip(futures::future::join_all(gets).await) {
        assert_eq!(got, (Some(n), true));
    }
    let after = b.nodes();
    assert_eq!(after.reads - before.reads, 200);
    let commands = after.read_commands - before.read_commands;
    assert!(commands <= 10, "{commands} commands for 200 keys");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_lives_as_long_as_it_was_to_live_and_no_longer() {
    let world = World::new().await;
    let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
    let here = world.db.caches().with_clock(&clock);
    here.connect(&world.config(&world.redis.url())).unwrap();
    let other = world.db.other().await;
    let there = Caches::of(&other).with_clock(&clock);
    there.connect(&world.config(&world.redis.url())).unwrap();
    until(|| [&here, &there].iter().all(|c| c.nodes_stats().unwrap().up)).await;
    let (a, b) = (numbers(&here, HOUR), numbers(&there, HOUR));
    let session = world.db.session();
    assert_eq!(number(&a, &session, "k", 1).await, (Some(1), false));
    here.flush().await;
    clock.advance(Duration::from_mins(50));
    let load = async |_| Ok::<_, brisk_db::Error>(Some(2));
    let found = b.get(&session, &"k".to_owned(), load).await.unwrap();
    assert_eq!((*found, found.is_hit()), (Some(1), true));
    let stats = there.stats().remove(0);
    assert_eq!(stats.oldest_s, 50 * 60, "it is as old there as here");
    clock.advance(Duration::from_mins(9));
    assert_eq!(number(&b, &session, "k", 2).await, (Some(1), true));
    // Not an hour after it was found.
    clock.advance(Duration::from_mins(1));
    assert_eq!(number(&b, &session, "k", 2).await, (Some(2), false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_jump_of_a_clock_makes_an_entry_live_longer() {
    let world = World::new().await;
    let node = async |now: &str| {
        let db = world.db.other().await;
        let clock = Clock::manual(now.parse().unwrap());
        let caches = Caches::of(&db).with_clock(&clock);
        caches.connect(&world.config(&world.redis.url())).unwrap();
        until(|| caches.nodes_stats().unwrap().up).await;
        (clock, numbers(&caches, HOUR), caches, db)
    };
    let (_, a, here, db) = node("2026-03-07T12:00:00Z").await;
    let session = db.session(brisk_core::Scope::system(ONE, "test"));
    number(&a, &session, "k", 1).await;
    here.flush().await;
    // A clock that is behind would think that there is more than an hour left; one that is ahead that it is over.
    for now in ["2026-03-07T11:30:00Z", "2026-03-07T13:00:01Z"] {
        let (_, b, caches, _db) = node(now).await;
        assert_eq!(
            number(&b, &session, "k", 2).await,
            (Some(2), false),
            "{now}"
        );
        let bad = caches.stats().remove(0).tier_bad;
        assert_eq!(bad, u64::from(now.contains("T11")));
        world.redis.command("FLUSHDB").unwrap();
        number(&a, &session, "other", 1).await;
    }
    // One that jumps back while the program runs.
    let (clock, b, caches, _db) = node("2026-03-07T12:00:00Z").await;
    number(&b, &session, "back", 1).await;
    caches.flush().await;
    let (_, c, _caches, _db) = node("2026-03-07T12:00:00Z").await;
    clock.set("2026-03-07T10:00:00Z".parse().unwrap());
    let load = async |_| Ok::<_, brisk_db::Error>(Some(2));
    let found = c.get(&session, &"back".to_owned(), load).await.unwrap();
    assert!(found.is_hit());
    assert!(found.age() < Duration::from_mins(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_release_wrote_is_not_found() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    let old = numbers(&a.caches, HOUR);
    number(&old, &a.session(), "k", 1).await;
    a.written().await;
    let new = numbers(&b.caches, HOUR.schema(2));
    assert_eq!(number(&new, &b.session(), "k", 2).await, (Some(2), false));
    b.written().await;
    // Both are there side by side: nodes of two releases do not take turns in overwriting each other's.
    assert_eq!(world.keys().len(), 2);
    let words: Cache<String, String> = b.caches.cache("test.numbers", HOUR).build_tiered();
    let load = async |_| Ok::<_, brisk_db::Error>("word".to_owned());
    let found = words
        .get(&b.session(), &"k".to_owned(), load)
        .await
        .unwrap();
    assert!(!found.is_hit());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_values_are_counted_and_giant_ones_stay_at_home() {
    let world = World::new().await;
    let a = world.node().await;
    let cache: Cache<u8, String> = a.caches.cache("test.large", HOUR).build_tiered();
    for (key, len) in [(1, 10), (2, 150 << 10), (3, 2 << 20)] {
        let load = async move |_| Ok::<_, brisk_db::Error>("x".repeat(len));
        cache.get(&a.session(), &key, load).await.unwrap();
    }
    a.written().await;
    assert_eq!(world.keys().len(), 2);
    assert_eq!(a.stats("test.large").tier_large, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_results_from_outside_are_shared_and_rows_are_not() {
    let world = World::over(TestDb::sqlite().await);
    let a = world.node().await;
    add(&a.session(), 1, "one").await;
    a.name_and_leave(1).await;
    assert_eq!((world.keys().len(), a.authors().tier_misses), (0, 0));
    let b = world.node().await;
    let (here, there) = (numbers(&a.caches, HOUR), numbers(&b.caches, HOUR));
    number(&here, &a.session(), "k", 1).await;
    a.written().await;
    assert_eq!(number(&there, &b.session(), "k", 2).await, (Some(1), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_right_is_said_at_once() {
    let db = TestDb::sqlite().await;
    let caches = db.caches();
    let connect = |url: &str| caches.connect(&RemoteConfig::new(url));
    assert!(matches!(connect("http://x"), Err(ConnectError::Address(_))));
    let odd = RemoteConfig::new("redis://127.0.0.1:1").prefix("a{b");
    assert!(matches!(caches.connect(&odd), Err(ConnectError::Prefix(_))));
    connect("redis://127.0.0.1:1").unwrap();
    assert_eq!(connect("redis://127.0.0.1:1"), Err(ConnectError::Twice));
    let tiered: Builder<u8, u8> = caches.cache("test.tiered", HOUR);
    let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tiered.build()));
    built.unwrap_err();
    let plain: Cache<u8, u8> = caches
        .cache("test.plain", HOUR.tier(Tier::Process))
        .build_tiered();
    let session = db.session();
    let load = async |_| Ok::<_, brisk_db::Error>(1);
    assert_eq!(*plain.get(&session, &1, load).await.unwrap(), 1);
    assert_eq!(*cached!(&session, COUNT, ()).await.unwrap(), 0);
}
