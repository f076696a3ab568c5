//! What was acknowledged is there after `kill -9`.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use brisk_db::{Db, DbConfig};
use brisk_testkit::files::SqliteFile;
use futures::stream::{FuturesUnordered, StreamExt as _};

use crate::harness::{OWNERS, SCHEMA, add, session};

/// Names the database that the writing child uses; the child is the same test with it.
const CHILD: &str = "BRISK_DB_TEST_CHILD";

/// Writes and says so until it is killed.
async fn acknowledge(url: &str) {
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    let session = session(&db);
    let write = |id: i64| {
        let session = session.clone();
        async move {
            add(&session, id).await.unwrap();
            id
        }
    };
    let mut next = 32;
    let mut under_way: FuturesUnordered<_> = (0..next).map(write).collect();
    let mut out = std::io::stdout();
    while let Some(id) = under_way.next().await {
        writeln!(out, "\nack {id}").unwrap();
        out.flush().unwrap();
        under_way.push(write(next));
        next += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    if let Ok(url) = std::env::var(CHILD) {
        return acknowledge(&url).await;
    }
    let file = SqliteFile::new().unwrap();
    let mut acknowledged = HashSet::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "durability::what_was_acknowledged_survives_a_kill",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, file.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        let Ok(line) = line else { break };
        if let Some(id) = line
            .strip_prefix("ack ")
            .and_then(|id| id.parse::<i64>().ok())
        {
            acknowledged.insert(id);
        }
        // The rest of the loop reads what it wrote before it died.
        if acknowledged.len() == 500 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 500, "{}", acknowledged.len());
    let db = Db::open(DbConfig::new(file.url())).await.unwrap();
    let stored: HashSet<i64> = session(&db)
        .run(&OWNERS, ())
        .await
        .unwrap()
        .into_iter()
        .collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{lost:?}");
    add(&session(&db), -1).await.unwrap();
}
