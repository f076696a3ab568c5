use brisk_core::TenantId;
use brisk_db::{Batch, Error as DbError};
use brisk_jobs::{NewJob, Worker};
use tokio_util::sync::CancellationToken;

use crate::harness::{LIMIT, Note, Seen, TENANT, done, job, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_fits_both_engines() {
    on_both(async |world| {
        let node = world.node().await;
        let findings = node.db.verify(&brisk_jobs::statements()).await.unwrap();
        assert_eq!(findings, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_undone_leaves_no_job() {
    on_both(async |world| {
        let node = world.node().await;
        let undone = node
            .session
            .transaction(async |session| {
                node.queue
                    .enqueue(&session, vec![job("undone", 1)])
                    .await
                    .unwrap();
                Err::<(), _>(DbError::NoRow { statement: "test" })
            })
            .await;
        assert!(undone.is_err());
        node.session
            .transaction(async |session| {
                node.queue
                    .enqueue(&session, vec![job("undone", 2)])
                    .await
                    .unwrap();
                Ok::<_, DbError>(())
            })
            .await
            .unwrap();
        let mut batch = Batch::new();
        node.queue.add(&mut batch, vec![job("undone", 3)]);
        node.session.batch(batch).await.unwrap();
        let seen = Seen::default();
        let worker = Worker::new("undone", Note(seen.clone(), done));
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        assert_eq!(seen.list(), [2, 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_pending_work_is_stored_once_for_each_tenant() {
    on_both(async |world| {
        let node = world.node().await;
        let with_key = |tenant, n: i64| NewJob::new(tenant, "roll", &n).unwrap().dedup("day 1");
        let pair = vec![with_key(TENANT, 1), with_key(TENANT, 2)];
        assert_eq!(node.enqueue(pair).await, 1);
        assert_eq!(node.enqueue([with_key(TENANT, 3)]).await, 0);
        assert_eq!(node.enqueue([with_key(TenantId(8), 4)]).await, 1);
        let plain = vec![job("roll", 5), job("roll", 5)];
        assert_eq!(node.enqueue(plain).await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urgent_jobs_go_first_and_later_ones_wait_for_their_time() {
    on_both(async |world| {
        let node = world.node().await;
        let now = world.clock.now();
        let soon = now + std::time::Duration::from_millis(150);
        node.enqueue([
            job("order", 3),
            job("order", 1).priority(5),
            job("order", 9).run_at(soon).priority(9),
            job("order", 4),
        ])
        .await;
        let seen = Seen::default();
        let clock = world.clock.clone();
        let early = move |job: &brisk_jobs::Job| {
            assert!(job.run_at <= clock.now());
            brisk_jobs::JobOutcome::Done
        };
        let worker = Worker::new("order", Note(seen.clone(), early));
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        assert_eq!(seen.list(), [1, 3, 4, 9]);
    })
    .await;
}
