//! The checker's writers and listeners, with everything that may happen to PostgreSQL and to the way there.

use brisk_testkit::chance::{Seed, is_full};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_core::Deadline;
use brisk_db::{Db, DbConfig, Error, Session};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::checker::{LATE, commits, listen, patience, seed, write};
use super::world::*;
use crate::disturb::{Disturbed, deck};
use crate::harness::session;

/// Longer than any transaction here. What a half-open connection has begun lives, with its locks, for so long.
const HOLD: Duration = Duration::from_secs(3);

async fn node(url: &str) -> Db {
    let mut config = DbConfig::new(url);
    config.postgres.pool = 16;
    config.postgres.connect_wait = Duration::from_millis(500);
    config.transaction_hold = HOLD;
    Db::open(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_missed_whatever_happens_to_postgres() {
    let chance = Seed::draw();
    let world = Disturbed::start().await;
    let db = node(&world.url).await;
    db.migrate(&[CAPTURED]).await.unwrap();
    // Another node, whose way to the server is good; a restart concerns it too.
    let straight = node(&world.database.url()).await;
    seed(&session(&straight)).await;
    let listeners = [&straight, &db].map(|db| {
        let done = Arc::new(Notify::new());
        let events = db.changes().subscribe();
        let listening = listen(events, session(&straight), Arc::clone(&done));
        (done, tokio::spawn(listening))
    });
    for db in [&straight, &db] {
        while !db.changes().is_trusted() {
            sleep(Duration::from_millis(5)).await;
        }
    }
    let faults = async {
        let mut rng = chance.rng(0);
        loop {
            for fault in deck(&mut rng) {
                world.apply(fault).await;
                sleep(Duration::from_millis(rng.u64(200..1_200))).await;
            }
            // Most of the hundred thousand are committed between the faults.
            sleep(Duration::from_secs(if is_full() { 6 } else { 0 })).await;
        }
    };
    let late = AtomicU64::new(0);
    // Each of them sees many others begin and commit, and some a fault.
    let long = async {
        let session = session(&straight);
        loop {
            let bumped = session
                .transaction(async |s: Session| {
                    s.run(&BUMP, (LATE, "late".to_owned())).await?;
                    sleep(HOLD / 8).await;
                    s.run(&BUMP, (LATE, "later".to_owned())).await
                })
                .await;
            match bumped {
                Ok(_) => drop(late.fetch_add(1, Ordering::Relaxed)),
                Err(Error::Unavailable { .. } | Error::Timeout { .. }) => {}
                Err(e) => panic!("{e:?}"),
            }
        }
    };
    // A restart takes a second, in which nobody commits.
    let enough = if is_full() { commits() } else { commits() / 6 };
    let enough_and_late = async {
        let done = write(&db, enough, Duration::from_millis(1)).await;
        while late.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(20)).await;
        }
        done
    };
    let written = async {
        tokio::select! {
            done = enough_and_late => done,
            () = faults => unreachable!("it goes on"),
            () = long => unreachable!("it goes on"),
        }
    };
    let written = timeout(patience(), written).await.unwrap();
    // Nothing is under way any more, and nothing half open.
    world.calm().await;
    let name = world.database.name();
    let open = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
         AND query NOT LIKE '%brisk_outbox%'"
    );
    timeout(HOLD * 2, async { while world.psql(&open).await != "0" {} })
        .await
        .unwrap();
    let position = session(&straight).position().await.unwrap();
    for db in [&straight, &db] {
        let stream = db.changes();
        let reached = stream.reached(&position, Deadline::after(patience()));
        reached.await.unwrap();
    }
    let stored = numbers(&session(&straight)).await;
    for (done, listener) in listeners {
        done.notify_one();
        let heard = listener.await.unwrap();
        let told = heard.check(&stored);
        assert!(heard.resets > 0 && told > 0, "{} resets", heard.resets);
        let undone = heard.marks.iter().any(|mark| mark.starts_with('u'));
        assert!(!undone, "an undone change was told");
    }
    let late = late.into_inner();
    assert!(
        written >= enough && late > 0,
        "{written} commits, {late} late ones"
    );
}
