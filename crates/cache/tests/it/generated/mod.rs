//! Random statements, random writes, and after each of these every cached answer compared with the database.
//!
//! Writes are made by this process, alone and in transactions with savepoints, by another node, and as raw SQL by another
//! program; some are undone. After one of this process nothing is waited for; after one of another until this node was told.

mod asks;
mod built;
mod family;
mod foreign;
pub(crate) mod run;
mod schema;
mod texts;
mod writes;

use brisk_testkit::chance::{Seed, is_full};

use crate::harness::TestDb;

/// Writes after each of which all is compared.
fn steps() -> u32 {
    if is_full() { 2_000 } else { 60 }
}

async fn put_through(db: TestDb) {
    let seed = Seed::draw();
    let tally = run::run(&db, &seed, steps()).await;
    let tally = tally.unwrap_or_else(|wrong| panic!("{wrong}"));
    // What is never kept is never old.
    assert!(tally.hits * 10 > tally.asked, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_answers_are_those_of_the_database_on_sqlite() {
    put_through(TestDb::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_answers_are_those_of_the_database_on_postgres() {
    put_through(TestDb::postgres().await).await;
}
