//! A replica and a pooler of a private server.

use std::time::{Duration, Instant};

use brisk_testkit::servers::{Durability, Pooler, Postgres};

#[test]
fn a_replica_follows_its_primary_and_takes_no_writes() {
    let primary = Postgres::start(Durability::Scratch).unwrap();
    let database = primary.database().unwrap();
    let replica = primary.replica().unwrap();
    database.psql(&["CREATE TABLE things (id int)"]).unwrap();
    let follower = Postgres::at(&replica.url_of(&database)).unwrap();
    let began = Instant::now();
    while follower.psql(&["SELECT * FROM things"]).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    let refused = follower.psql(&["INSERT INTO things VALUES (1)"]);
    assert!(refused.unwrap_err().to_string().contains("read-only"));
    assert_eq!(replica.psql(&["SELECT pg_is_in_recovery()"]).unwrap(), "t");
}

#[test]
fn a_pooler_throws_the_session_away_after_each_transaction() {
    let database = Postgres::shared().database().unwrap();
    let pooler = Pooler::before(&database.url(), 1).unwrap();
    let client = Postgres::at(&pooler.url()).unwrap();
    let answer = client.psql(&["SET statement_timeout = 7", "SHOW statement_timeout"]);
    assert_eq!(answer.unwrap(), "0");
}
