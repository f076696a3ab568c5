//! Faults in what ends entries, and that each would be found: by what `generated` compares, or by the conformance suite.
//! Those of single instructions are in `tests/model`.

use brisk_cache::conformance::{Brisk, Depends, Effort, Report, Told, run};
use brisk_cache::{Caches, Fault};
use brisk_db::{Db, DbConfig};
use brisk_testkit::chance::Seed;
use brisk_testkit::files::SqliteFile;

use crate::generated;
use crate::harness::TestDb;

/// Runs of the generator that a fault may come through; most are found in the first.
const RUNS: u64 = 10;

const STEPS: u32 = 60;

async fn found_in(make: impl AsyncFn() -> TestDb, fault: Fault) {
    let first = Seed::draw();
    for run in 0..RUNS {
        let db = make().await;
        drop(Caches::with_fault(&db.db, fault));
        let seed = Seed(first.0.wrapping_add(run));
        let Err(wrong) = generated::run::run(&db, &seed, STEPS).await else {
            continue;
        };
        assert!(wrong.contains("the cache says"), "{wrong}");
        return;
    }
    panic!("{fault:?} was not found");
}

macro_rules! found_by_the_generator {
    ($($name:ident: $fault:ident on $engine:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            found_in(TestDb::$engine, Fault::$fault).await;
        }
    )*};
}

found_by_the_generator! {
    a_row_as_it_is_now: NewIgnored on sqlite;
    a_row_as_it_was: OldIgnored on sqlite;
    a_column_that_is_not_declared: UndeclaredIgnored on sqlite;
    rows_of_a_tenant_that_are_not_named: TenantSweepIgnored on postgres;
    rows_of_a_table_that_are_not_named: TableSweepIgnored on sqlite;
    an_own_commit_that_is_told_later: BarrierIgnored on postgres;
    an_entry_that_is_made_of_another: PartsIgnored on sqlite;
    a_transaction: AskedInside on sqlite;
    what_stands_beside_left_join: LeftJoinForBoth on sqlite;
    either_of_two: OrTakenForAnd on sqlite;
    a_table_that_is_called_as_a_query_is: WithHidesTables on postgres;
}

fn put_through(depends: Depends, fault: Fault) -> Report {
    let file = SqliteFile::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let db = Db::open(DbConfig::new(file.url()));
    let db = runtime.block_on(db).unwrap();
    let effort = Effort {
        interleavings: 3_000,
        ..Effort::short(Seed::draw().0)
    };
    run(effort, || {
        Brisk::with_fault(&db, Told::Later, depends, fault)
    })
}

macro_rules! found_by_the_suite {
    ($($name:ident: $fault:ident in $scenario:literal;)*) => {$(
        #[test]
        fn $name() {
            let report = put_through(Depends::Row, Fault::$fault);
            assert!(report.of($scenario).failures() > 0, "{report}");
        }
    )*};
}

found_by_the_suite! {
    a_version_that_is_taken_last: VersionAtEnd in "commit";
    a_load_that_is_joined_late: JoinedLate in "commit";
    a_barrier: BarrierIgnored in "commit";
    a_stream_that_is_cut_off: TrustIgnored in "reconnect";
    a_reset: ResetIgnored in "reconnect";
    a_load_after_the_cache_was_emptied: KeptOnceEmptied in "flush";
}

#[test]
fn a_part_of_an_entry() {
    let report = put_through(Depends::Entry, Fault::PartsIgnored);
    assert!(report.of("commit").lost > 0, "{report}");
}
