//! What a transaction sees of others, what it may do, and how often it is tried.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use brisk_core::{Class, Clock, Failure as _};
use brisk_db::{Affected, Batch, Error, OnConflict, One, Session, statements};
use brisk_telemetry::{PerfStats, TelemetryConfig};
use futures::FutureExt as _;
use tokio::sync::{Barrier, Notify};
use tokio::time::timeout;

use crate::harness::{
    ADD_OWNER, AGE, COUNT, FOREVER, GROW, LONG, OWNERS, SET_AGE, SLOW, TestDb, add, owner,
};

statements! {
    prefix "test.isolation";

    AGES() -> One<i64> = "SELECT CAST(coalesce(sum(age), 0) AS bigint) FROM owners",
        sqlite "SELECT coalesce(sum(age), 0) FROM owners";

    /// Reads as far as its text says.
    SNEAK() -> One<i64> = "SELECT nextval('sneaky')", sqlite "SELECT 1";

    MAKE() -> Affected = "CREATE SEQUENCE sneaky", sqlite "CREATE TABLE sneaky (n)";
}

on_both! {
    async fn reading_sees_one_state_and_keeps_no_writer_waiting(db: TestDb) {
        let session = db.session();
        add(&session, 1).await.unwrap();
        let counts = session
            .read_only(async |s: Session| {
                let before = s.run(&COUNT, ()).await?;
                // Outside of it, while it is open.
                timeout(LONG, add(&session, 2 + before)).await.unwrap()?;
                let whole = session.transaction(async |t: Session| add(&t, 12 + before).await);
                timeout(LONG, whole).await.unwrap()?;
                Ok::<_, Error>((before, s.run(&COUNT, ()).await?, session.run(&COUNT, ()).await?))
            })
            .await
            .unwrap();
        assert_eq!(counts, (1, 1, 3));
    }

    async fn what_only_reads_is_refused_its_writes(db: TestDb) {
        let session = db.session();
        session.run(&MAKE, ()).await.unwrap();
        let tries = AtomicU32::new(0);
        let refused = |e: &Error| matches!(e, Error::ReadOnly { .. });
        let one = session
            .read_only(async |s: Session| {
                tries.fetch_add(1, Ordering::Relaxed);
                add(&s, 1).await
            })
            .await
            .unwrap_err();
        assert!(refused(&one) && one.class() == Class::Internal, "{one:?}");
        assert_eq!(tries.into_inner(), 1);
        let batch = session
            .read_only(async |s: Session| {
                let mut batch = Batch::new();
                batch.run(&ADD_OWNER, (2, "2".to_owned(), 1));
                s.batch(batch).await
            })
            .await;
        assert!(batch.as_ref().is_err_and(refused), "{batch:?}");
        let bulk = session
            .read_only(async |s: Session| {
                s.insert_many((10..900).map(owner).collect(), OnConflict::Fail).await
            })
            .await;
        assert!(bulk.as_ref().is_err_and(refused), "{bulk:?}");
        let inside = session
            .transaction(async |s: Session| {
                add(&s, 3).await?;
                s.read_only(async |s: Session| {
                    assert_eq!(s.run(&COUNT, ()).await?, 1);
                    s.transaction(async |s: Session| add(&s, 4).await).await
                })
                .await
            })
            .await;
        assert!(inside.as_ref().is_err_and(refused), "{inside:?}");
        // A function that writes is known to the engine alone.
        if db.db.file().is_none() {
            let sneaked = session.read_only(async |s: Session| s.run(&SNEAK, ()).await).await;
            assert!(sneaked.as_ref().is_err_and(refused), "{sneaked:?}");
        }
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
        add(&session, 1).await.unwrap();
    }

    async fn reading_ends_with_its_caller(db: TestDb) {
        let session = db.session();
        // More often than there are readers or connections.
        for _ in 0..12 {
            let short = db.session_for(std::time::Duration::from_millis(50));
            let slow = short.read_only(async |s: Session| s.run(&SLOW, (FOREVER,)).await);
            assert!(matches!(slow.await, Err(Error::Timeout { .. })));
            let kept = session.read_only(async |s: Session| Ok::<_, Error>(s)).await.unwrap();
            kept.run(&COUNT, ()).await.unwrap_err();
        }
        let read = session.read_only(async |s: Session| s.run(&COUNT, ()).await);
        assert_eq!(timeout(LONG, read).await.unwrap().unwrap(), 0);
    }

    async fn two_that_decide_on_what_the_other_changes_cannot_both_be_right(db: TestDb) {
        let session = db.session();
        let perf = PerfStats::new(&TelemetryConfig::default(), Clock::system());
        db.db.measure(Arc::clone(&perf));
        for id in [1, 2] {
            add(&session, id).await.unwrap();
        }
        // Each may give up its one, as long as two are there.
        let both_read = Arc::new(Barrier::new(2));
        let give = |id: i64| {
            let (both_read, tries) = (Arc::clone(&both_read), AtomicU32::new(0));
            let (session, apart) = (session.clone(), db.db.file().is_none());
            async move {
                session
                    .serializable(async |s: Session| {
                        let ages = s.run(&AGES, ()).await?;
                        if apart && tries.fetch_add(1, Ordering::Relaxed) == 0 {
                            both_read.wait().await;
                        }
                        if ages < 2 {
                            return Ok(false);
                        }
                        s.run(&SET_AGE, (id, 0)).await?;
                        Ok::<_, Error>(true)
                    })
                    .await
            }
        };
        let both = Box::pin(async { tokio::join!(give(1), give(2)) });
        let (one, other) = timeout(LONG, both).await.unwrap();
        assert!(one.unwrap() != other.unwrap());
        assert_eq!(session.run(&AGES, ()).await.unwrap(), 1);
        let snapshot = perf.snapshot();
        let retries = snapshot.statements.iter().find(|s| s.name == "db.retry");
        assert_eq!(retries.is_some(), db.db.file().is_none());
    }

    async fn serializable_work_joins_no_transaction_that_promises_less(db: TestDb) {
        let session = db.session();
        let ran = AtomicU32::new(0);
        let strict = async |s: &Session, id: i64| {
            let work = s.serializable(async |s: Session| {
                ran.fetch_add(1, Ordering::Relaxed);
                add(&s, id).await
            });
            work.await
        };
        let refused = |r: Result<u64, Error>| {
            assert!(matches!(r, Err(Error::Isolation { .. })), "{r:?}");
        };
        // The open one goes on, and has nothing of it.
        let whole = session.transaction(async |s: Session| {
            refused(strict(&s, 1).await);
            refused(s.savepoint(|s| async move { strict(&s, 1).await }).await);
            refused(s.read_only(async |s: Session| strict(&s, 1).await).await);
            add(&s, 2).await
        });
        assert_eq!(whole.await.unwrap(), 1);
        let reading = session.read_only(async |s: Session| {
            refused(strict(&s, 1).await);
            s.run(&COUNT, ()).await
        });
        assert_eq!(reading.await.unwrap(), 1);
        assert_eq!(ran.load(Ordering::Relaxed), 0);
        // What another one joined is as strict as it began.
        let undone: Result<(), Error> = session
            .serializable(async |s: Session| {
                strict(&s, 3).await?;
                s.transaction(async |s: Session| strict(&s, 4).await).await?;
                assert_eq!(s.run(&COUNT, ()).await?, 3);
                Err(Error::Cursor)
            })
            .await;
        assert!(matches!(undone, Err(Error::Cursor)), "{undone:?}");
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [2]);
        strict(&session, 5).await.unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 3);
    }

    async fn a_call_that_leaves_the_program_is_noticed_inside_a_transaction(db: TestDb) {
        let session = db.session();
        let calls = async |s: &Session| {
            tokio::task::yield_now().await;
            drop(s.scope().http_call("webhook of test"));
        };
        let refused = async |work: futures::future::BoxFuture<'_, Result<(), Error>>| {
            let failure = AssertUnwindSafe(work).catch_unwind().await.unwrap_err();
            let said = failure.downcast_ref::<String>().cloned().unwrap();
            assert!(said.contains("webhook of test") && said.contains("isolation.rs"), "{said}");
        };
        calls(&session).await;
        // Whoever's scope it is, where the closure awaits it.
        refused(Box::pin(session.transaction(async |_: Session| {
            let both = futures::future::join(calls(&session), async { 1 });
            both.await;
            Ok(())
        })))
        .await;
        refused(Box::pin(session.read_only(async |_: Session| {
            calls(&session).await;
            Ok(())
        })))
        .await;
        refused(Box::pin(session.serializable(async |s: Session| {
            let spawned = tokio::spawn(async move { calls(&s).await });
            if let Err(failure) = spawned.await {
                std::panic::resume_unwind(failure.into_panic());
            }
            Ok(())
        })))
        .await;
        // What goes on beside it is its own affair, and so is what comes after.
        let (began, may_end) = (Notify::new(), Notify::new());
        let whole = session.transaction(async |s: Session| {
            add(&s, 1).await?;
            began.notify_one();
            may_end.notified().await;
            Ok::<_, Error>(s)
        });
        let beside = async {
            began.notified().await;
            calls(&session).await;
            may_end.notify_one();
        };
        let (ended, ()) = Box::pin(async { tokio::join!(whole, beside) }).await;
        calls(&ended.unwrap()).await;
        assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1]);
    }
}

/// The scenario in which one of two transactions must lose; answers how both ended.
async fn deadlock(attempts: u32) -> (TestDb, [Result<i64, Error>; 2]) {
    let db = TestDb::postgres_with(|c| c.transaction_attempts = attempts).await;
    let session = db.session();
    for id in [1, 2] {
        add(&session, id).await.unwrap();
    }
    let both_hold_one = Barrier::new(2);
    let opposite = async |first: i64, second: i64| {
        let tries = AtomicU32::new(0);
        let whole = session.transaction(async |s: Session| {
            s.run(&GROW, (first,)).await?;
            if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                both_hold_one.wait().await;
            }
            s.run(&GROW, (second,)).await
        });
        whole.await
    };
    let both = Box::pin(async { tokio::join!(opposite(1, 2), opposite(2, 1)) });
    let (one, other) = timeout(LONG, both).await.unwrap();
    (db, [one, other])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_is_what_saves_the_loser_of_a_deadlock() {
    let (db, ended) = deadlock(2).await;
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    assert_eq!(db.session().run(&AGE, (1,)).await.unwrap(), Some(3));

    let (db, ended) = deadlock(1).await;
    let lost = |r: &Result<i64, Error>| matches!(r, Err(Error::Serialization { .. }));
    assert!(
        ended.iter().any(lost) && ended.iter().any(Result::is_ok),
        "{ended:?}"
    );
    assert_eq!(db.session().run(&AGE, (1,)).await.unwrap(), Some(2));
}
