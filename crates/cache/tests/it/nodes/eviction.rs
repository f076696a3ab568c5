//! What somebody throws away on one node does not come back there from what all share.

use std::sync::Arc;

use brisk_cache::Cache;
use tokio::sync::{Notify, Semaphore};

use super::world::*;
use crate::harness::{add, foreign};

type Numbers = Cache<u8, u64>;

/// A change of which nothing is told, in one transaction that leaves the triggers as they were.
const PAST_THE_TRIGGERS: &str = "DO $$ DECLARE name text; BEGIN
       FOR name IN SELECT tgname FROM pg_trigger WHERE tgname LIKE 'brisk_capture_authors%' LOOP
         EXECUTE format('ALTER TABLE authors DISABLE TRIGGER %I', name);
       END LOOP;
       UPDATE authors SET name = 'after';
       FOR name IN SELECT tgname FROM pg_trigger WHERE tgname LIKE 'brisk_capture_authors%' LOOP
         EXECUTE format('ALTER TABLE authors ENABLE ALWAYS TRIGGER %I', name);
       END LOOP;
     END $$";

fn numbers(node: &Node) -> Numbers {
    node.caches.cache("test.numbers", HOUR).build_tiered()
}

async fn number(node: &Node, numbers: &Numbers, value: u64) -> u64 {
    let load = async move |_| Ok::<_, brisk_db::Error>(value);
    *numbers.get(&node.session(), &1, load).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_loaded_by_then_here_or_elsewhere_is_loaded_anew() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    let (here, there) = (numbers(&a), numbers(&b));
    number(&a, &here, 1).await;
    a.written().await;
    a.caches.evict("test.numbers", None);
    assert_eq!(number(&a, &here, 2).await, 2);
    a.written().await;
    b.caches.evict("test.numbers", None);
    assert_eq!(number(&b, &there, 3).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_under_way_is_left_nowhere() {
    let world = World::new().await;
    let a = world.node().await;
    let cache = numbers(&a);
    let (read, go_on) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let late = {
        let (cache, session) = (cache.clone(), a.session());
        let (read, go_on) = (Arc::clone(&read), Arc::clone(&go_on));
        tokio::spawn(async move {
            let load = async move |_| {
                read.notify_one();
                go_on.acquire().await.unwrap().forget();
                Ok::<_, brisk_db::Error>(1)
            };
            *cache.get(&session, &1, load).await.unwrap()
        })
    };
    read.notified().await;
    a.caches.evict("test.numbers", None);
    go_on.add_permits(1);
    assert_eq!(late.await.unwrap(), 1, "who asked before has his answer");
    a.written().await;
    assert_eq!(world.keys(), Vec::<String>::new());
    assert_eq!(number(&a, &cache, 2).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_could_tell_of_is_seen_after_its_table_was_swept() {
    let world = World::new().await;
    let (a, b, c) = (world.node().await, world.node().await, world.node().await);
    add(&a.session(), 1, "before").await;
    all_told(&[&a, &b, &c]).await;
    a.name_and_leave(1).await;
    assert_eq!(b.name(1).await.as_deref(), Some("before"));
    let key = world.keys().remove(0);
    world.redis.command(&format!("COPY {key} aside")).unwrap();
    foreign(&world.db, PAST_THE_TRIGGERS);
    all_told(&[&a, &b, &c]).await;
    assert_eq!(b.name(1).await.as_deref(), Some("before"));
    b.caches.evict_table("authors", None);
    assert_eq!(b.name_and_leave(1).await.as_deref(), Some("after"));
    // Not later either, from a cache that knows nothing yet, whatever lies there.
    for round in 0..2 {
        let back = format!("COPY aside {key} REPLACE");
        world.redis.command(&back).unwrap();
        let loads = Arc::default();
        let authors = crate::harness::Authors::of(&b.caches, ROWS, &loads);
        let name = authors.name(&b.session(), 1).await;
        assert_eq!(name.as_deref(), Some("after"), "round {round}");
        all_told(&[&a, &b, &c]).await;
    }
    // What is made of all that was committed by then serves again.
    let before = world.loads();
    b.written().await;
    assert_eq!(c.name(1).await.as_deref(), Some("after"));
    assert_eq!(world.loads(), before);
}
