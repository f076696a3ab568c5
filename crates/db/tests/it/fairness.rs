//! Two tenants under overload: who asks much does not keep the other one waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_core::{Class, Failure as _, Scope, TenantId};
use brisk_db::{Db, Error, Session};

use crate::harness::{COUNT, SLOW_APART, TestDb, add};

/// Far more than may be under way at once.
const MANY: u64 = 5_000;

fn session_of(db: &Db, tenant: i64) -> Session {
    db.session(Scope::system(TenantId(tenant), "test"))
}

/// How many of the crowd were done when `other` was, which came after all of them.
async fn before<F>(crowd: impl IntoIterator<Item = F>, other: impl Future + Send + 'static) -> u64
where
    F: Future,
{
    let done = Arc::new(AtomicU64::new(0));
    let counting = crowd.into_iter().map(|one| async {
        one.await;
        done.fetch_add(1, Ordering::Relaxed);
    });
    let mut crowd = Box::pin(futures::future::join_all(counting));
    assert!(futures::poll!(&mut crowd).is_pending());
    let so_far = Arc::clone(&done);
    let other = tokio::spawn(async move {
        other.await;
        so_far.load(Ordering::Relaxed)
    });
    crowd.await;
    other.await.unwrap()
}

on_both! {
    async fn a_busy_tenant_does_not_stand_before_another_one(db: TestDb) {
        let (busy, other) = (session_of(&db.db, 1), session_of(&db.db, 2));
        busy.run(&COUNT, ()).await.unwrap();
        let crowd = (0..MANY).map(|_| async { busy.run(&COUNT, ()).await.unwrap() });
        let before = before(crowd, async move { other.run(&COUNT, ()).await.unwrap() }).await;
        assert!(before < MANY / 2, "{before} went before it");
    }

    async fn writes_are_shared_as_well(db: TestDb) {
        let (busy, other) = (session_of(&db.db, 1), session_of(&db.db, 2));
        add(&busy, 0).await.unwrap();
        let crowd = (1..=i64::try_from(MANY).unwrap()).map(|id| {
            let busy = &busy;
            async move { add(busy, id).await.unwrap() }
        });
        let before = before(crowd, async move { add(&other, 1_000_000).await.unwrap() }).await;
        assert!(before < MANY / 2, "{before} went before it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_tenant_does_not_stand_before_another_one_at_the_pool() {
    let db = TestDb::postgres_with(|c| c.postgres.pool = 1).await;
    let (busy, other) = (session_of(&db.db, 1), session_of(&db.db, 2));
    busy.run(&SLOW_APART, (10,)).await.unwrap();
    let crowd = (0..200).map(|_| async { busy.run(&SLOW_APART, (1_000,)).await.unwrap() });
    let other = async move { other.run(&SLOW_APART, (1_000,)).await.unwrap() };
    let before = before(crowd, other).await;
    assert!(before < 20, "{before} went before it");
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
