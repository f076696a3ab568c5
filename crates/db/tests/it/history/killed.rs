//! `kill -9` of a process whose 200 callers share commits on a SQLite file.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use brisk_db::{Db, DbConfig};
use brisk_testkit::chance::{Seed, is_full};
use brisk_testkit::files::SqliteFile;

use super::book::Book;
use super::callers::{CALLERS, Crowd};
use super::check::check;
use super::world::furnish;

/// Names the database that the child uses, and which run on it this is; the child is the same test with it.
const CHILD: &str = "BRISK_DB_TEST_HISTORY";

/// Has the crowd write and say so until it is killed.
async fn write(told: &str) {
    let (run, url) = told.split_once(' ').unwrap();
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    let seed = Seed::draw();
    let mut crowd = Crowd::start(
        &db,
        &seed,
        run.parse().unwrap(),
        Arc::new(Book::read_aloud()),
    );
    crowd.complaint().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_or_doubles_anything_on_sqlite() {
    if let Ok(told) = std::env::var(CHILD) {
        return write(&told).await;
    }
    let seed = Seed::draw();
    let mut rng = seed.rng(0);
    let file = SqliteFile::new().unwrap();
    let open = async || Db::open(DbConfig::new(file.url())).await.unwrap();
    let db = open().await;
    furnish(&db, CALLERS).await;
    db.close().await;
    let book = Book::default();
    for run in 0..if is_full() { 40 } else { 3 } {
        let first = book.len();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "history::killed::no_kill_loses_or_doubles_anything_on_sqlite",
                "--exact",
                "--nocapture",
            ])
            .env(CHILD, format!("{run} {}", file.url()))
            .env("BRISK_TEST_SEED", rng.u64(..).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let enough = first + rng.usize(600..2_500);
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            book.copy(&line.unwrap(), first);
            // The rest of the loop reads what it said before it died.
            if book.len() == enough {
                child.kill().unwrap();
            }
        }
        let ended = child.wait().unwrap();
        assert_eq!(ended.code(), None, "it ended by itself, in run {run}");
        let db = open().await;
        let done = check(&db, &book.ops()).await;
        assert!(done > first / 4, "{done} of {}", book.len());
        db.close().await;
    }
}
