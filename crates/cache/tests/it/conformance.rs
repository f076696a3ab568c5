//! The suite of `docs/cache-conformance.md`: this crate's cache comes through it, and others show that it finds what it
//! looks for.

use brisk_cache::conformance::{
    Brisk, Depends, Effort, GetComputeInsert, QuickCache, Report, Subject, Told, run,
};
use brisk_db::{Db, DbConfig};
use brisk_testkit::chance::{Seed, is_full};
use brisk_testkit::files::SqliteFile;

fn put_through<S: Subject>(interleavings: u64, make: impl Fn() -> S + Sync) -> Report {
    let times = if is_full() { 20 } else { 1 };
    let seed = Seed::draw();
    let effort = Effort {
        interleavings: interleavings * times,
        ..Effort::short(seed.0)
    };
    run(effort, make)
}

fn ours(interleavings: u64, told: Told, depends: Depends) {
    let file = SqliteFile::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let db = Db::open(DbConfig::new(file.url()));
    let db = runtime.block_on(db).unwrap();
    let report = put_through(interleavings, || Brisk::over(&db, told, depends));
    let total = report.total();
    assert_eq!(total.failures(), 0, "{report}");
    assert_eq!(total.kept, total.interleavings, "{report}");
}

#[test]
fn rows_that_are_told_at_once() {
    ours(10_000, Told::AtOnce, Depends::Row);
}

#[test]
fn rows_that_are_told_later() {
    ours(10_000, Told::Later, Depends::Row);
}

#[test]
fn tenants_and_tables() {
    for told in [Told::AtOnce, Told::Later] {
        for depends in [Depends::Tenant, Depends::Table] {
            ours(2_000, told, depends);
        }
    }
}

#[test]
fn entries_that_are_made_of_entries() {
    for told in [Told::AtOnce, Told::Later] {
        ours(4_000, told, Depends::Entry);
    }
}

#[test]
fn get_compute_insert_keeps_what_a_commit_has_overtaken() {
    let report = put_through(20_000, GetComputeInsert::default);
    for scenario in ["commit", "two commits", "delete", "flush"] {
        let tally = report.of(scenario);
        assert!(tally.lost > 0 && tally.stale > 0, "{scenario}: {report}");
    }
    let rollback = report.of("rollback");
    assert!(rollback.undone > 0 && rollback.inside > 0, "{report}");
    assert!(report.of("reconnect").stale > 0, "{report}");
}

#[test]
fn quick_cache_alone_is_right_as_long_as_nobody_asks_inside_a_transaction() {
    let report = put_through(20_000, QuickCache::default);
    for (scenario, tally) in &report.scenarios {
        match *scenario {
            "rollback" => assert!(tally.undone > 0 && tally.inside > 0, "{report}"),
            "transaction" | "everything" => assert!(tally.inside > 0, "{report}"),
            _ => assert_eq!(tally.failures(), 0, "{report}"),
        }
    }
}
