use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

use brisk_testkit::servers::{Durability, Error, Postgres, Stop};

#[test]
fn a_table_of_one_database_does_not_exist_in_the_next() {
    let server = Postgres::shared();
    let one = server.database().unwrap();
    let other = server.database().unwrap();
    one.psql(&[
        "CREATE TABLE things (id int)",
        "INSERT INTO things VALUES (7)",
    ])
    .unwrap();
    assert_eq!(one.psql(&["SELECT id FROM things"]).unwrap(), "7");
    let refused = other.psql(&["SELECT id FROM things"]).unwrap_err();
    assert!(refused.to_string().contains("does not exist"), "{refused}");
}

#[test]
fn a_server_comes_back_after_a_stop_and_after_a_crash_with_what_it_had_committed() {
    let server = Postgres::start(Durability::Scratch).unwrap();
    let database = server.database().unwrap();
    database.psql(&["CREATE TABLE things (id int)"]).unwrap();
    for (round, stop) in [Stop::Immediate, Stop::Fast, Stop::Immediate]
        .into_iter()
        .enumerate()
    {
        database.psql(&["INSERT INTO things VALUES (1)"]).unwrap();
        let before = server.pid();
        server.restart(stop).unwrap();
        assert_ne!(server.pid(), before);
        let stored = database.psql(&["SELECT count(*) FROM things"]).unwrap();
        assert_eq!(stored, (round + 1).to_string());
    }
    let somebody_else = Postgres::at(&server.url()).unwrap();
    assert!(somebody_else.restart(Stop::Fast).is_err());
}

#[test]
fn a_dropped_database_is_gone_although_somebody_is_connected() {
    let server = Postgres::shared();
    let watcher = server.database().unwrap();
    let database = server.database().unwrap();
    let exists = format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{}'",
        database.name()
    );
    assert_eq!(watcher.psql(&[&exists]).unwrap(), "1");
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            Postgres::at(&database.url())
                .unwrap()
                .url()
                .pipe_to_psql("SELECT pg_sleep(60)")
        });
        let connected = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()",
            database.name()
        );
        while watcher.psql(&[&connected]).unwrap() == "0" {}
        assert_eq!(database.disconnect_all().unwrap(), 1);
        assert!(!sleeper.join().unwrap());
    });
    drop(database);
    assert_eq!(watcher.psql(&[&exists]).unwrap(), "0");
}

#[tokio::test]
async fn a_template_is_filled_once_and_every_copy_holds_what_was_filled() {
    let server = Postgres::shared();
    let fills = AtomicU32::new(0);
    let key = format!("copies {}", std::process::id());
    let fill = async |url: String| {
        fills.fetch_add(1, Ordering::Relaxed);
        assert!(url.pipe_to_psql("CREATE TABLE things AS SELECT 1 AS id"));
        Ok::<_, Error>(())
    };
    let one = server.database_from(&key, fill).await.unwrap();
    let other = server.database_from(&key, fill).await.unwrap();
    one.psql(&["INSERT INTO things VALUES (2)"]).unwrap();
    assert_eq!(one.psql(&["SELECT count(*) FROM things"]).unwrap(), "2");
    assert_eq!(other.psql(&["SELECT count(*) FROM things"]).unwrap(), "1");
    assert_eq!(fills.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_template_whose_filling_failed_is_filled_again_from_nothing() {
    let server = Postgres::shared();
    let key = format!("failure {}", std::process::id());
    let failed = server
        .database_from(&key, async |url: String| {
            assert!(url.pipe_to_psql("CREATE TABLE half (id int)"));
            Err(Error::Address("made up".to_owned()))
        })
        .await;
    assert!(failed.is_err());
    let database = server
        .database_from(&key, async |url: String| {
            assert!(url.pipe_to_psql("CREATE TABLE whole (id int)"));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert_eq!(
        database
            .psql(&["SELECT tablename FROM pg_tables WHERE schemaname = 'public'"])
            .unwrap(),
        "whole"
    );
}

#[test]
fn eight_threads_at_once_fill_a_template_once_and_get_a_copy_each() {
    let fills = AtomicU32::new(0);
    let key = format!("threads {}", std::process::id());
    let names: HashSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    let database = runtime
                        .block_on(Postgres::shared().database_from(&key, async |_| {
                            fills.fetch_add(1, Ordering::Relaxed);
                            Ok::<_, Error>(())
                        }))
                        .unwrap();
                    database.name().to_owned()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(names.len(), 8);
    assert_eq!(fills.load(Ordering::Relaxed), 1);
}

/// Sends a statement to an address as another program; answers whether it was accepted.
trait PipeToPsql {
    fn pipe_to_psql(&self, statement: &str) -> bool;
}

impl PipeToPsql for String {
    fn pipe_to_psql(&self, statement: &str) -> bool {
        std::process::Command::new(brisk_testkit::servers::find::psql().unwrap())
            .args(["-X", "-q", "-d", self, "-c", statement])
            .output()
            .unwrap()
            .status
            .success()
    }
}
