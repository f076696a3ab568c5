//! Totals that follow each change, compared with counting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brisk_cache::{LiveTotals, Totals};
use brisk_core::{Deadline, Scope, TenantId};
use brisk_db::{Affected, Db, One, Session, Value, statements};

use crate::harness::{LONG, ONE, TWO, TestDb, foreign};

statements! {
    prefix "test.live";

    PUT(tenant: TenantId, id: i64, kind: String, size: Option<i64>) -> Affected
        = "INSERT INTO stock (tenant_id, id, kind, size) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, id) DO UPDATE SET kind = excluded.kind, size = excluded.size";

    DROP(tenant: TenantId, id: i64) -> Affected = "DELETE FROM stock WHERE tenant_id = $1 AND id = $2";

    ALL(tenant: TenantId) -> One<i64> = "SELECT count(*) FROM stock WHERE tenant_id = $1";

    OF_KIND(tenant: TenantId, kind: String) -> One<i64>
        = "SELECT count(*) FROM stock WHERE tenant_id = $1 AND kind = $2";

    SIZE(tenant: TenantId, kind: String) -> One<i64>
        = "SELECT CAST(coalesce(sum(size), 0) AS bigint) FROM stock WHERE tenant_id = $1 AND kind = $2";
}

const PARTS: Totals = Totals {
    name: "test.stock",
    table: "stock",
    by: &["kind"],
    sums: &["size"],
};

const KINDS: [&str; 3] = ["bolt", "nut", "washer"];

fn live(db: &Db) -> LiveTotals {
    LiveTotals::start(db, PARTS)
}

async fn known(live: &LiveTotals) {
    tokio::time::timeout(LONG, live.ready())
        .await
        .expect("the totals are known");
}

fn kind(name: &str) -> (&'static str, Value) {
    ("kind", Value::Text(name.to_owned().into()))
}

async fn put(session: &Session, id: i64, kind: &str, size: Option<i64>) {
    session
        .run(&PUT, (session.tenant(), id, kind.to_owned(), size))
        .await
        .unwrap();
}

/// Each total equals that of a statement.
async fn compare(live: &LiveTotals, session: &Session) {
    let tenant = session.tenant();
    let all = live.total(session, &[]).await.unwrap();
    assert_eq!(
        i64::try_from(all.count).unwrap(),
        session.run(&ALL, (tenant,)).await.unwrap()
    );
    for name in KINDS {
        let total = live.total(session, &[kind(name)]).await.unwrap();
        let counted = session
            .run(&OF_KIND, (tenant, name.to_owned()))
            .await
            .unwrap();
        let size = session.run(&SIZE, (tenant, name.to_owned())).await.unwrap();
        assert_eq!(
            (i64::try_from(total.count).unwrap(), total.sums[0]),
            (counted, size),
            "{name}"
        );
    }
}

on_both! {
    async fn totals_equal_counting_after_each_own_write(db: TestDb) {
        let (one, two) = (db.of(ONE), db.of(TWO));
        put(&one, 1, "bolt", Some(3)).await;
        let live = live(&db.db);
        known(&live).await;
        for n in 0..100_i64 {
            let session = if n % 3 == 0 { &two } else { &one };
            let name = KINDS[usize::try_from(n % 3).unwrap()];
            match n % 5 {
                0 => drop(session.run(&DROP, (session.tenant(), n / 2)).await.unwrap()),
                1 => put(session, n / 2, name, None).await,
                _ => put(session, n / 2, name, Some(n)).await,
            }
            compare(&live, session).await;
        }
        let (served, counted) = live.served();
        assert!(served == 400 && counted == 0, "{served} {counted}");
        let found = live.total(&one, &[kind("bolt")]).await.unwrap();
        assert!(found.position.is_some());
        assert_eq!(live.total(&one, &[kind("none")]).await.unwrap().count, 0);
    }

    async fn a_transaction_sees_its_own_and_nobody_else_does_before_it_commits(db: TestDb) {
        let session = db.session();
        let live = live(&db.db);
        known(&live).await;
        let work = async |within: Session| {
            put(&within, 1, "nut", None).await;
            assert_eq!(live.total(&within, &[]).await.unwrap().count, 1);
            assert_eq!(live.total(&session, &[]).await.unwrap().count, 0);
            Ok::<_, brisk_db::Error>(())
        };
        session.transaction(work).await.unwrap();
        assert_eq!(live.total(&session, &[]).await.unwrap().count, 1);
    }

    async fn counting_while_others_write_misses_nothing(db: TestDb) {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4_i64)
            .map(|writer| {
                let (session, stop) = (db.session(), Arc::clone(&stop));
                tokio::spawn(async move {
                    let mut n = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let id = writer * 1_000 + n % 200;
                        put(&session, id, KINDS[usize::try_from(n % 3).unwrap()], Some(n)).await;
                        n += 1;
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for _ in 0..10 {
            let live = live(&db.db);
            known(&live).await;
            all.push(live);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.unwrap();
        }
        let session = db.session();
        let position = session.position().await.unwrap();
        db.db.changes().reached(&position, Deadline::after(LONG)).await.unwrap();
        for live in &all {
            compare(live, &session).await;
            assert_eq!(live.served().1, 0);
        }
    }

    async fn what_is_not_told_row_by_row_is_counted_anew(db: TestDb) {
        let session = db.session();
        put(&session, 1, "bolt", Some(1)).await;
        let live = live(&db.db);
        known(&live).await;
        foreign(&db, "INSERT INTO stock (tenant_id, id, kind, size) VALUES (1, 2, 'nut', 5); DELETE FROM stock WHERE id = 1");
        let began = std::time::Instant::now();
        let both = async || {
            let nuts = live.total(&session, &[kind("nut")]).await.unwrap().sums;
            (nuts, live.total(&session, &[]).await.unwrap().count)
        };
        while both().await != (vec![5], 1) {
            assert!(began.elapsed() < LONG);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        compare(&live, &session).await;
        match db.db.system() {
            brisk_db::System::Postgres => foreign(&db, "TRUNCATE stock"),
            brisk_db::System::Sqlite => foreign(&db, "DELETE FROM stock"),
        }
        while live.total(&session, &[]).await.unwrap().count != 0 {
            assert!(began.elapsed() < LONG);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        known(&live).await;
        compare(&live, &session).await;
    }

    async fn a_table_that_is_not_captured_is_counted_each_time(db: TestDb) {
        let session = db.session();
        let totals = Totals { by: &["title"], sums: &[], name: "test.books", table: "books" };
        let live = LiveTotals::start(&db.db, totals);
        for _ in 0..3 {
            assert_eq!(live.total(&session, &[("title", Value::Null)]).await.unwrap().count, 0);
        }
        assert_eq!(live.served(), (0, 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_follow_what_another_node_commits() {
    let db = TestDb::postgres().await;
    let other = db.other().await;
    let there = other.session(Scope::system(ONE, "test"));
    let live = live(&db.db);
    known(&live).await;
    for n in 0..50 {
        put(&there, n, "nut", Some(n)).await;
        let position = there.position().await.unwrap();
        db.db
            .changes()
            .reached(&position, Deadline::after(LONG))
            .await
            .unwrap();
        let total = live.total(&db.session(), &[kind("nut")]).await.unwrap();
        assert_eq!(total.count, u64::try_from(n + 1).unwrap());
    }
    assert_eq!(live.served().1, 0);
}
