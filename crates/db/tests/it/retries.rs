//! A read that was lost on the way is asked once more; a write is not.

use std::time::{Duration, Instant};

use brisk_db::{Capture, Db, DbConfig, Error, One, statements};
use brisk_testkit::faults::Proxy;
use brisk_testkit::servers::{Database, Postgres};

use crate::harness::{LONG, SCHEMA, session};

statements! {
    prefix "test.retries";

    /// PostgreSQL only.
    READ(seconds: f64) -> One<i64> = "SELECT 7 FROM pg_sleep($1)", sqlite "SELECT $1";

    /// PostgreSQL only.
    WRITE(seconds: f64) -> One<i64>
        = "INSERT INTO owners (id, email, age) SELECT nextval('ids'), 'x' || nextval('ids'), 1 FROM pg_sleep($1)
           RETURNING id",
        sqlite "SELECT $1";
}

struct Cut {
    db: Db,
    proxy: Proxy,
    database: Database,
}

async fn behind_a_proxy(retry_reads: bool) -> Cut {
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let mut config = DbConfig::new(url);
    config.capture = Capture::Off;
    config.postgres.lanes = 2;
    config.postgres.retry_reads = retry_reads;
    let db = Db::open(config).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    database.psql(&["CREATE SEQUENCE ids"]).unwrap();
    Cut {
        db,
        proxy,
        database,
    }
}

impl Cut {
    /// Cuts all connections while the server is at a statement that sleeps.
    async fn mid_statement(&self) {
        let asleep = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'";
        let began = Instant::now();
        while self.database.psql(&[asleep]).unwrap() == "0" {
            assert!(began.elapsed() < LONG);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.proxy.cut().await.unwrap();
    }

    async fn read(&self) -> Result<i64, Error> {
        let session = session(&self.db);
        tokio::join!(session.run(&READ, (0.5,)), self.mid_statement()).0
    }

    async fn write(&self) -> Result<i64, Error> {
        let session = session(&self.db);
        tokio::join!(session.run(&WRITE, (0.5,)), self.mid_statement()).0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_was_cut_is_asked_once_more_where_that_is_on() {
    let on = behind_a_proxy(true).await;
    assert_eq!(on.read().await.unwrap(), 7);
    let off = behind_a_proxy(false).await;
    let lost = off.read().await;
    assert!(matches!(lost, Err(Error::Unavailable { .. })), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_cut_is_never_sent_twice() {
    let on = behind_a_proxy(true).await;
    let lost = on.write().await;
    assert!(matches!(lost, Err(Error::Unavailable { .. })), "{lost:?}");
    let session = session(&on.db);
    assert!(session.run(&READ, (0.6,)).await.is_ok());
    let rows = on.database.psql(&["SELECT count(*) <= 1 FROM owners"]);
    assert_eq!(rows.unwrap(), "t");
}
