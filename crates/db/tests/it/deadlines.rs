use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_db::{Error, Session};
use futures::future::join_all;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::harness::{COUNT, FOREVER, LONG, SLOW, SLOW_APART, TestDb, add};

const SHORT: Duration = Duration::from_millis(150);

on_both! {
    async fn a_slow_read_is_released_at_its_deadline(db: TestDb) {
        // More of them than there are readers, lanes or pooled connections.
        let began = Instant::now();
        let session = db.session_for(SHORT);
        let slow = join_all((0..6).map(|_| session.run(&SLOW, (FOREVER,))));
        let apart = join_all((0..3).map(|_| session.run(&SLOW_APART, (FOREVER,))));
        let (slow, apart) = tokio::join!(slow, apart);
        for result in slow.into_iter().chain(apart) {
            assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
        }
        let took = began.elapsed();
        assert!(took >= SHORT && took < Duration::from_secs(2), "{took:?}");
        let (counted, added) = timeout(LONG, Box::pin(async {
            let session = db.session();
            tokio::join!(
                session.run(&COUNT, ()),
                session.transaction(async |s: Session| add(&s, 1).await)
            )
        }))
        .await
        .unwrap();
        assert!(counted.unwrap() <= 1);
        added.unwrap();
    }

    async fn a_deadline_that_has_passed_sends_nothing(db: TestDb) {
        let late = db.session_for(Duration::ZERO);
        assert!(matches!(add(&late, 1).await, Err(Error::Timeout { .. })));
        let result = late.transaction(async |s: Session| add(&s, 1).await).await;
        assert!(matches!(result, Err(Error::Timeout { .. })));
        assert_eq!(db.session().run(&COUNT, ()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn the_only_reader_is_free_right_after_a_deadline_or_a_cancellation() {
    let db = TestDb::sqlite_with(|c| c.sqlite.readers = 1).await;
    let session = db.session();
    for round in 0..4 {
        if round % 2 == 0 {
            let slow = db.session_for(SHORT);
            slow.run(&SLOW, (FOREVER,)).await.unwrap_err();
        } else {
            let left = timeout(SHORT, session.run(&SLOW, (FOREVER,))).await;
            assert!(left.is_err());
        }
        let began = Instant::now();
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
        assert!(
            began.elapsed() < Duration::from_millis(500),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn a_full_queue_makes_a_write_wait_until_its_deadline() {
    let db = TestDb::sqlite_with(|c| c.sqlite.queue = 2).await;
    let session = db.session();
    let (holds, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, held, gone) = (session.clone(), Arc::clone(&holds), Arc::clone(&go));
    let holder = tokio::spawn(async move {
        inside
            .transaction(async |_| {
                held.notify_one();
                gone.notified().await;
                Ok::<_, Error>(())
            })
            .await
    });
    holds.notified().await;
    let began = Instant::now();
    let hasty = db.session_for(SHORT);
    for result in join_all((0..8).map(|id| add(&hasty, id))).await {
        assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(2));
    let patient = join_all((10..18).map(|id| add(&session, id)));
    let (patient, ()) = tokio::join!(patient, async { go.notify_one() });
    assert!(patient.iter().all(Result::is_ok));
    holder.await.unwrap().unwrap();
    // What nobody waited for any more was not done either.
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_blocked_by_an_abandoned_statement_is_avoided() {
    let db = TestDb::postgres_with(|c| c.postgres.lanes = 2).await;
    let session = db.session();
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
    let left = timeout(SHORT, session.run(&SLOW, (FOREVER,))).await;
    assert!(left.is_err());
    for _ in 0..50 {
        let began = Instant::now();
        session.run(&COUNT, ()).await.unwrap();
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_stops_what_a_caller_has_abandoned() {
    let db = TestDb::postgres().await;
    let session = db.session();
    let left = timeout(SHORT, session.run(&SLOW_APART, (FOREVER,))).await;
    assert!(left.is_err());
    let busy = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND state = 'active' AND query LIKE '%RECURSIVE%' AND pid <> pg_backend_pid()",
        db.server().name()
    );
    let began = Instant::now();
    while db.server().psql(&[&busy]).unwrap() != "0" {
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
