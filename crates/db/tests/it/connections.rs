//! How many connections there are, for how long, and what is told of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use brisk_db::{Db, DbConfig, Error, One, PoolState, Session, statements};
use brisk_telemetry::{PerfStats, Prometheus, TelemetryConfig};
use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::{Database, Postgres};
use futures::future::join_all;
use tokio::time::timeout;

use crate::harness::{COUNT, LONG, TestDb, session};

statements! {
    prefix "test.connections";

    /// PostgreSQL only: takes that many seconds, and says on which connection.
    DOZE(seconds: f64) -> One<i64> = "SELECT pg_backend_pid()::bigint FROM pg_sleep($1)", sqlite "SELECT $1";
}

fn lanes(db: &Db) -> PoolState {
    db.pools().pool("lanes").unwrap().clone()
}

fn checkout(db: &Db) -> PoolState {
    db.pools().pool("checkout").unwrap().clone()
}

fn open(pool: &PoolState) -> usize {
    pool.used + pool.idle
}

/// Looks again and again; answers how long it took.
async fn until(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LONG, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
}

/// Callers that ask without a pause until the end, and how many answers they got.
async fn under_load<T>(
    session: &Session,
    callers: usize,
    work: impl Future<Output = T>,
) -> (u64, T) {
    let stop = AtomicBool::new(false);
    let answers = AtomicU64::new(0);
    let load = join_all((0..callers).map(async |_| {
        while !stop.load(Ordering::Relaxed) {
            session.run(&DOZE, (0.001,)).await.unwrap();
            answers.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let ending = async {
        let value = work.await;
        stop.store(true, Ordering::Relaxed);
        value
    };
    let (_, value) = timeout(LONG, async { tokio::join!(load, ending) })
        .await
        .unwrap();
    (answers.into_inner(), value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_open_under_load_and_close_when_it_is_over() {
    let db = TestDb::postgres_with(|c| {
        c.postgres.lanes = 4;
        c.postgres.lanes_min = 1;
        c.postgres.lanes_idle = Duration::from_millis(300);
        // What is lost is to be seen.
        c.postgres.retry_reads = false;
        c.postgres.slow_apart = Duration::ZERO;
    })
    .await;
    let session = db.session();
    session.run(&COUNT, ()).await.unwrap();
    assert_eq!(
        (open(&lanes(&db.db)), lanes(&db.db).min, lanes(&db.db).max),
        (1, 1, 4)
    );
    let grown = until("the fourth lane", || open(&lanes(&db.db)) == 4);
    let (answers, _) = under_load(&session, 64, grown).await;
    assert!(answers > 0);
    // A single caller keeps asking while the lanes close: each of its statements is answered.
    let shrunk = until("the last lane", || open(&lanes(&db.db)) == 1);
    let (answers, _) = under_load(&session, 1, shrunk).await;
    assert!(answers > 0);
    until("the end of the others", || lanes(&db.db).retired == 3).await;
    assert_eq!(lanes(&db.db).dead, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_that_may_not_grow_do_not() {
    let db = TestDb::postgres_with(|c| {
        c.postgres.lanes = 2;
        c.postgres.slow_apart = Duration::ZERO;
    })
    .await;
    let session = db.session();
    // As many looks as the third lane would take several times over.
    let enough = tokio::time::sleep(Duration::from_secs(1));
    under_load(&session, 64, enough).await;
    assert_eq!(open(&lanes(&db.db)), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_renewed_under_load_and_no_statement_is_lost() {
    let db = TestDb::postgres_with(|c| {
        c.postgres.lanes = 2;
        c.postgres.max_age = Duration::from_millis(200);
        c.postgres.retry_reads = false;
        c.postgres.slow_apart = Duration::ZERO;
    })
    .await;
    let session = db.session();
    let renewed = async {
        while lanes(&db.db).retired < 6 || checkout(&db.db).retired < 3 {
            let inside = session
                .transaction(async |s: Session| s.run(&COUNT, ()).await)
                .await;
            inside.unwrap();
        }
    };
    under_load(&session, 8, renewed).await;
    assert!(open(&lanes(&db.db)) <= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_the_pool_that_nobody_uses_are_closed() {
    let db = TestDb::postgres_with(|c| c.postgres.idle_close = Duration::from_millis(300)).await;
    let session = db.session();
    let four = join_all(
        (0..4).map(|_| session.transaction(async |s: Session| s.run(&DOZE, (0.1,)).await)),
    );
    assert!(four.await.iter().all(Result::is_ok));
    assert_eq!((open(&checkout(&db.db)), checkout(&db.db).max), (4, 4));
    until("the end of the last one", || open(&checkout(&db.db)) == 0).await;
    session
        .transaction(async |s: Session| s.run(&COUNT, ()).await)
        .await
        .unwrap();
}

struct Silent {
    db: Db,
    proxy: Proxy,
    _database: Database,
}

/// A database whose idle connections have just gone silent.
async fn silent(idle_ping: Duration) -> Silent {
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let mut config = DbConfig::new(url);
    config.capture = brisk_db::Capture::Off;
    config.postgres.lanes = 1;
    config.postgres.connect_wait = Duration::from_millis(300);
    config.postgres.idle_ping = idle_ping;
    let db = Db::open(config).await.unwrap();
    let session = session(&db);
    let begun = session.transaction(async |s: Session| s.run(&DOZE, (0.0,)).await);
    begun.await.unwrap();
    until("the lane", || open(&lanes(&db)) == 1).await;
    proxy.set(Mode::Stall).await.unwrap();
    Silent {
        db,
        proxy,
        _database: database,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_that_died_silently_is_found_before_a_caller_meets_it() {
    let on = silent(Duration::from_millis(200)).await;
    let found = || lanes(&on.db).dead > 0 && checkout(&on.db).dead > 0;
    let took = until("the death of both", found).await;
    until("the end of the others", || open(&checkout(&on.db)) == 0).await;
    on.proxy.set(Mode::Pass).await.unwrap();
    let away = until("the new lane", || open(&lanes(&on.db)) == 1);
    away.await;
    // Without it they pass for alive for as long, and for longer.
    let off = silent(Duration::ZERO).await;
    tokio::time::sleep(took).await;
    assert_eq!(open(&lanes(&off.db)), 1);
    assert!(open(&checkout(&off.db)) > 0);
    assert_eq!((lanes(&off.db).dead, checkout(&off.db).dead), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_to_its_share_of_the_server() {
    let database = Postgres::shared().database().unwrap();
    let node = async |nodes, lanes, pool| {
        let mut config = DbConfig::new(database.url());
        config.postgres.nodes = nodes;
        config.postgres.lanes = lanes;
        config.postgres.pool = pool;
        let db = Db::open(config).await.unwrap();
        (db.fits().await, db)
    };
    // The server of the tests takes 400 connections, 3 of them reserved, and 3 are left to whoever looks after it.
    let (fits, db) = node(60, 0, 0).await;
    fits.unwrap();
    let server = db.pools().server.unwrap();
    assert!(
        server.share >= 5 && server.needed <= server.share,
        "{server:?}"
    );
    assert!(lanes(&db).max + checkout(&db).max + 2 <= server.share);
    let (fits, db) = node(60, 8, 8).await;
    let refused = fits.unwrap_err();
    assert!(
        matches!(refused, Error::TooManyConnections { needed: 18, .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("database.nodes"), "{refused}");
    assert_eq!((lanes(&db).max, checkout(&db).max), (8, 8));
    let (fits, _) = node(1, 8, 8).await;
    fits.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_stand_under_their_usual_names() {
    let prometheus = Prometheus::install().unwrap();
    let db = TestDb::postgres_with(|c| {
        c.postgres.pool = 1;
        c.wait = Duration::from_millis(50);
    })
    .await;
    let perf = PerfStats::new(&TelemetryConfig::default(), brisk_core::Clock::system());
    db.db.measure(std::sync::Arc::clone(&perf));
    let shown = perf.snapshot().pools.unwrap();
    assert_eq!(shown["pools"][1]["name"], "checkout");
    assert_eq!(shown["pools"][1]["max"], 1);
    let session = db.session();
    let two = join_all(
        (0..2).map(|_| session.transaction(async |s: Session| s.run(&DOZE, (0.5,)).await)),
    );
    let refused = two.await.into_iter().filter(Result::is_err).count();
    assert_eq!((refused, checkout(&db.db).timeouts), (1, 1));
    let has_all = || {
        let text = prometheus.render();
        let pool = "db_client_connection_pool_name=\"checkout\"";
        [
            format!("db_client_connection_count{{{pool},db_client_connection_state=\"idle\"}}"),
            format!("db_client_connection_max{{{pool}}}"),
            format!("db_client_connection_idle_max{{{pool}}}"),
            format!("db_client_connection_idle_min{{{pool}}}"),
            format!("db_client_connection_pending_requests{{{pool}}}"),
            format!("db_client_connection_timeouts_total{{{pool}}}"),
            format!("db_client_connection_create_time_seconds_count{{{pool}}}"),
            format!("db_client_connection_wait_time_seconds_count{{{pool}}}"),
            format!("db_client_connection_use_time_seconds_count{{{pool}}}"),
            "db_client_connection_count{db_client_connection_pool_name=\"lanes\"".to_owned(),
            "db_pool_connections_in_use ".to_owned(),
            "db_pool_connections_available ".to_owned(),
            "db_pool_max_connections ".to_owned(),
            "db_pool_exhausted_total ".to_owned(),
        ]
        .into_iter()
        .all(|line| text.contains(&line))
    };
    until("each name", has_all).await;
}
