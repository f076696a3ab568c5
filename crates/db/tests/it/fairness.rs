//! Two tenants under overload: who asks much does not keep the other one waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_core::{Class, Failure as _, Scope, TenantId};
use brisk_db::{Db, Error, Session};
use tokio::task::unconstrained;

use crate::harness::{COUNT, LONG, SLOW_APART, TestDb, add};

/// Far more than may be under way at once.
const MANY: u64 = 5_000;

fn session_of(db: &Db, tenant: i64) -> Session {
    db.session(Scope::system(TenantId(tenant), "test"))
}

/// How many of the crowd were done when `other` was, which came after all of them.
async fn before<F>(crowd: impl IntoIterator<Item = F>, other: impl Future) -> u64
where
    F: Future,
{
    let done = Arc::new(AtomicU64::new(0));
    let counting = crowd.into_iter().map(|one| async {
        one.await;
        done.fetch_add(1, Ordering::Relaxed);
    });
    // In one task, so that a busy machine cannot let one of them sleep while the other goes on. Each is polled once, so
    // that all stand in line, and without tokio's budget, which would end that early.
    let mut crowd = Vec::new();
    unconstrained(async {
        for mut one in counting.map(Box::pin) {
            if futures::poll!(&mut one).is_pending() {
                crowd.push(one);
            }
        }
    })
    .await;
    let other = async {
        other.await;
        done.load(Ordering::Relaxed)
    };
    let crowd = futures::future::join_all(crowd);
    futures::future::join(Box::pin(other), crowd).await.0
}

/// The database with the fair share, and the same without.
async fn with_and_without(
    open: impl AsyncFn(bool) -> TestDb,
    before: impl AsyncFn(&TestDb) -> u64,
) -> [u64; 2] {
    let (with, without) = (open(true).await, open(false).await);
    [before(&with).await, before(&without).await]
}

async fn reads(db: &TestDb) -> u64 {
    let (busy, other) = (session_of(&db.db, 1), session_of(&db.db, 2));
    busy.run(&COUNT, ()).await.unwrap();
    let crowd = (0..MANY).map(|_| async { busy.run(&COUNT, ()).await.unwrap() });
    let other = async move { other.run(&COUNT, ()).await.unwrap() };
    before(crowd, other).await
}

async fn writes(db: &TestDb) -> u64 {
    let (busy, other) = (session_of(&db.db, 1), session_of(&db.db, 2));
    add(&busy, 0).await.unwrap();
    let crowd = (1..=i64::try_from(MANY).unwrap()).map(|id| {
        let busy = &busy;
        async move { add(busy, id).await.unwrap() }
    });
    let other = async move { add(&other, 1_000_000).await.unwrap() };
    before(crowd, other).await
}

/// What was measured: a place or two with the fair share, and the whole crowd without it.
fn check([with, without]: [u64; 2], many: u64) {
    assert!(with < many / 2, "{with} went before it");
    assert!(without > many * 3 / 4, "only {without} went before it");
}

async fn sqlite(fair: bool) -> TestDb {
    TestDb::sqlite_with(|c| (c.fair_share, c.wait) = (fair, LONG)).await
}

async fn postgres(fair: bool) -> TestDb {
    TestDb::postgres_with(|c| (c.fair_share, c.wait) = (fair, LONG)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fair_share_is_what_keeps_a_busy_tenant_from_standing_before_another_one_on_sqlite() {
    check(with_and_without(sqlite, reads).await, MANY);
    check(with_and_without(sqlite, writes).await, MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fair_share_is_what_keeps_a_busy_tenant_from_standing_before_another_one_on_postgres() {
    check(with_and_without(postgres, reads).await, MANY);
    check(with_and_without(postgres, writes).await, MANY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fair_share_is_what_keeps_a_busy_tenant_from_standing_before_another_one_at_the_pool() {
    const CROWD: u64 = 200;
    let open = async |fair| {
        TestDb::postgres_with(|c| {
            (c.fair_share, c.wait) = (fair, LONG);
            c.postgres.pool = 1;
        })
        .await
    };
    let before = async |db: &TestDb| {
        let (busy, other) = (session_of(&db.db, 1), session_of(&db.db, 2));
        busy.run(&SLOW_APART, (10,)).await.unwrap();
        let crowd = (0..CROWD).map(|_| async { busy.run(&SLOW_APART, (1_000,)).await.unwrap() });
        let other = async move { other.run(&SLOW_APART, (1_000,)).await.unwrap() };
        before(crowd, other).await
    };
    let [with, without] = with_and_without(open, before).await;
    assert!(with < CROWD / 10, "{with} went before it");
    check([with, without], CROWD);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_no_place_in_line_is_told_to_come_back() {
    let db = TestDb::postgres_with(|c| {
        c.postgres.pool = 1;
        c.waiting = 5;
        c.wait = Duration::from_millis(500);
    })
    .await;
    let session = db.session();
    session
        .transaction(async |_: Session| {
            let crowd = futures::future::join_all((0..20).map(|_| session.run(&SLOW_APART, (1,))));
            for result in crowd.await {
                let error = result.unwrap_err();
                assert!(matches!(error, Error::Overloaded { .. }), "{error:?}");
                assert_eq!(error.class(), Class::Unavailable);
                assert!(error.retry_after().is_some());
            }
            Ok::<(), Error>(())
        })
        .await
        .unwrap();
    assert_eq!(session.run(&SLOW_APART, (10,)).await.unwrap(), 10);
}
