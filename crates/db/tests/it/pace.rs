//! A statement that proves slow gets out of the way of the others, and comes back when it is fast again.

use std::time::Duration;

use brisk_db::{One, statements};

use crate::harness::{COUNT, FOREVER, LONG, TestDb};

statements! {
    prefix "test.pace";

    /// PostgreSQL only: takes that many seconds, and says on which connection.
    DOZE(seconds: f64) -> One<i64> = "SELECT pg_backend_pid()::bigint FROM pg_sleep($1)", sqlite "SELECT $1";

    /// PostgreSQL only.
    WHERE() -> One<i64> = "SELECT pg_backend_pid()::bigint", sqlite "SELECT 1";

    FOREVER_ON_SQLITE(to: i64) -> One<i64>
        = "SELECT $1",
        sqlite "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT count(*) FROM n";
}

async fn one_lane(apart: Duration) -> TestDb {
    TestDb::postgres_with(|c| {
        c.postgres.lanes = 1;
        c.postgres.slow_apart = apart;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_leaves_its_lane_and_comes_back() {
    let db = one_lane(Duration::from_millis(60)).await;
    let session = db.session();
    let lane = session.run(&WHERE, ()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(session.run(&DOZE, (0.2,)).await.unwrap(), lane);
    }
    // It would keep the only lane for longer than anybody waits.
    let hurried = db.session_for(Duration::from_secs(4));
    let (dozing, waiting) = (session.run(&DOZE, (8.0,)), async {
        for _ in 0..20 {
            assert_eq!(hurried.run(&WHERE, ()).await.unwrap(), lane);
        }
    });
    let apart = tokio::select! {
        pid = dozing => Some(pid),
        () = waiting => None,
    };
    assert!(
        apart.is_none(),
        "the lane was kept until {apart:?} was done"
    );
    // Given up after no time, that run said nothing good of it.
    let mut places = Vec::new();
    for _ in 0..12 {
        places.push(session.run(&DOZE, (0.0,)).await.unwrap());
    }
    assert_ne!(places[0], lane);
    assert_eq!(places[11], lane);
}

/// Whether a statement leaves the lane after two slow runs, and whether it is back after fast ones.
async fn leaves_and_comes_back(apart: Duration) -> (bool, bool) {
    let db = one_lane(apart).await;
    let session = db.session();
    let lane = session.run(&WHERE, ()).await.unwrap();
    for _ in 0..2 {
        session.run(&DOZE, (0.2,)).await.unwrap();
    }
    let mut places = Vec::new();
    for _ in 0..12 {
        places.push(session.run(&DOZE, (0.0,)).await.unwrap());
    }
    (places[0] != lane, places[11] == lane)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_limit_no_statement_leaves_its_lane() {
    assert_eq!(
        leaves_and_comes_back(Duration::from_millis(60)).await,
        (true, true)
    );
    assert_eq!(leaves_and_comes_back(Duration::ZERO).await, (false, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_behind_a_slow_statement_is_not_slow() {
    let db = one_lane(Duration::from_millis(60)).await;
    let session = db.session();
    let lane = session.run(&WHERE, ()).await.unwrap();
    for _ in 0..2 {
        let (_, behind, again) = tokio::join!(
            session.run(&DOZE, (0.3,)),
            session.run(&WHERE, ()),
            session.run(&WHERE, ())
        );
        assert_eq!((behind.unwrap(), again.unwrap()), (lane, lane));
    }
    assert_eq!(session.run(&WHERE, ()).await.unwrap(), lane);
    assert_ne!(session.run(&DOZE, (0.0,)).await.unwrap(), lane);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_whose_callers_leave_proves_slow_too() {
    let db = one_lane(Duration::from_millis(60)).await;
    let session = db.session();
    let lane = session.run(&WHERE, ()).await.unwrap();
    for _ in 0..2 {
        let hurried = db.session_for(Duration::from_millis(300));
        hurried.run(&DOZE, (0.6,)).await.unwrap_err();
        // Until the server is done with it.
        session.run(&WHERE, ()).await.unwrap();
    }
    assert_ne!(session.run(&DOZE, (0.0,)).await.unwrap(), lane);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_reads_leave_one_reader_to_the_others() {
    let db = TestDb::sqlite_with(|c| {
        c.sqlite.readers = 2;
        c.sqlite.slow_apart = Duration::from_millis(60);
    })
    .await;
    // The reader notices a little later that its caller left; the next run is longer than that.
    for _ in 0..4 {
        let hurried = db.session_for(Duration::from_millis(200));
        hurried
            .run(&FOREVER_ON_SQLITE, (FOREVER,))
            .await
            .unwrap_err();
    }
    let session = db.session();
    let endless =
        futures::future::join_all((0..6).map(|_| session.run(&FOREVER_ON_SQLITE, (FOREVER,))));
    let patient = db.session_for(LONG);
    let others = async {
        for _ in 0..50 {
            patient.run(&COUNT, ()).await.unwrap();
        }
    };
    tokio::select! {
        _ = endless => panic!("nobody counts that far"),
        () = others => {}
    }
}
