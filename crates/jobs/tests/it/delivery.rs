use std::time::Duration;

use brisk_db::{Affected, Batch, One, Session, statements};
use brisk_jobs::{Error, Handler, Job, JobContext, JobOutcome, Worker};
use tokio_util::sync::CancellationToken;

use crate::harness::{LIMIT, Note, Seen, done, job, on_both};

statements! {
    prefix "test";
    MAKE() -> Affected = "CREATE TABLE IF NOT EXISTS effects (n bigint NOT NULL)";
    EFFECT(n: i64) -> Affected = "INSERT INTO effects (n) VALUES ($1)";
    EFFECTS() -> One<i64> = "SELECT count(*) FROM effects";
    STEAL() -> Affected = "UPDATE brisk_jobs SET lease_owner = NULL WHERE lease_owner IS NOT NULL";
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_do_five_thousand_jobs_once_each() {
    on_both(async |world| {
        let (one, two) = (world.node().await, world.node().await);
        let seen = Seen::default();
        let worker = || {
            Worker::new("many", Note(seen.clone(), done))
                .batch(100)
                .concurrency(2)
        };
        let stop = CancellationToken::new();
        let first = one.jobs().worker(worker()).start(&stop);
        let second = two.jobs().worker(worker()).start(&stop);
        for part in 0..5 {
            let jobs = (part * 1_000..(part + 1) * 1_000).map(|n| job("many", n));
            assert_eq!(one.enqueue(jobs).await, 1_000);
        }
        assert!(first.drain(LIMIT).await.unwrap());
        stop.cancel();
        tokio::join!(first.finished(), second.finished());
        let mut list = seen.list();
        list.sort_unstable();
        assert_eq!(list, (0..5_000).collect::<Vec<_>>());
    })
    .await;
}

/// How effects go out together with the end of their jobs.
#[derive(Clone, Copy)]
enum Way {
    Transaction,
    Batch,
}

/// Writes its effects together with the end of its jobs; the first time the lease is stolen before that.
struct Effects(Seen, Way);

impl Handler for Effects {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let first = self.0.list().is_empty();
        self.0.add(0);
        if first {
            ctx.session().run(&STEAL, ()).await.unwrap();
        }
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        let lost = match self.1 {
            Way::Transaction => {
                let work = async |session: Session| {
                    for job in &jobs {
                        session.run(&EFFECT, (job.payload()?,)).await?;
                    }
                    ctx.complete(&session, &ids).await
                };
                let result = ctx.session().transaction(work).await;
                assert!(matches!(result, Ok(()) | Err(Error::LeaseLost { .. })));
                result.is_err()
            }
            Way::Batch => {
                let mut batch = Batch::new();
                batch.run_each(&EFFECT, jobs.iter().map(|job| (job.payload().unwrap(),)));
                ctx.complete_in(&mut batch, &ids);
                let result = ctx.session().batch(batch).await;
                assert!(matches!(result, Ok(_) | Err(brisk_db::Error::Stale { .. })));
                result.is_err()
            }
        };
        assert_eq!(lost, first);
        let outcome = if lost {
            JobOutcome::retry("the lease is lost")
        } else {
            JobOutcome::Done
        };
        vec![outcome; jobs.len()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_in_the_handlers_transaction_happen_exactly_once() {
    effects_happen_once(Way::Transaction).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_in_the_handlers_batch_happen_exactly_once() {
    effects_happen_once(Way::Batch).await;
}

async fn effects_happen_once(way: Way) {
    on_both(async |world| {
        let node = world.node().await;
        node.session.run(&MAKE, ()).await.unwrap();
        assert_eq!(node.db.verify(STATEMENTS).await.unwrap(), []);
        node.enqueue((0..10).map(|n| job("effects", n))).await;
        let seen = Seen::default();
        let worker = Worker::new("effects", Effects(seen.clone(), way))
            .batch(10)
            .lease(Duration::from_millis(300));
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        assert!(seen.list().len() >= 2, "the first batch lost its lease");
        assert_eq!(node.session.run(&EFFECTS, ()).await.unwrap(), 10);
    })
    .await;
}

/// Completes outside a transaction.
struct Careless;

impl Handler for Careless {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let refused = ctx.complete(ctx.session(), &[jobs[0].id]).await;
        assert!(matches!(refused, Err(Error::NoTransaction { .. })));
        vec![JobOutcome::Done]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_cannot_be_completed_outside_a_transaction() {
    on_both(async |world| {
        let node = world.node().await;
        node.enqueue([job("careless", 1)]).await;
        let worker = Worker::new("careless", Careless);
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        let dead = node
            .queue
            .dead(&node.session, "careless", brisk_jobs::JobId(0), 10)
            .await
            .unwrap();
        assert!(dead.is_empty());
    })
    .await;
}
