use brisk_db::{Db, DbConfig, Error, MigrationSet};
use futures::future::join_all;

use crate::harness::{SCHEMA, TestDb, add, session};

const TWO: &[(&str, &str)] = &[
    ("V1__notes", "CREATE TABLE notes (id bigint PRIMARY KEY)"),
    ("V2__more", "ALTER TABLE notes ADD COLUMN body text"),
];

const fn notes(files: &'static [(&'static str, &'static str)]) -> MigrationSet {
    MigrationSet {
        name: "notes",
        history: "brisk_migrations_notes",
        postgres: files,
        sqlite: files,
    }
}

const NEW: MigrationSet = notes(TWO);
const ONE: &[(&str, &str)] = &[TWO[0]];
const OLD: MigrationSet = notes(ONE);
const OTHER: MigrationSet = notes(&[(
    "V1__notes",
    "CREATE TABLE notes (id bigint PRIMARY KEY, other text)",
)]);
const THREE: &[(&str, &str)] = &[
    TWO[0],
    TWO[1],
    (
        "V3__broken",
        "CREATE TABLE half (id bigint); SELECT nonsense FROM nowhere",
    ),
];
const BROKEN: MigrationSet = notes(THREE);

on_both! {
    async fn a_second_run_does_nothing(db: TestDb) {
        assert_eq!(db.db.migrate(&[SCHEMA, NEW]).await.unwrap(), 2);
        assert_eq!(db.db.migrate(&[SCHEMA, NEW]).await.unwrap(), 0);
    }

    async fn a_node_of_the_previous_release_starts_on_a_newer_schema(db: TestDb) {
        assert_eq!(db.db.migrate(&[NEW]).await.unwrap(), 2);
        assert_eq!(db.db.migrate(&[OLD]).await.unwrap(), 0);
    }

    async fn a_file_that_was_changed_after_it_was_applied_is_refused(db: TestDb) {
        db.db.migrate(&[OLD]).await.unwrap();
        let error = db.db.migrate(&[OTHER]).await.unwrap_err();
        assert!(matches!(error, Error::Migration { set: "notes", .. }), "{error}");
        // The lock and the connection are free again.
        assert_eq!(db.db.migrate(&[NEW]).await.unwrap(), 1);
        add(&db.session(), 1).await.unwrap();
    }

    async fn a_migration_that_fails_leaves_nothing_of_itself(db: TestDb) {
        for _ in 0..2 {
            let error = db.db.migrate(&[BROKEN]).await.unwrap_err();
            assert!(matches!(error, Error::Migration { set: "notes", .. }), "{error}");
        }
        let half = MigrationSet { history: "brisk_migrations_half", ..notes(&[("V1__half", "CREATE TABLE half (id bigint)")]) };
        assert_eq!(db.db.migrate(&[half]).await.unwrap(), 1);
        add(&db.session(), 1).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_migrate_once() {
    let db = TestDb::postgres().await;
    let nodes =
        join_all((0..4).map(async |_| Db::open(DbConfig::new(&db.url)).await.unwrap())).await;
    let applied = join_all(
        nodes
            .iter()
            .map(|node| node.migrate(std::slice::from_ref(&NEW))),
    )
    .await;
    let applied: usize = applied.into_iter().map(Result::unwrap).sum();
    assert_eq!(applied, 2);
    add(&session(&nodes[3]), 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_given_up_in_the_middle_frees_its_lock() {
    const SLEEPY: MigrationSet = notes(&[("V1__notes", "SELECT pg_sleep(60)")]);
    let db = TestDb::postgres().await;
    let given_up = tokio::time::timeout(
        std::time::Duration::from_millis(300),
        db.db.migrate(&[SLEEPY]),
    );
    assert!(given_up.await.is_err());
    let again = tokio::time::timeout(crate::harness::LONG, db.db.migrate(&[NEW])).await;
    assert_eq!(again.unwrap().unwrap(), 2);
}
