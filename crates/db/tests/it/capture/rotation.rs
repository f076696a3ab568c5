//! The outbox stays small, also while an old transaction is open.

use std::time::{Duration, Instant};

use brisk_core::TenantId;
use brisk_db::{Event, ResetReason};
use brisk_testkit::servers::Database;

use super::world::*;
use crate::harness::{LONG, TestDb};

/// Everything that the outbox takes on the disk.
fn bytes(server: &Database) -> u64 {
    let sum =
        "SELECT sum(pg_total_relation_size('brisk_outbox_' || n)) FROM generate_series(0, 3) n";
    server.psql(&[sum]).unwrap().parse().unwrap()
}

/// Parts with nothing but a page or two for each of their files.
fn empty_parts(server: &Database) -> u64 {
    let count = "SELECT count(*) FROM generate_series(0, 3) n WHERE pg_total_relation_size('brisk_outbox_' || n) <= 65536";
    server.psql(&[count]).unwrap().parse().unwrap()
}

fn current_part(server: &Database) -> u64 {
    let last = "SELECT last_value FROM brisk_outbox_slot";
    server.psql(&[last]).unwrap().parse().unwrap()
}

/// Writes about 9 MB into the outbox, each change a commit of its own.
fn fill(server: &Database, turn: i64) {
    let first = 1_000_000 * (turn + 1);
    server
        .psql(&[
            "SET synchronous_commit = off",
            &format!(
                "DO $$ BEGIN FOR i IN 1..30000 LOOP
                   INSERT INTO items (id, tenant_id) VALUES ({first} + i, 1); COMMIT;
                 END LOOP; END $$"
            ),
        ])
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outbox_is_emptied_while_old_transactions_are_open() {
    let db = TestDb::postgres_with(|c| c.transaction_hold = Duration::from_mins(2)).await;
    let session = captured(&db).await;
    session
        .run(&ADD, (1, TenantId(1), "a".to_owned()))
        .await
        .unwrap();
    session
        .run(&ADD, (2, TenantId(1), "a".to_owned()))
        .await
        .unwrap();
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    let server = db.server();
    // One has seen a state from before, the other has written into the part that is in use.
    let (reader, _ended) = connect(&db.url).await;
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM items")
        .await
        .unwrap();
    let (writer, _ended) = connect(&db.url).await;
    writer
        .batch_execute("BEGIN; UPDATE items SET n = n + 1 WHERE id = 2")
        .await
        .unwrap();
    let mut largest = 0;
    for turn in 0..3 {
        fill(server, turn);
        largest = bytes(server).max(largest);
        // The first part stays, with the old writer's row in it, and one is in use; the others are emptied.
        let began = Instant::now();
        while (current_part(server) == 0 || empty_parts(server) < 2) && began.elapsed() < LONG {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    assert!(largest < 40 << 20, "{largest} bytes");
    assert!(empty_parts(server) >= 2 && current_part(server) != 0);
    // Nobody took events while the outbox was filled, so that this subscriber has lost track; from then on it has not.
    while !matches!(next(&mut events).await, Event::Reset(ResetReason::Slow)) {}
    writer.batch_execute("COMMIT").await.unwrap();
    reader.batch_execute("COMMIT").await.unwrap();
    assert_eq!(commit(&mut events).await, ["items 1: 2 a -> a"]);
}

async fn connect(url: &str) -> (tokio_postgres::Client, tokio::task::JoinHandle<()>) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    (client, tokio::spawn(async move { drop(connection.await) }))
}
