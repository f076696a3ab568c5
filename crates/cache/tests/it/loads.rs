//! One load for all who wait, and what happens when it goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_cache::{Cache, Error, Policy};
use brisk_core::{Class, Clock, Failure as _};
use brisk_db::Session;
use tokio::sync::{Notify, Semaphore};

use crate::harness::{
    ADD_HIDDEN, AUTHOR, Authors, HIDDEN, SET_HIDDEN, TestDb, add, rename, settled,
};

/// What a load answers here: a number, from nowhere.
type Numbers = Cache<u8, u64>;

fn numbers(db: &TestDb, policy: Policy) -> Numbers {
    db.caches().cache("test.numbers", policy).build()
}

async fn name_of(session: &Session) -> Result<String, brisk_db::Error> {
    let found = session.run(&AUTHOR, (session.tenant(), 1)).await?;
    Ok(found.map(|author| author.name).unwrap_or_default())
}

/// A place in a load where it stops until the test goes on.
#[derive(Clone, Debug)]
struct Gate {
    reached: Arc<Notify>,
    opened: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            reached: Arc::default(),
            opened: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Gate {
    async fn stop(&self) {
        self.reached.notify_one();
        self.opened.acquire().await.unwrap().forget();
    }

    async fn reached(&self) {
        self.reached.notified().await;
    }

    fn open(&self) {
        self.opened.add_permits(1);
    }
}

const HOUR: Duration = Duration::from_hours(1);

on_both! {
    async fn a_thousand_who_miss_one_key_load_it_once(db: TestDb) {
        let session = db.session();
        add(&session, 1, "author").await;
        settled(&db).await;
        let authors = Authors::new(&db, Policy::rows());
        let gets = (0..1_000).map(|_| {
            let (authors, session) = (authors.clone(), session.clone());
            tokio::spawn(async move { authors.name(&session, 1).await })
        });
        for name in futures::future::join_all(gets).await {
            assert_eq!(name.unwrap().as_deref(), Some("author"));
        }
        assert_eq!(authors.loads(), 1);
    }

    async fn a_load_that_a_change_overtakes_is_kept_for_nobody(db: TestDb) {
        let session = db.session();
        add(&session, 1, "old").await;
        settled(&db).await;
        let cache: Cache<i64, String> = db.caches().cache("test.slow", Policy::rows()).build();
        let (read, go_on) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
        let slow = {
            let (cache, session, read, go_on) = (cache.clone(), session.clone(), read.clone(), go_on.clone());
            tokio::spawn(async move {
                let load = async move |session: Session| {
                    let found = session.run(&AUTHOR, (session.tenant(), 1)).await?;
                    read.notify_one();
                    go_on.acquire().await.unwrap().forget();
                    Ok::<_, brisk_db::Error>(found.unwrap().name)
                };
                cache.get(&session, &1, load).await.unwrap().into_inner()
            })
        };
        read.notified().await;
        rename(&session, 1, "new").await;
        // Who comes after the commit does not wait for the load that began before it.
        let load = async |session: Session| {
            let found = session.run(&AUTHOR, (session.tenant(), 1)).await?;
            Ok::<_, brisk_db::Error>(found.unwrap().name)
        };
        assert_eq!(cache.get(&session, &1, load).await.unwrap().into_inner(), "new");
        go_on.add_permits(1);
        assert_eq!(slow.await.unwrap(), "old", "it asked before the change");
        assert_eq!(cache.get(&session, &1, load).await.unwrap().into_inner(), "new");
    }

    async fn a_load_that_waits_for_another_is_not_joined_once_that_one_was_overtaken(db: TestDb) {
        let session = db.session();
        add(&session, 1, "old").await;
        settled(&db).await;
        let inner: Cache<i64, String> = db.caches().cache("test.inner", Policy::rows()).build();
        let outer: Cache<i64, String> = db.caches().cache("test.outer", Policy::rows()).build();
        let gate = Gate::default();
        let ask = |stops: bool| {
            let (inner, outer, session, gate) = (inner.clone(), outer.clone(), session.clone(), gate.clone());
            async move {
                let load = async move |session: Session| {
                    let found = inner.get(&session, &1, async move |session: Session| {
                        let name = name_of(&session).await?;
                        if stops {
                            gate.stop().await;
                        }
                        Ok::<_, brisk_db::Error>(name)
                    });
                    Ok::<_, brisk_db::Error>(found.await.unwrap().into_inner())
                };
                outer.get(&session, &1, load).await.unwrap().into_inner()
            }
        };
        let slow = tokio::spawn(ask(true));
        gate.reached().await;
        rename(&session, 1, "new").await;
        assert_eq!(ask(false).await, "new");
        gate.open();
        assert_eq!(slow.await.unwrap(), "old", "it asked before the change");
        assert_eq!(ask(false).await, "new");
    }

    async fn a_load_that_cannot_be_followed_is_not_joined_once_it_has_read(db: TestDb) {
        let session = db.session();
        session.run(&ADD_HIDDEN, (1, "old".to_owned())).await.unwrap();
        let cache: Cache<i64, String> = db.caches().cache("test.hidden", Policy::rows()).build();
        let gate = Gate::default();
        let ask = |stops: bool| {
            let (cache, session, gate) = (cache.clone(), session.clone(), gate.clone());
            async move {
                let load = async move |session: Session| {
                    let word = session.run(&HIDDEN, (1,)).await?;
                    if stops {
                        gate.stop().await;
                    }
                    Ok::<_, brisk_db::Error>(word.unwrap())
                };
                cache.get(&session, &1, load).await.unwrap().into_inner()
            }
        };
        let slow = tokio::spawn(ask(true));
        gate.reached().await;
        session.run(&SET_HIDDEN, (1, "new".to_owned())).await.unwrap();
        assert_eq!(ask(false).await, "new");
        gate.open();
        assert_eq!(slow.await.unwrap(), "old");
    }

    async fn while_the_stream_is_not_trusted_a_load_is_not_joined_once_it_has_read(db: TestDb) {
        // A database whose stream nobody started, as in a command.
        let silent = brisk_db::Db::open(brisk_db::DbConfig::new(&db.url)).await.unwrap();
        let session = silent.session(brisk_core::Scope::system(crate::harness::ONE, "test"));
        add(&db.session(), 1, "old").await;
        let caches = brisk_cache::Caches::of(&silent);
        let cache: Cache<i64, String> = caches.cache("test.silent", Policy::rows()).build();
        let gate = Gate::default();
        let ask = |stops: bool| {
            let (cache, session, gate) = (cache.clone(), session.clone(), gate.clone());
            async move {
                let load = async move |session: Session| {
                    let name = name_of(&session).await?;
                    if stops {
                        gate.stop().await;
                    }
                    Ok::<_, brisk_db::Error>(name)
                };
                cache.get(&session, &1, load).await.unwrap().into_inner()
            }
        };
        let slow = tokio::spawn(ask(true));
        gate.reached().await;
        rename(&db.session(), 1, "new").await;
        assert_eq!(ask(false).await, "new");
        gate.open();
        assert_eq!(slow.await.unwrap(), "old");
    }

    async fn a_load_under_way_does_not_come_back_after_the_cache_was_emptied(db: TestDb) {
        let session = db.session();
        let numbers = numbers(&db, Policy::outside(HOUR));
        for tenant in [None, Some(session.tenant())] {
            let gate = Gate::default();
            let slow = {
                let (numbers, session, gate) = (numbers.clone(), session.clone(), gate.clone());
                tokio::spawn(async move {
                    let load = async move |_: Session| {
                        gate.stop().await;
                        Ok::<_, brisk_db::Error>(1)
                    };
                    numbers.get(&session, &1, load).await.unwrap().into_inner()
                })
            };
            gate.reached().await;
            db.caches().evict("test.numbers", tenant).unwrap();
            gate.open();
            assert_eq!(slow.await.unwrap(), 1);
            let found = numbers.get(&session, &1, async |_| Ok::<_, brisk_db::Error>(2)).await;
            assert_eq!(*found.unwrap(), 2);
            db.caches().evict("test.numbers", tenant).unwrap();
        }
    }

    async fn a_load_goes_on_for_the_others_when_its_first_caller_leaves(db: TestDb) {
        let session = db.session();
        let numbers = numbers(&db, Policy::outside(HOUR));
        let go_on = Arc::new(Semaphore::new(0));
        let waiting = go_on.clone();
        let load = async move |_: Session| {
            waiting.acquire().await.unwrap().forget();
            Ok::<_, brisk_db::Error>(7)
        };
        let first = {
            let (numbers, session) = (numbers.clone(), session.clone());
            tokio::spawn(async move { numbers.get(&session, &1, load).await })
        };
        while Arc::strong_count(&go_on) == 1 || db.caches().stats()[0].loads == 0 {
            tokio::task::yield_now().await;
        }
        let second = {
            let (numbers, session) = (numbers.clone(), session.clone());
            tokio::spawn(async move { numbers.get(&session, &1, async |_| Ok::<_, brisk_db::Error>(8)).await })
        };
        while db.caches().stats()[0].joined == 0 {
            tokio::task::yield_now().await;
        }
        first.abort();
        go_on.add_permits(1);
        assert_eq!(second.await.unwrap().unwrap().into_inner(), 7);
    }

    async fn a_load_that_panics_is_an_error_for_all_and_poisons_nothing(db: TestDb) {
        let session = db.session();
        let numbers = numbers(&db, Policy::outside(HOUR));
        let load = async |_: Session| -> Result<u64, brisk_db::Error> { panic!("a test") };
        let error = numbers.get(&session, &1, load).await.unwrap_err();
        assert!(matches!(&error, Error::Panicked { message, .. } if &**message == "a test"));
        assert_eq!(error.class(), Class::Internal);
        let found = numbers.get(&session, &1, async |_| Ok::<_, brisk_db::Error>(3)).await;
        assert_eq!(*found.unwrap(), 3);
    }

    async fn a_load_that_hangs_lets_go_of_its_callers_and_of_the_key(db: TestDb) {
        let numbers = numbers(&db, Policy::outside(HOUR).load_limit(Duration::from_millis(200)));
        let hung = async |_: Session| {
            std::future::pending::<()>().await;
            Ok::<_, brisk_db::Error>(1)
        };
        let short = db.db.session(brisk_core::Scope::system(crate::harness::ONE, "test").shortened(Duration::from_millis(20)));
        let early = numbers.get(&short, &1, hung).await.unwrap_err();
        assert!(matches!(early, Error::Timeout { .. }));
        let late = numbers.get(&db.session(), &1, hung).await.unwrap_err();
        assert!(matches!(late, Error::Timeout { .. }));
        let found = numbers.get(&db.session(), &1, async |_| Ok::<_, brisk_db::Error>(3)).await;
        assert_eq!(*found.unwrap(), 3);
    }

    async fn a_failure_is_told_to_all_who_wait_and_not_kept(db: TestDb) {
        let session = db.session();
        let numbers = numbers(&db, Policy::outside(HOUR));
        let loads = Arc::new(AtomicU64::new(0));
        let gets = (0..50).map(|_| {
            let (loads, caches) = (Arc::clone(&loads), db.caches());
            numbers.get(&session, &1, async move |_| {
                loads.fetch_add(1, Ordering::SeqCst);
                // Who comes after the failure begins anew.
                while caches.stats()[0].joined < 49 {
                    tokio::task::yield_now().await;
                }
                Err::<u64, _>(brisk_db::Error::Overloaded { statement: "test" })
            })
        });
        let gets: Vec<_> = futures::future::join_all(gets).await;
        for error in gets {
            let error = error.unwrap_err();
            assert_eq!(error.class(), Class::Unavailable);
            assert!(error.load_error::<brisk_db::Error>().is_some());
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        let found = numbers.get(&session, &1, async |_| Ok::<_, brisk_db::Error>(3)).await;
        assert_eq!(*found.unwrap(), 3);
    }

    async fn a_write_inside_a_load_is_refused(db: TestDb) {
        let session = db.session();
        let numbers = numbers(&db, Policy::rows());
        let load = async |session: Session| {
            let params = (session.tenant(), 1, "x".to_owned(), "y".to_owned());
            session.run(&crate::harness::ADD, params).await
        };
        let error = numbers.get(&session, &1, load).await.unwrap_err();
        assert!(matches!(error.load_error(), Some(brisk_db::Error::ReadOnly { .. })));
    }
}

#[tokio::test]
async fn ages_decide_where_nothing_else_does() {
    let db = TestDb::sqlite().await;
    let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
    let caches = db.caches().with_clock(&clock);
    let session = db.session();
    let minute = Duration::from_mins(1);
    let policy = Policy::outside(minute)
        .jitter(0.0)
        .serve_stale(minute)
        .stale_if_error(3 * minute);
    let numbers: Numbers = caches.cache("test.ages", policy).build();
    let loads = Arc::new(AtomicU64::new(0));
    let get = async || {
        let loads = Arc::clone(&loads);
        let load = async move |_: Session| {
            Ok::<_, brisk_db::Error>(loads.fetch_add(1, Ordering::SeqCst) + 1)
        };
        numbers.get(&session, &1, load).await.unwrap()
    };
    assert_eq!((*get().await, get().await.is_stale()), (1, false));
    clock.advance(Duration::from_millis(59_999));
    assert_eq!((*get().await, get().await.is_stale()), (1, false));
    clock.advance(Duration::from_millis(1));
    // Handed out while it is replaced.
    let aging = get().await;
    assert_eq!((*aging, aging.is_stale()), (1, true));
    while *get().await == 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!((*get().await, get().await.is_stale()), (2, false));
    // Too old: only where there is no better one.
    clock.advance(3 * minute);
    let failing =
        async |_: Session| Err::<u64, _>(brisk_db::Error::Overloaded { statement: "test" });
    let stale = numbers.get(&session, &1, failing).await.unwrap();
    assert_eq!((*stale, stale.is_stale()), (2, true));
    clock.advance(minute);
    numbers.get(&session, &1, failing).await.unwrap_err();
    assert_eq!(*get().await, 3);
}

#[tokio::test]
async fn a_caller_waits_only_so_long_where_there_is_an_old_answer() {
    let db = TestDb::sqlite().await;
    let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
    let caches = db.caches().with_clock(&clock);
    let session = db.session();
    let minute = Duration::from_mins(1);
    let policy = Policy::outside(minute)
        .stale_if_error(HOUR)
        .soft_timeout(Duration::from_millis(10));
    let numbers: Numbers = caches.cache("test.soft", policy).build();
    numbers
        .get(&session, &1, async |_| Ok::<_, brisk_db::Error>(1))
        .await
        .unwrap();
    clock.advance(2 * minute);
    let go_on = Arc::new(Semaphore::new(0));
    let waiting = go_on.clone();
    let slow = async move |_: Session| {
        waiting.acquire().await.unwrap().forget();
        Ok::<_, brisk_db::Error>(2)
    };
    let stale = numbers.get(&session, &1, slow).await.unwrap();
    assert_eq!((*stale, stale.is_stale()), (1, true));
    go_on.add_permits(1);
    let began = std::time::Instant::now();
    loop {
        let found = numbers
            .get(&session, &1, async |_| Ok::<_, brisk_db::Error>(3))
            .await
            .unwrap();
        if *found == 2 {
            break;
        }
        assert!(began.elapsed() < crate::harness::LONG, "the load went on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_says_that_there_is_nothing_may_live_shorter() {
    let db = TestDb::sqlite().await;
    let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
    let session = db.session();
    let policy = Policy::outside(HOUR)
        .jitter(0.0)
        .absent_for(Duration::from_secs(30));
    let caches = db.caches().with_clock(&clock);
    let found: Cache<u8, Option<u64>> = caches
        .cache("test.absent", policy)
        .absent(Option::is_none)
        .build();
    let get = async |key: u8, value: Option<u64>| {
        let got = found
            .get(&session, &key, async move |_| {
                Ok::<_, brisk_db::Error>(value)
            })
            .await
            .unwrap();
        got.into_inner()
    };
    assert_eq!((get(1, None).await, get(2, Some(2)).await), (None, Some(2)));
    clock.advance(Duration::from_secs(29));
    assert_eq!(
        (get(1, Some(9)).await, get(2, Some(9)).await),
        (None, Some(2))
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        (get(1, Some(9)).await, get(2, Some(9)).await),
        (Some(9), Some(2))
    );
}

#[tokio::test]
async fn the_bound_holds_and_the_view_tells_what_is_there() {
    let db = TestDb::sqlite().await;
    let session = db.session();
    let policy = Policy::outside(HOUR).bytes(256 * 1024);
    let big: Cache<u64, Vec<u8>> = db
        .caches()
        .cache("test.big", policy)
        .weigh(|_, v: &Vec<u8>| v.capacity())
        .build();
    for key in 0..2_000_u64 {
        let value = vec![0; 1_000];
        big.get(&session, &key, async move |_| {
            Ok::<_, brisk_db::Error>(value)
        })
        .await
        .unwrap();
    }
    let stats = db.caches().stats().remove(0);
    assert!(
        stats.bytes <= 256 * 1024 && stats.entries > 100,
        "{stats:?}"
    );
    assert_eq!((stats.misses, stats.loads), (2_000, 2_000));
    assert!(stats.evicted > 1_000, "{stats:?}");
    let entries = db.caches().entries("test.big", 3).unwrap();
    assert_eq!(entries.len(), 3);
    assert!(entries[0].counts && entries[0].key.is_some());
    assert_eq!(db.caches().evict("test.big", None), Some(stats.entries));
    assert_eq!(db.caches().evict("test.none", None), None);
}

#[tokio::test]
async fn keys_that_will_be_asked_for_can_be_loaded_before() {
    let db = TestDb::sqlite().await;
    let session = db.session();
    let numbers = numbers(&db, Policy::outside(HOUR));
    let load = async |_: Session, key: u8| match key {
        3 => Err(brisk_db::Error::Overloaded { statement: "test" }),
        key => Ok(u64::from(key)),
    };
    assert_eq!(numbers.warm(&session, 0..10, 4, load).await, 9);
    assert!(numbers.peek(&session, &9).is_some());
    assert!(numbers.peek(&session, &3).is_none());
}
