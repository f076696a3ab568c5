//! A shared result is never older here than what this node was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use brisk_cache::{Cache, Fault};
use brisk_core::TenantId;
use brisk_db::{Affected, Event, Session, statements};

use super::world::*;
use crate::harness::{ALL, AUTHOR, Author, Place, add, foreign, rename, trusted};

statements! {
    prefix "test.nodes";

    pub(crate) NAMES() -> Vec<String> = "SELECT name FROM authors ORDER BY id";

    pub(crate) RENAME_ALL(name: String) -> Affected = "UPDATE authors SET name = $1";
}

/// Names by tag: of one row, of a tenant's rows, of the whole table.
#[derive(Clone)]
struct Names {
    cache: Cache<u8, Vec<String>>,
}

impl Names {
    fn of(node: &Node) -> Self {
        Self {
            cache: node.caches.cache("test.names", ROWS).build_tiered(),
        }
    }

    /// The first name, by statement 0 to 2.
    async fn first(&self, session: &Session, which: u8) -> String {
        let load = async move |session: Session| {
            Ok::<_, brisk_db::Error>(match which {
                0 => {
                    let one = session.run(&AUTHOR, (session.tenant(), 1)).await?;
                    one.into_iter().map(|a| a.name).collect()
                }
                1 => {
                    let all = session.run(&ALL, (session.tenant(),)).await?;
                    all.into_iter().map(|a| a.name).collect()
                }
                _ => session.run(&NAMES, ()).await?,
            })
        };
        let got = self.cache.get(session, &which, load).await.unwrap();
        got.first().cloned().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_just_written_never_gets_what_another_node_loaded_before() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.session(), 1, "0").await;
    all_told(&[&a, &b]).await;
    let (there, here) = (Names::of(&a), Names::of(&b));
    for n in 1..=60 {
        for which in 0..3 {
            there.first(&a.session(), which).await;
        }
        a.written().await;
        rename(&b.session(), 1, &n.to_string()).await;
        // At once: the exact changes are still on their way here. Then again, when they may have been told.
        for pause in [0, 1, 4] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            for which in 0..3 {
                assert_eq!(
                    here.first(&b.session(), which).await,
                    n.to_string(),
                    "by {which}"
                );
            }
        }
        // And so for a write whose tenant is nobody in particular.
        there.first(&a.session(), 2).await;
        a.written().await;
        let platform = b.of(TenantId::PLATFORM);
        let name = format!("{n} again");
        platform.run(&RENAME_ALL, (name.clone(),)).await.unwrap();
        for which in 0..3 {
            assert_eq!(here.first(&b.session(), which).await, name, "by {which}");
        }
        all_told(&[&a, &b]).await;
    }
    let looked = b.stats("test.names").tier_misses;
    assert!(looked > 200, "{looked}: there was little to get wrong");
}

/// That a fault would be found: who has just written gets what another node loaded before.
async fn found(fault: Fault) {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.faulty(fault).await);
    add(&a.session(), 1, "0").await;
    all_told(&[&a, &b]).await;
    for n in 1..=100 {
        a.name_and_leave(1).await;
        rename(&b.session(), 1, &n.to_string()).await;
        if b.name(1).await != Some(n.to_string()) {
            return;
        }
        all_told(&[&a, &b]).await;
    }
    panic!("{fault:?} was not found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_not_looked_at_is_found() {
    found(Fault::PlaceIgnored).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_judged_is_found() {
    found(Fault::NotJudged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wrote_elsewhere_gets_it_here_by_its_position() {
    let world = World::new().await;
    let nodes = [world.node().await, world.node().await, world.node().await];
    add(&nodes[0].session(), 1, "0").await;
    all_told(&nodes.each_ref()).await;
    for n in 1..=100_usize {
        let (writer, reader, other) = (&nodes[n % 3], &nodes[(n + 1) % 3], &nodes[(n + 2) % 3]);
        // In Redis is what was before, and somebody may just be putting it there.
        other.name(1).await;
        let session = writer.session();
        rename(&session, 1, &n.to_string()).await;
        let position = session.position().await.unwrap();
        let name = reader
            .authors
            .name(&reader.session().after(&position), 1)
            .await;
        assert_eq!(name, Some(n.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_from_elsewhere_is_seen_within_the_bound_whatever_lies_in_redis() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.session(), 1, "0").await;
    all_told(&[&a, &b]).await;
    for n in 1..=5 {
        let name = format!("theirs {n}");
        foreign(&world.db, &format!("UPDATE authors SET name = '{name}'"));
        let began = Instant::now();
        for node in [&a, &b] {
            while node.name(1).await.as_deref() != Some(&name) {
                assert!(began.elapsed() < Duration::from_secs(1), "the hard bound");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_from_before_a_reset_counts_after_it() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.session(), 1, "one").await;
    all_told(&[&a, &b]).await;
    a.name_and_leave(1).await;
    assert_eq!(
        (b.name(1).await.as_deref(), world.loads()),
        (Some("one"), 1)
    );
    // A node that starts knows nothing of what was committed before, so the result must be younger than all of it.
    foreign(&world.db, "INSERT INTO plain (id, word) VALUES (1, 'x')");
    let fresh = world.node().await;
    assert_eq!(fresh.name_and_leave(1).await.as_deref(), Some("one"));
    assert_eq!(world.loads(), 2);
    assert_eq!(b.name(1).await.as_deref(), Some("one"));
    assert_eq!(world.loads(), 2, "who has heard of all of it knows better");
    // The same when the stream of a node is cut off and begins anew.
    foreign(&world.db, "INSERT INTO plain (id, word) VALUES (2, 'y')");
    all_told(&[&a, &b]).await;
    let resets = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&resets);
    let _hook = b.db.changes().on_event(move |event| {
        if matches!(event, Event::Reset(_)) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let Place::Postgres(server) = &world.db.place else {
        unreachable!("the nodes are over PostgreSQL");
    };
    server.disconnect_all().unwrap();
    until(|| resets.load(Ordering::SeqCst) > 0).await;
    trusted(&b.db).await;
    assert_eq!(b.name(1).await.as_deref(), Some("one"));
    assert_eq!(world.loads(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_captured_otherwise_since_is_loaded_anew() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.session(), 1, "one").await;
    all_told(&[&a, &b]).await;
    a.name_and_leave(1).await;
    foreign(
        &world.db,
        "UPDATE brisk_captured SET columns = 'status, name' WHERE table_name = 'authors'",
    );
    // Whoever migrates makes the triggers follow.
    world.db.other().await;
    let noticed = || {
        let captured = b.db.changes().captured("authors").unwrap();
        captured.columns.len() == 2 && b.db.changes().is_trusted()
    };
    until(noticed).await;
    assert_eq!(
        (b.name(1).await.as_deref(), world.loads()),
        (Some("one"), 2)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_result_never_replaces_a_newer_one() {
    let world = World::new().await;
    let (a, b) = (world.node().await, world.node().await);
    add(&a.session(), 1, "old").await;
    all_told(&[&a, &b]).await;
    a.name_and_leave(1).await;
    let key = world.keys().remove(0);
    let old = world.redis.command(&format!("DUMP {key}")).unwrap();
    // A load that reads now, and is written when another has loaded what came after.
    let slow: Cache<i64, Option<Author>> = b.caches.cache("test.authors", ROWS).build_tiered();
    world.redis.command("FLUSHDB").unwrap();
    let (read, go_on) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(tokio::sync::Semaphore::new(0)),
    );
    let late = {
        let (session, read, go_on) = (b.session(), read.clone(), go_on.clone());
        tokio::spawn(async move {
            let load = async move |session: Session| {
                let author = session.run(&AUTHOR, (session.tenant(), 1)).await?;
                read.notify_one();
                go_on.acquire().await.unwrap().forget();
                Ok::<_, brisk_db::Error>(author)
            };
            slow.get(&session, &1, load).await.unwrap().into_inner()
        })
    };
    read.notified().await;
    // Another tenant's row: the slow result stays good, only its place is older.
    add(&a.of(TenantId(2)), 9, "other").await;
    all_told(&[&a, &b]).await;
    let c = world.node().await;
    // The lease is with the slow one; after its life the others load by themselves.
    assert_eq!(c.name_and_leave(1).await.as_deref(), Some("old"));
    let newer = world.redis.command(&format!("DUMP {key}")).unwrap();
    go_on.add_permits(1);
    assert_eq!(late.await.unwrap().unwrap().name, "old");
    b.written().await;
    assert_eq!(world.redis.command(&format!("DUMP {key}")).unwrap(), newer);
    assert_ne!(newer, old);
}
