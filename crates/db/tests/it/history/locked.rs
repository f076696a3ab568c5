//! A SQLite file that another program keeps locking.

use std::sync::Arc;
use std::time::Duration;

use brisk_db::{Db, DbConfig};
use brisk_testkit::chance::{Seed, is_full};
use brisk_testkit::files::SqliteFile;
use rusqlite::Connection;

use super::callers::{CALLERS, Crowd};
use super::check::check;
use super::world::furnish;

const RECOVERY: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lock_of_another_program_loses_or_doubles_anything() {
    let seed = Seed::draw();
    let file = SqliteFile::new().unwrap();
    let mut config = DbConfig::new(file.url());
    config.sqlite.busy_timeout = Duration::from_millis(200);
    let db = Db::open(config).await.unwrap();
    furnish(&db, CALLERS).await;

    let mut crowd = Crowd::start(&db, &seed, 0, Arc::default());
    let book = Arc::clone(&crowd.book);
    let locks = async {
        let mut rng = seed.rng(0);
        for _ in 0..if is_full() { 200 } else { 8 } {
            let (path, exclusive) = (file.path().clone(), rng.bool());
            let span = Duration::from_millis(rng.u64(20..800));
            let held = tokio::task::spawn_blocking(move || lock(&path, exclusive, span));
            held.await.unwrap();
            if let Err(why) = book.recovery(RECOVERY).await {
                panic!("locked for {span:?}, exclusively: {exclusive}: {why}");
            }
        }
    };
    tokio::select! {
        () = locks => {}
        () = crowd.complaint() => unreachable!("they go on"),
    }
    let went_well = crowd.end().await;
    db.close().await;
    let fresh = Db::open(DbConfig::new(file.url())).await.unwrap();
    let done = check(&fresh, &book.ops()).await;
    assert!(
        went_well > 500 && done > 200,
        "{went_well} calls, {done} writes"
    );
}

/// What another program does that takes its time: it writes something of its own, in one transaction.
fn lock(path: &std::path::Path, exclusive: bool, span: Duration) {
    let conn = Connection::open(path).unwrap();
    // It asks now and then while our writer asks all the time, so it may have to be patient.
    conn.busy_timeout(Duration::from_mins(1)).unwrap();
    let kind = if exclusive { "EXCLUSIVE" } else { "IMMEDIATE" };
    conn.execute_batch(&format!(
        "BEGIN {kind}; CREATE TABLE IF NOT EXISTS others (n); INSERT INTO others VALUES (1)"
    ))
    .unwrap();
    std::thread::sleep(span);
    conn.execute_batch("COMMIT").unwrap();
}
