use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use brisk_core::Ids;
use brisk_jobs::{Lease, Schedule, Worker};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::harness::{LIMIT, Note, Seen, done, job, on_both, on_both_at, standing_clock};

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_happens_on_one_of_two_nodes() {
    on_both_at(standing_clock, async |world| {
        let (one, two) = (world.node().await, world.node().await);
        let seen = Seen::default();
        let start = world.clock.now().as_second();
        let jobs = |node: &crate::harness::Node| {
            node.jobs()
                .worker(Worker::new("tick", Note(seen.clone(), done)))
                .schedule(Schedule::every(
                    "each minute",
                    Duration::from_mins(1),
                    move |at| Ok(vec![job("tick", at.as_second() - start)]),
                ))
        };
        // The nodes sleep until the next tick by a clock that stands still, so each round starts them anew.
        for round in 1..=3 {
            let stop = CancellationToken::new();
            let (first, second) = (jobs(&one).start(&stop), jobs(&two).start(&stop));
            while seen.list().len() < round {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(first.drain(LIMIT).await.unwrap());
            stop.cancel();
            tokio::join!(first.finished(), second.finished());
            world.clock.advance(Duration::from_mins(1));
        }
        assert_eq!(seen.list(), [0, 60, 120]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_ends_by_itself() {
    on_both_at(standing_clock, async |world| {
        let node = world.node().await;
        let ids = Ids::random();
        let ttl = Duration::from_secs(10);
        let lease = || Lease::new(&node.db, world.clock.clone(), &ids, "relay", ttl);
        let (mine, other) = (lease(), lease());
        assert!(mine.hold().await.unwrap());
        assert!(!other.hold().await.unwrap());
        world.clock.advance(Duration::from_secs(9));
        assert!(mine.hold().await.unwrap());
        world.clock.advance(Duration::from_secs(9));
        assert!(!other.hold().await.unwrap());
        world.clock.advance(Duration::from_secs(1));
        assert!(other.hold().await.unwrap());
        assert!(!mine.hold().await.unwrap());
        mine.free().await.unwrap();
        assert!(!mine.hold().await.unwrap());
        other.free().await.unwrap();
        assert!(mine.hold().await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_leads_and_the_other_follows_when_it_stops() {
    on_both(async |world| {
        let (one, two) = (world.node().await, world.node().await);
        let leaders = Arc::new(AtomicI64::new(0));
        let begun = Arc::new(Notify::new());
        let lead = |node: &crate::harness::Node| {
            let (leaders, begun) = (Arc::clone(&leaders), Arc::clone(&begun));
            node.jobs()
                .singleton("leader", Duration::from_millis(300), move |stop| {
                    let (leaders, begun) = (Arc::clone(&leaders), Arc::clone(&begun));
                    async move {
                        assert_eq!(leaders.fetch_add(1, Ordering::SeqCst), 0);
                        begun.notify_one();
                        stop.cancelled().await;
                        leaders.fetch_sub(1, Ordering::SeqCst);
                    }
                })
        };
        let first = lead(&one).start(&CancellationToken::new());
        tokio::time::timeout(LIMIT, begun.notified()).await.unwrap();
        let second = lead(&two).start(&CancellationToken::new());
        first.stop().await;
        tokio::time::timeout(LIMIT, begun.notified()).await.unwrap();
        second.stop().await;
        assert_eq!(leaders.load(Ordering::SeqCst), 0);
    })
    .await;
}
