//! The tier in the database: what is worth keeping over restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use brisk_cache::{Cache, CacheStats, Caches, Policy, Tier, statements};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{Db, Session};

use crate::harness::{AUTHOR, ONE, TWO, TestDb, add, foreign};

const HOUR: Policy = Policy::outside(Duration::from_hours(1))
    .jitter(0.0)
    .tier(Tier::Database);

/// A program's run: a node and its cache of numbers.
struct Run {
    db: Db,
    caches: Caches,
    numbers: Cache<u64, Option<u64>>,
    loads: AtomicU64,
}

impl Run {
    async fn of(db: &TestDb, clock: &Clock) -> Self {
        let db = db.other().await;
        let caches = Caches::of(&db).with_clock(clock);
        let policy = HOUR.absent_for(Duration::from_mins(5));
        let numbers = caches.cache("test.numbers", policy);
        Self {
            numbers: numbers.absent(Option::is_none).build_tiered(),
            loads: AtomicU64::new(0),
            caches,
            db,
        }
    }

    fn session(&self, tenant: TenantId) -> Session {
        self.db.session(Scope::system(tenant, "test"))
    }

    async fn get(&self, tenant: TenantId, key: u64, value: Option<u64>) -> Option<u64> {
        let load = async move |_| Ok::<_, brisk_db::Error>(value);
        let got = self
            .numbers
            .get(&self.session(tenant), &key, load)
            .await
            .unwrap();
        self.loads
            .fetch_add(u64::from(!got.is_hit()), Ordering::Relaxed);
        *got
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    fn stats(&self) -> CacheStats {
        let mut all = self.caches.stats();
        all.retain(|s| s.name == "test.numbers");
        all.remove(0)
    }
}

fn noon() -> Clock {
    Clock::manual("2026-03-07T12:00:00Z".parse().unwrap())
}

on_both! {
    async fn what_was_loaded_is_there_after_a_restart_for_the_rest_of_its_life(db: TestDb) {
        let clock = noon();
        let first = Run::of(&db, &clock).await;
        assert_eq!(first.get(ONE, 1, Some(1)).await, Some(1));
        assert_eq!(first.get(TWO, 1, Some(2)).await, Some(2));
        assert_eq!(first.get(ONE, 3, None).await, None);
        first.caches.flush().await;
        drop(first);
        clock.advance(Duration::from_mins(4));
        let second = Run::of(&db, &clock).await;
        assert_eq!(second.get(ONE, 1, Some(9)).await, Some(1));
        assert_eq!(second.get(TWO, 1, Some(9)).await, Some(2));
        assert_eq!(second.get(ONE, 3, Some(9)).await, None);
        assert_eq!((second.loads(), second.stats().tier_hits), (0, 3));
        // The life of what says that there is nothing is over first, here as where it was loaded.
        clock.advance(Duration::from_mins(2));
        assert_eq!(second.get(ONE, 3, Some(9)).await, Some(9));
        clock.advance(Duration::from_mins(54));
        assert_eq!(second.get(ONE, 1, Some(9)).await, Some(9));
        assert_eq!(second.loads(), 2);
    }

    async fn entries_go_in_batches_and_reads_of_one_moment_share_a_statement(db: TestDb) {
        let clock = noon();
        let first = Run::of(&db, &clock).await;
        let began = Instant::now();
        futures::future::join_all((0..1_000).map(|key| first.get(ONE, key, Some(key)))).await;
        first.caches.flush().await;
        let stats = first.caches.store_stats();
        assert_eq!((stats.writes, stats.waiting, stats.dropped), (1_000, 0, 0));
        let most = 8 + began.elapsed().as_millis() / 50;
        assert!(u128::from(stats.batches) <= most, "{stats:?}");
        let second = Run::of(&db, &clock).await;
        let before = second.db.shared_loads();
        let gets = futures::future::join_all((0..200).map(|key| second.get(ONE, key, None)));
        for (key, got) in (0..200).zip(gets.await) {
            assert_eq!(got, Some(key));
        }
        let after = second.db.shared_loads();
        assert_eq!(after.loads - before.loads, 200);
        assert!(after.statements - before.statements <= 20, "{after:?}");
    }

    async fn an_entry_waits_for_others_a_tenth_of_a_second_at_most(db: TestDb) {
        let first = Run::of(&db, &noon()).await;
        first.get(ONE, 1, Some(1)).await;
        let began = Instant::now();
        while first.caches.store_stats().writes == 0 {
            assert!(began.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // It is there for the next, and nothing is left running.
        let second = Run::of(&db, &noon()).await;
        assert_eq!(second.get(ONE, 1, None).await, Some(1));
    }

    async fn what_is_too_old_goes_when_it_is_swept(db: TestDb) {
        let clock = noon();
        let first = Run::of(&db, &clock).await;
        for key in 0..2_500 {
            first.get(ONE, key, (key % 2 == 0).then_some(key)).await;
        }
        first.caches.flush().await;
        assert_eq!(first.caches.sweep().await.unwrap(), 0);
        clock.advance(Duration::from_mins(6));
        assert_eq!(first.caches.sweep().await.unwrap(), 1_250);
        clock.advance(Duration::from_hours(1));
        assert_eq!(first.caches.sweep().await.unwrap(), 1_250);
    }

    async fn what_somebody_evicts_is_gone_after_a_restart_too(db: TestDb) {
        let clock = noon();
        let first = Run::of(&db, &clock).await;
        for tenant in [ONE, TWO] {
            first.get(tenant, 1, Some(1)).await;
        }
        first.caches.flush().await;
        first.get(ONE, 2, Some(2)).await;
        first.caches.evict("test.numbers", Some(ONE));
        assert_eq!(first.get(ONE, 1, Some(3)).await, Some(3));
        first.caches.flush().await;
        first.caches.evict("test.numbers", Some(ONE));
        first.caches.flush().await;
        let second = Run::of(&db, &clock).await;
        assert_eq!(second.get(ONE, 1, Some(5)).await, Some(5));
        assert_eq!(second.get(ONE, 2, Some(5)).await, Some(5));
        assert_eq!(second.get(TWO, 1, Some(5)).await, Some(1));
        second.caches.evict("test.numbers", None);
        second.caches.flush().await;
        let third = Run::of(&db, &clock).await;
        assert_eq!(third.get(TWO, 1, Some(6)).await, Some(6));
    }

    async fn what_is_damaged_is_a_miss_and_what_is_missing_an_error_for_nobody(db: TestDb) {
        let clock = noon();
        let first = Run::of(&db, &clock).await;
        first.get(ONE, 1, Some(1)).await;
        first.caches.flush().await;
        let rubbish = match db.db.file() {
            Some(_) => "UPDATE brisk_cache SET entry = x'00ff'",
            None => "UPDATE brisk_cache SET entry = '\\x00ff'",
        };
        foreign(&db, rubbish);
        let second = Run::of(&db, &clock).await;
        assert_eq!(second.get(ONE, 1, Some(2)).await, Some(2));
        assert_eq!(second.stats().tier_bad, 1);
        second.caches.flush().await;
        foreign(&db, "DROP TABLE brisk_cache");
        for key in 10..20 {
            assert_eq!(second.get(ONE, key, Some(key)).await, Some(key));
        }
        second.caches.flush().await;
        let stats = second.caches.store_stats();
        assert!(stats.errors >= 11 && stats.dropped >= 10, "{stats:?}");
        assert_eq!(second.stats().load_errors, 0);
        assert_eq!(second.get(ONE, 10, None).await, Some(10), "the process has it");
    }

    async fn what_was_read_of_rows_besides_stays_in_the_process(db: TestDb) {
        let session = db.session();
        add(&session, 1, "one").await;
        let both: Cache<u8, String> = db.caches().cache("test.both", HOUR).build_tiered();
        let load = async |session: Session| {
            let author = session.run(&AUTHOR, (session.tenant(), 1)).await?;
            Ok::<_, brisk_db::Error>(author.unwrap().name)
        };
        both.get(&session, &1, load).await.unwrap();
        db.caches().flush().await;
        assert_eq!(db.caches().store_stats().writes, 0);
    }

    async fn each_statement_fits(db: TestDb) {
        assert_eq!(db.db.verify(&statements()).await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_costs_nobody_an_answer() {
    use brisk_testkit::faults::{Mode, Proxy};

    let clock = noon();
    let world = TestDb::postgres().await;
    let (proxy, url) = Proxy::before(&world.url).await.unwrap();
    let db = Db::open(brisk_db::DbConfig::new(url)).await.unwrap();
    let caches = Caches::of(&db).with_clock(&clock);
    let numbers: Cache<u64, u64> = caches.cache("test.away", HOUR).build_tiered();
    let session = db.session(Scope::system(ONE, "test"));
    let get = async |key: u64| {
        let load = async move |_| Ok::<_, brisk_db::Error>(key);
        *numbers.get(&session, &key, load).await.unwrap()
    };
    assert_eq!(get(1).await, 1);
    caches.flush().await;
    proxy.set(Mode::Refuse).await.unwrap();
    let began = Instant::now();
    for key in 2..20 {
        assert_eq!(get(key).await, key);
    }
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    assert!(caches.store_stats().errors > 0);
    proxy.set(Mode::Pass).await.unwrap();
}

#[test]
fn rows_are_not_kept_over_restarts() {
    let refused = std::panic::catch_unwind(|| Policy::rows().tier(Tier::Database));
    let said = refused.unwrap_err();
    let said = said.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(said.contains("restart"), "{said}");
}

#[tokio::test]
async fn more_than_can_wait_is_dropped_and_counted() {
    let db = TestDb::sqlite().await;
    let caches = db.caches();
    let large: Cache<u64, String> = caches
        .cache("test.large", HOUR.bytes(1 << 20))
        .build_tiered();
    let session = db.session();
    let text = Arc::new("x".repeat(1 << 19));
    // Nobody writes meanwhile: this thread is the only one, and it does not let go of it for long.
    let gets = (0..100).map(|key| {
        let text = Arc::clone(&text);
        let load = async move |_| Ok::<_, brisk_db::Error>(String::clone(&text));
        let (large, session) = (large.clone(), session.clone());
        async move { large.get(&session, &key, load).await.unwrap().len() }
    });
    for len in futures::future::join_all(gets).await {
        assert_eq!(len, 1 << 19);
    }
    caches.flush().await;
    let stats = caches.store_stats();
    assert_eq!(stats.writes + stats.dropped, 100, "{stats:?}");
}
