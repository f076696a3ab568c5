use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use brisk_core::Clock;
use brisk_db::{Batch, Error, Session};
use brisk_telemetry::{PerfStats, TelemetryConfig};
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

use crate::harness::{ADD_OWNER, AGE, COUNT, FOREVER, GROW, LONG, OWNERS, SLOW, TestDb, add};

/// The place where transactions run is as good as before.
async fn is_usable(session: &Session) {
    let count = session.run(&COUNT, ()).await.unwrap();
    for round in 0..6 {
        let id = 1_000 + round;
        timeout(
            LONG,
            session.transaction(async |s: Session| add(&s, id).await),
        )
        .await
        .unwrap()
        .unwrap();
        timeout(LONG, add(session, 2_000 + round))
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), count + 12);
}

on_both! {
    async fn ok_commits_and_err_undoes(db: TestDb) {
        let session = db.session();
        let age = session
            .transaction(async |s: Session| {
                add(&s, 1).await?;
                let age = s.run(&GROW, (1,)).await?;
                assert_eq!(s.run(&COUNT, ()).await?, 1);
                Ok::<_, Error>(age)
            })
            .await
            .unwrap();
        assert_eq!(age, 2);
        let undone: Result<(), Error> = session
            .transaction(async |s: Session| {
                add(&s, 2).await?;
                Err(Error::Cursor)
            })
            .await;
        assert!(matches!(undone, Err(Error::Cursor)));
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1]);
        is_usable(&session).await;
    }

    async fn a_cancelled_transaction_leaves_nothing_and_blocks_nobody(db: TestDb) {
        let session = db.session();
        for round in 0..8 {
            let reached = Arc::new(Notify::new());
            let (inside, there) = (session.clone(), Arc::clone(&reached));
            let task = tokio::spawn(async move {
                inside
                    .transaction(async |s: Session| {
                        add(&s, round).await?;
                        there.notify_one();
                        std::future::pending::<Result<(), Error>>().await
                    })
                    .await
            });
            reached.notified().await;
            task.abort();
            task.await.unwrap_err();
        }
        timeout(LONG, is_usable(&session)).await.unwrap();
        assert!(session.run(&AGE, (0,)).await.unwrap().is_none());
    }

    async fn a_transaction_cancelled_in_a_statement_stops_the_statement(db: TestDb) {
        let session = db.session();
        let began = Instant::now();
        for _ in 0..5 {
            let abandoned = timeout(
                Duration::from_millis(100),
                session.transaction(async |s: Session| {
                    add(&s, 1).await?;
                    s.run(&SLOW, (FOREVER,)).await
                }),
            )
            .await;
            assert!(abandoned.is_err());
        }
        timeout(LONG, is_usable(&session)).await.unwrap();
        assert!(began.elapsed() < LONG);
    }

    async fn a_deadline_inside_ends_the_transaction(db: TestDb) {
        let session = db.session_for(Duration::from_millis(200));
        let began = Instant::now();
        let result = session
            .transaction(async |s: Session| {
                add(&s, 1).await?;
                s.run(&SLOW, (FOREVER,)).await
            })
            .await;
        assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        let session = db.session();
        timeout(LONG, is_usable(&session)).await.unwrap();
        assert!(session.run(&AGE, (1,)).await.unwrap().is_none());
    }

    async fn a_swallowed_failure_is_no_success(db: TestDb) {
        let session = db.session();
        add(&session, 1).await.unwrap();
        let result = session
            .transaction(async |s: Session| {
                add(&s, 2).await?;
                add(&s, 1).await.unwrap_err();
                s.run(&COUNT, ()).await.unwrap_err();
                Ok::<_, Error>(())
            })
            .await;
        assert!(matches!(result, Err(Error::Statement { .. })), "{result:?}");
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1]);
        is_usable(&session).await;
    }

    async fn a_missing_row_does_not_end_a_transaction(db: TestDb) {
        let session = db.session();
        session
            .transaction(async |s: Session| {
                assert!(matches!(s.run(&GROW, (1,)).await, Err(Error::NoRow { .. })));
                add(&s, 1).await
            })
            .await
            .unwrap();
        assert_eq!(session.run(&AGE, (1,)).await.unwrap(), Some(1));
    }

    async fn a_clone_that_outlives_its_transaction_holds_nothing(db: TestDb) {
        let session = db.session();
        let kept = session
            .transaction(async |s: Session| Ok::<_, Error>(s))
            .await
            .unwrap();
        add(&kept, 1).await.unwrap_err();
        let (give, mut kept) = tokio::sync::mpsc::unbounded_channel();
        let held = session.transaction(async |s: Session| {
            add(&s, 1).await?;
            give.send(s).unwrap();
            std::future::pending::<Result<(), Error>>().await
        });
        let kept = tokio::select! {
            kept = kept.recv() => kept.unwrap(),
            ended = held => panic!("{ended:?}"),
        };
        add(&kept, 2).await.unwrap_err();
        if db.db.file().is_some() {
            timeout(LONG, is_usable(&session)).await.unwrap();
        }
        drop(kept);
        assert!(session.run(&AGE, (1,)).await.unwrap().is_none());
    }

    async fn a_transaction_inside_joins_the_outer_one(db: TestDb) {
        let session = db.session();
        let ran = Arc::new(AtomicU32::new(0));
        let work = |fail: bool| {
            let (session, ran) = (session.clone(), Arc::clone(&ran));
            async move {
                session
                    .transaction(async |outer: Session| {
                        add(&outer, 1).await?;
                        let mut batch = Batch::new();
                        let counted = Arc::clone(&ran);
                        batch.run(&ADD_OWNER, (2, "two".to_owned(), 1)).on_commit(move || {
                            counted.fetch_add(1, Ordering::Relaxed);
                        });
                        outer.batch(batch).await?;
                        outer
                            .transaction(async |inner: Session| {
                                assert_eq!(inner.run(&COUNT, ()).await?, 2);
                                add(&inner, 3).await
                            })
                            .await?;
                        let counted = Arc::clone(&ran);
                        outer.on_commit(move || {
                            counted.fetch_add(1, Ordering::Relaxed);
                        });
                        assert_eq!(ran.load(Ordering::Relaxed), 0);
                        if fail { Err(Error::Cursor) } else { Ok(()) }
                    })
                    .await
            }
        };
        work(true).await.unwrap_err();
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
        work(false).await.unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 2);
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 3);
    }

    async fn increments_of_many_transactions_are_all_there(db: TestDb) {
        let session = db.session();
        add(&session, 1).await.unwrap();
        let all = (0..40).map(|_| {
            session.transaction(async |s: Session| s.run(&GROW, (1,)).await)
        });
        for result in futures::future::join_all(all).await {
            result.unwrap();
        }
        assert_eq!(session.run(&AGE, (1,)).await.unwrap(), Some(41));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loser_of_a_deadlock_is_tried_again() {
    let db = TestDb::postgres().await;
    let session = db.session();
    let perf = PerfStats::new(&TelemetryConfig::default(), Clock::system());
    db.db.measure(Arc::clone(&perf));
    add(&session, 1).await.unwrap();
    add(&session, 2).await.unwrap();
    let both_hold_one = Arc::new(Barrier::new(2));
    let attempts = Arc::new(AtomicU32::new(0));
    let opposite = |first: i64, second: i64| {
        let (session, barrier) = (session.clone(), Arc::clone(&both_hold_one));
        let attempts = Arc::clone(&attempts);
        async move {
            session
                .transaction(async |s: Session| {
                    let attempt = attempts.fetch_add(1, Ordering::Relaxed);
                    s.run(&GROW, (first,)).await?;
                    if attempt < 2 {
                        barrier.wait().await;
                    }
                    s.run(&GROW, (second,)).await
                })
                .await
        }
    };
    let (one, other) = timeout(
        LONG,
        Box::pin(async { tokio::join!(opposite(1, 2), opposite(2, 1)) }),
    )
    .await
    .unwrap();
    one.unwrap();
    other.unwrap();
    let attempts = u64::from(attempts.load(Ordering::Relaxed));
    assert!(attempts >= 3);
    let snapshot = perf.snapshot();
    let retries = snapshot.statements.iter().find(|s| s.name == "db.retry");
    assert_eq!(retries.map(|s| s.times.count), Some(attempts - 2));
    for id in [1, 2] {
        assert_eq!(session.run(&AGE, (id,)).await.unwrap(), Some(3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_idles_too_long_is_ended() {
    let hold = Duration::from_millis(300);
    for db in [
        TestDb::postgres_with(|c| c.transaction_hold = hold).await,
        TestDb::sqlite_with(|c| c.transaction_hold = hold).await,
    ] {
        let session = db.session();
        let result: Result<(), Error> = timeout(
            LONG,
            session.transaction(async |s: Session| {
                add(&s, 1).await?;
                std::future::pending().await
            }),
        )
        .await
        .unwrap();
        assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
        is_usable(&session).await;
    }
}
