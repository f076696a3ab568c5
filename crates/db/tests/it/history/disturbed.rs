//! PostgreSQL, with everything that may happen to it and to the way there.

use brisk_testkit::chance::{Seed, is_full};
use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_db::{Db, DbConfig};
use tokio::time::sleep;

use super::callers::{CALLERS, Crowd};
use super::check::check;
use super::world::furnish;
use crate::disturb::{Disturbed, deck};

const POOL: usize = 8;
const LANES: usize = 4;

/// The promise.
const RECOVERY: Duration = Duration::from_secs(2);

/// Every kind of fault so many times.
fn decks() -> usize {
    if is_full() { 20 } else { 1 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_on_postgres_loses_or_doubles_anything() {
    let seed = Seed::draw();
    let world = Disturbed::start().await;
    let mut config = DbConfig::new(&world.url);
    config.postgres.pool = POOL;
    config.postgres.lanes = LANES;
    config.postgres.connect_wait = Duration::from_millis(500);
    let db = Db::open(config).await.unwrap();
    furnish(&db, CALLERS).await;

    let mut crowd = Crowd::start(&db, &seed, 0, Arc::default());
    let book = Arc::clone(&crowd.book);
    let faults = async {
        let mut rng = seed.rng(0);
        for fault in (0..decks())
            .flat_map(|_| deck(&mut rng))
            .collect::<Vec<_>>()
        {
            world.apply(fault).await;
            if let Err(why) = book.recovery(RECOVERY).await {
                panic!("{fault:?}: {why}");
            }
            sleep(Duration::from_millis(rng.u64(0..300))).await;
        }
    };
    tokio::select! {
        () = faults => {}
        () = crowd.complaint() => unreachable!("they go on"),
    }
    let went_well = crowd.end().await;
    world.calm().await;
    nothing_is_left_open(&world).await;
    db.close().await;
    // A statement whose caller left may still be under way.
    wait_for(&world, "0|0").await;

    let fresh = Db::open(DbConfig::new(world.database.url())).await.unwrap();
    let done = check(&fresh, &book.ops()).await;
    assert!(
        went_well > 500 && done > 200,
        "{went_well} calls, {done} writes"
    );
}

/// Our connections, and those of them that are in a transaction.
async fn connections(world: &Disturbed) -> String {
    let name = world.database.name();
    world
        .psql(format!(
            "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%') FROM pg_stat_activity
             WHERE application_name = 'brisk' AND datname = '{name}'"
        ))
        .await
}

async fn nothing_is_left_open(world: &Disturbed) {
    let began = Instant::now();
    loop {
        let found = connections(world).await;
        let (all, idle) = found.split_once('|').unwrap();
        let all: usize = all.parse().unwrap();
        if all <= POOL + LANES && idle == "0" {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{all} connections, {idle} of them idle in a transaction"
        );
    }
}

async fn wait_for(world: &Disturbed, expected: &str) {
    let began = Instant::now();
    loop {
        let found = connections(world).await;
        if found == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{found}");
    }
}
