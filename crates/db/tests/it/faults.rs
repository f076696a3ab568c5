use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use brisk_db::{Batch, Db, DbConfig, Error, Session};
use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::{Database, Postgres};
use futures::future::join_all;
use tokio::time::timeout;

use crate::harness::{ADD_OWNER, COUNT, LONG, OWNERS, SCHEMA, add, session};

const CONNECT_WAIT: Duration = Duration::from_millis(400);

struct Away {
    db: Db,
    proxy: Proxy,
    _database: Database,
}

async fn behind_a_proxy() -> Away {
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let mut config = DbConfig::new(url);
    config.postgres.pool = 4;
    config.postgres.connect_wait = CONNECT_WAIT;
    let db = Db::open(config).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    Away {
        db,
        proxy,
        _database: database,
    }
}

/// Asks until the database is back.
async fn recovered(session: &Session) {
    timeout(LONG, async {
        loop {
            match session.run(&COUNT, ()).await {
                Ok(_) => return,
                Err(e) => assert!(matches!(e, Error::Unavailable { .. }), "{e:?}"),
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_no_acknowledged_write_and_hang_nobody() {
    let away = behind_a_proxy().await;
    let session = session(&away.db);
    let stop = AtomicBool::new(false);
    let next = AtomicI64::new(0);
    let (read, lost_reads) = (AtomicU64::new(0), AtomicU64::new(0));
    let load = async |kind: usize| {
        let mut acknowledged = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let id = next.fetch_add(1, Ordering::Relaxed);
            let row = (id, format!("{id}@example.org"), 1);
            let result = match kind % 4 {
                0 => {
                    let counter = match session.run(&COUNT, ()).await {
                        Ok(_) => &read,
                        Err(Error::Unavailable { .. }) => &lost_reads,
                        Err(e) => panic!("{e:?}"),
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                1 => add(&session, id).await,
                2 => {
                    let mut batch = Batch::new();
                    batch.run(&ADD_OWNER, row);
                    session.batch(batch).await.map(|o| o[0].affected)
                }
                _ => {
                    session
                        .transaction(async |s: Session| add(&s, id).await)
                        .await
                }
            };
            match result {
                Ok(_) => acknowledged.push(id),
                Err(Error::Unavailable { .. }) => {}
                Err(e) => panic!("{e:?}"),
            }
        }
        acknowledged
    };
    let cuts = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            away.proxy.cut().await.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (acknowledged, ()) = timeout(LONG, async {
        tokio::join!(join_all((0..16).map(load)), cuts)
    })
    .await
    .unwrap();
    recovered(&session).await;
    let stored = session.run(&OWNERS, ()).await.unwrap();
    for id in acknowledged.into_iter().flatten() {
        assert!(stored.binary_search(&id).is_ok(), "{id} is lost");
    }
    let (read, lost) = (read.into_inner(), lost_reads.into_inner());
    // One that two cuts hit is given up; no more than that.
    assert!(read > 20 && lost * 20 < read, "{read} reads, {lost} lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_unavailable_at_once_and_comes_back_by_itself() {
    let away = behind_a_proxy().await;
    let session = session(&away.db);
    add(&session, 1).await.unwrap();
    away.proxy.set(Mode::Refuse).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        let asked = Instant::now();
        let (read, write, whole) = tokio::join!(
            session.run(&COUNT, ()),
            add(&session, 2),
            session.transaction(async |s: Session| add(&s, 3).await)
        );
        let took = asked.elapsed();
        assert!(matches!(read, Err(Error::Unavailable { .. })), "{read:?}");
        assert!(matches!(write, Err(Error::Unavailable { .. })), "{write:?}");
        assert!(matches!(whole, Err(Error::Unavailable { .. })), "{whole:?}");
        assert!(took < CONNECT_WAIT + Duration::from_millis(300), "{took:?}");
    }
    away.proxy.set(Mode::Pass).await.unwrap();
    recovered(&session).await;
    session
        .transaction(async |s: Session| add(&s, 4).await)
        .await
        .unwrap();
    assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [1, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stalls_releases_everybody_at_the_deadline() {
    let away = behind_a_proxy().await;
    let session = session(&away.db);
    add(&session, 1).await.unwrap();
    away.proxy.set(Mode::Stall).await.unwrap();
    let span = Duration::from_millis(300);
    let hasty = away.db.session(session.scope().shortened(span));
    let began = Instant::now();
    let (reads, writes, wholes) = tokio::join!(
        join_all((0..20).map(|_| hasty.run(&COUNT, ()))),
        join_all((10..30).map(|id| add(&hasty, id))),
        join_all(
            (30..50)
                .map(|id| hasty.transaction(move |s: Session| async move { add(&s, id).await }))
        ),
    );
    let took = began.elapsed();
    assert!(
        took >= span && took < span + Duration::from_secs(2),
        "{took:?}"
    );
    let released = |e: &Error| matches!(e, Error::Timeout { .. } | Error::Unavailable { .. });
    assert!(
        reads.iter().all(|r| r.as_ref().is_err_and(released)),
        "{reads:?}"
    );
    let mut written = writes.iter().chain(&wholes);
    assert!(written.all(|r| r.as_ref().is_err_and(released)));
    away.proxy.set(Mode::Pass).await.unwrap();
    recovered(&session).await;
    timeout(LONG, async {
        for id in 100..110 {
            session
                .transaction(async |s: Session| add(&s, id).await)
                .await
                .unwrap();
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_who_ends_our_connections_costs_no_read() {
    let database = Postgres::shared().database().unwrap();
    let db = Db::open(DbConfig::new(database.url())).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    let session = session(&db);
    for round in 0..3 {
        assert!(database.disconnect_all().unwrap() >= 1);
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), round);
        session
            .transaction(async |s: Session| add(&s, round).await)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_replaced_within_two_seconds() {
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let mut config = DbConfig::new(url);
    config.postgres.lanes = 2;
    config.postgres.pool = 2;
    // The pool does not help them out.
    config.postgres.slow_apart = LONG;
    let db = Db::open(config).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    let session = session(&db);
    assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
    for round in 0..2 {
        proxy.forget().await.unwrap();
        let began = Instant::now();
        let short = || db.session(session.scope().shortened(Duration::from_millis(300)));
        let single = async {
            while add(&short(), round).await.is_err() {
                assert!(began.elapsed() < Duration::from_secs(2));
            }
        };
        let whole = async {
            let add = async || {
                short()
                    .transaction(async |s: Session| add(&s, 100 + round).await)
                    .await
            };
            while add().await.is_err() {
                assert!(began.elapsed() < Duration::from_secs(2));
            }
        };
        tokio::join!(single, whole);
    }
    assert_eq!(session.run(&OWNERS, ()).await.unwrap(), [0, 1, 100, 101]);
}
