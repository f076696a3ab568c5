//! The link to the stream is lost and comes back; the database is not the one it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::TenantId;
use brisk_db::{Cell, Db, DbConfig, Error, Event, ResetReason, Session, Standing, What};
use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::Postgres;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::world::*;
use crate::harness::{LONG, TestDb};

const ONE: TenantId = TenantId(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_link_is_known_within_the_watchdog_and_ends_with_a_reset() {
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    db.migrate(&[CAPTURED]).await.unwrap();
    let stream = db.changes();
    assert_eq!(stream.standing(), Standing::Off);
    let mut events = stream.subscribe();
    trusted(&mut events).await;
    assert!(stream.is_trusted());
    for mode in [Mode::Stall, Mode::Refuse] {
        proxy.set(mode).await.unwrap();
        let cut = Instant::now();
        loop {
            match next(&mut events).await {
                Event::Lost => break,
                Event::Reset(ResetReason::Connected) | Event::Trusted => {}
                other => panic!("{other:?}"),
            }
        }
        let took = cut.elapsed();
        assert!(took < Duration::from_millis(1_500), "{mode:?}: {took:?}");
        assert!(!stream.is_trusted());
        assert!(matches!(stream.standing(), Standing::Lost { .. }));
        // What is written meanwhile is covered by the reset.
        database
            .psql(&[
                "INSERT INTO items (id, tenant_id) SELECT coalesce(max(id), 0) + 1, 1 FROM items",
            ])
            .unwrap();
        proxy.set(Mode::Pass).await.unwrap();
        assert!(matches!(
            next(&mut events).await,
            Event::Reset(ResetReason::Connected)
        ));
        assert!(matches!(next(&mut events).await, Event::Trusted));
        assert!(stream.is_trusted());
        database
            .psql(&["UPDATE items SET status = 'x' WHERE id = 1"])
            .unwrap();
        let told = commit(&mut events).await;
        assert!(
            told[0].starts_with("items 1: 1 ") && told[0].ends_with(" -> x"),
            "{told:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_connection_costs_a_reset_and_no_trust() {
    let db = TestDb::postgres().await;
    let session = captured(&db).await;
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    assert!(db.server().disconnect_all().unwrap() >= 1);
    assert!(matches!(
        next(&mut events).await,
        Event::Reset(ResetReason::Connected)
    ));
    session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
    assert_eq!(commit(&mut events).await, ["items 1: 1 () -> a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_that_somebody_touches_are_noticed() {
    let db = TestDb::postgres().await;
    captured(&db).await;
    let stream = db.db.changes();
    let mut events = stream.subscribe();
    trusted(&mut events).await;
    // As a restore does that drops and makes what it restores.
    foreign(
        &db,
        "ALTER TABLE items DISABLE TRIGGER brisk_capture_items_update; UPDATE items SET n = 1",
    );
    assert!(matches!(next(&mut events).await, Event::Lost));
    assert!(!stream.is_trusted());
    foreign(
        &db,
        "ALTER TABLE items ENABLE ALWAYS TRIGGER brisk_capture_items_update",
    );
    assert!(matches!(next(&mut events).await, Event::Reset(_)));
    assert!(matches!(next(&mut events).await, Event::Trusted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_role_does_not_hide_changes() {
    let db = TestDb::postgres().await;
    captured(&db).await;
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    foreign(
        &db,
        "SET session_replication_role = replica; INSERT INTO items (id, tenant_id, status) VALUES (1, 1, 'a')",
    );
    assert_eq!(commit(&mut events).await, ["items 1: 1 () -> a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_made_anew_is_another_one() {
    let db = TestDb::postgres().await;
    captured(&db).await;
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    foreign(
        &db,
        "BEGIN; ALTER TABLE brisk_outbox RENAME TO gone; CREATE TABLE brisk_outbox (LIKE gone INCLUDING DEFAULTS); COMMIT",
    );
    assert!(matches!(
        next(&mut events).await,
        Event::Reset(ResetReason::Restored)
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_restored_dump_are_not_told_again_and_again() {
    let db = TestDb::postgres().await;
    let session = captured(&db).await;
    // Of a server that had seen many more transactions than this one.
    foreign(
        &db,
        "INSERT INTO brisk_outbox (xid, slot, table_name, op) VALUES ('1000000000000', 0, 'items', 'T')",
    );
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
    session.run(&SET, (1, "b".to_owned())).await.unwrap();
    assert_eq!(commit(&mut events).await, ["items 1: 1 () -> a"]);
    assert_eq!(commit(&mut events).await, ["items 1: 1 a -> b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_write_the_table_needs_no_right_to_the_outbox() {
    let db = TestDb::postgres().await;
    captured(&db).await;
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    let role = db.server().name().replace("brisk_test_", "brisk_role_");
    foreign(
        &db,
        &format!(
            "CREATE ROLE {role}; GRANT INSERT ON items TO {role}; SET ROLE {role};
             CREATE TEMP TABLE brisk_outbox (id int);
             INSERT INTO items (id, tenant_id, status) VALUES (1, 1, 'a'); RESET ROLE;
             DROP OWNED BY {role}; DROP ROLE {role}"
        ),
    );
    assert_eq!(commit(&mut events).await, ["items 1: 1 () -> a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_of_an_older_transaction_is_told() {
    let db = TestDb::postgres().await;
    let session = captured(&db).await;
    session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
    session.run(&ADD, (2, ONE, "a".to_owned())).await.unwrap();
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    let (begun, may_commit) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let older = {
        let (session, begun) = (session.clone(), Arc::clone(&begun));
        let may_commit = Arc::clone(&may_commit);
        tokio::spawn(async move {
            session
                .transaction(|s: Session| {
                    let (begun, may_commit) = (Arc::clone(&begun), Arc::clone(&may_commit));
                    async move {
                        s.run(&SET, (1, "late".to_owned())).await?;
                        begun.notify_one();
                        may_commit.notified().await;
                        Ok::<_, Error>(())
                    }
                })
                .await
        })
    };
    begun.notified().await;
    session.run(&SET, (2, "early".to_owned())).await.unwrap();
    // Told at once, although an older transaction is open.
    assert_eq!(commit(&mut events).await, ["items 1: 2 a -> early"]);
    may_commit.notify_one();
    older.await.unwrap().unwrap();
    assert_eq!(commit(&mut events).await, ["items 1: 1 a -> late"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writer_of_sqlite_follows_a_schema_that_another_program_changes() {
    let db = TestDb::sqlite().await;
    let session = captured(&db).await;
    session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    // The table is made anew and has one column more.
    foreign(
        &db,
        "PRAGMA foreign_keys = OFF; BEGIN;
         CREATE TABLE newer (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, status TEXT, more TEXT DEFAULT 'x') STRICT;
         INSERT INTO newer (id, tenant_id, status) SELECT id, tenant_id, status FROM items;
         DROP TABLE items; ALTER TABLE newer RENAME TO items;
         UPDATE brisk_captured SET columns = 'status, more' WHERE table_name = 'items'; COMMIT",
    );
    // The first who writes after it is undone, and with it the triggers that its transaction made.
    let undone: Result<(), Error> = session
        .transaction(async |s: Session| {
            s.run(&SET, (1, "undone".to_owned())).await?;
            Err(Error::Cursor)
        })
        .await;
    assert!(matches!(undone, Err(Error::Cursor)), "{undone:?}");
    session.run(&SET, (1, "b".to_owned())).await.unwrap();
    loop {
        let Event::Committed(commit) = next(&mut events).await else {
            continue;
        };
        if let What::Row { new: Some(new), .. } = &commit.changes[0].what {
            assert_eq!(shown(&commit.changes[0]), "items 1: 1 a -> b");
            assert_eq!(new.get("more").and_then(Cell::as_text), Some("x"));
            break;
        }
    }
    // What cannot be captured any more is not trusted, and does not keep anybody from writing.
    foreign(&db, "ALTER TABLE items DROP COLUMN more");
    session.run(&SET, (1, "c".to_owned())).await.unwrap();
    while !matches!(next(&mut events).await, Event::Lost) {}
    session.run(&SET, (1, "d".to_owned())).await.unwrap();
    foreign(
        &db,
        "UPDATE brisk_captured SET columns = 'status' WHERE table_name = 'items'; ALTER TABLE items ADD COLUMN z TEXT",
    );
    trusted(&mut events).await;
    session.run(&SET, (1, "e".to_owned())).await.unwrap();
    while commit(&mut events).await != ["items 1: 1 d -> e"] {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_after_a_failure_is_told() {
    let db = TestDb::sqlite().await;
    let session = captured(&db).await;
    session.run(&ADD, (2, ONE, "a".to_owned())).await.unwrap();
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    // Row 1 stays although row 2 fails the statement.
    session.run(&ADD_OR_FAIL, ()).await.unwrap_err();
    assert_eq!(numbers(&session).await.len(), 2);
    assert_eq!(commit(&mut events).await, ["items 1: many"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_trusted() {
    for db in [TestDb::sqlite().await, TestDb::postgres().await] {
        captured(&db).await;
        let stream = db.db.changes();
        let mut events = stream.subscribe();
        trusted(&mut events).await;
        let quiet = timeout(Duration::from_millis(2_500), events.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        assert!(stream.is_trusted());
        let began = Instant::now();
        db.db.close().await;
        assert!(began.elapsed() < LONG);
    }
}
