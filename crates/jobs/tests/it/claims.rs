use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_core::TenantId;
use brisk_db::{Affected, One, statements};
use brisk_jobs::{Handler, Job, JobContext, JobId, JobOutcome, NewJob, Worker};
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use crate::harness::{LIMIT, Note, Seen, done, job, on_both, on_both_at, standing_clock};

statements! {
    prefix "test";
    /// What a killed process leaves behind.
    ORPHAN(attempts: i32, until: jiff::Timestamp, owner: uuid::Uuid) -> Affected
        = "UPDATE brisk_jobs SET attempts = $1, lease_until = $2, lease_owner = $3";
    OPEN() -> One<i64> = "SELECT count(*) FROM brisk_jobs";
    TURNS() -> One<i64> = "SELECT count(*) FROM brisk_job_turns";
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_of_a_lost_process_are_taken_over_when_their_lease_ends() {
    on_both_at(standing_clock, async |world| {
        let node = world.node().await;
        node.enqueue([job("lost", 1), job("lost", 2).max_attempts(1)])
            .await;
        let until = world.clock.now() + Duration::from_secs(30);
        assert_eq!(node.db.verify(STATEMENTS).await.unwrap(), []);
        let orphan = (1, until, uuid::Uuid::from_u128(9));
        node.session.run(&ORPHAN, orphan).await.unwrap();
        let seen = Seen::default();
        let worker = Worker::new("lost", Note(seen.clone(), done));
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(!running.drain(Duration::from_millis(150)).await.unwrap());
        assert!(seen.list().is_empty(), "the lease still holds");
        world.clock.advance(Duration::from_secs(30));
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        assert_eq!(seen.list(), [1]);
        let dead = node
            .queue
            .dead(&node.session, "lost", JobId(0), 10)
            .await
            .unwrap();
        assert_eq!(dead.len(), 1, "a job that took its last process along");
    })
    .await;
}

/// Notes how many batches of one tenant run at once, over all nodes.
#[derive(Clone)]
struct Exclusive(Arc<Mutex<Watch>>, Arc<Barrier>);

#[derive(Default)]
struct Watch {
    running: HashMap<TenantId, usize>,
    most_of_a_tenant: usize,
    batches: usize,
    jobs: usize,
}

impl Handler for Exclusive {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let tenant = ctx.tenant().unwrap();
        assert!(jobs.iter().all(|job| job.tenant == tenant));
        let batch = {
            let mut watch = self.0.lock().unwrap();
            *watch.running.entry(tenant).or_default() += 1;
            watch.most_of_a_tenant = watch.most_of_a_tenant.max(watch.running[&tenant]);
            watch.jobs += jobs.len();
            watch.batches += 1;
            watch.batches
        };
        // The first two wait for each other: tenants that exclude one another would never get past this.
        if batch <= 2 {
            self.1.wait().await;
        }
        ctx.session()
            .run(&TURNS, ())
            .await
            .map(|turns| assert!(turns > 0))
            .unwrap();
        *self.0.lock().unwrap().running.get_mut(&tenant).unwrap() -= 1;
        vec![JobOutcome::Done; jobs.len()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_batches_of_one_tenant_run_at_once() {
    on_both(async |world| {
        let (one, two) = (world.node().await, world.node().await);
        for tenant in 1..=4 {
            let jobs = (0..100).map(|n| NewJob::new(TenantId(tenant), "turns", &n).unwrap());
            one.enqueue(jobs).await;
        }
        let handler = Exclusive(Arc::default(), Arc::new(Barrier::new(2)));
        let worker = || {
            Worker::new("turns", handler.clone())
                .batch(7)
                .concurrency(3)
                .group_by_tenant()
        };
        let stop = CancellationToken::new();
        let first = one.jobs().worker(worker()).start(&stop);
        let second = two.jobs().worker(worker()).start(&stop);
        assert!(first.drain(LIMIT).await.unwrap());
        stop.cancel();
        tokio::join!(first.finished(), second.finished());
        {
            let watch = handler.0.lock().unwrap();
            assert_eq!((watch.jobs, watch.most_of_a_tenant), (400, 1));
        }
        assert_eq!(one.session.run(&TURNS, ()).await.unwrap(), 0);
        assert_eq!(one.session.run(&OPEN, ()).await.unwrap(), 0);
    })
    .await;
}

/// Outlives several leases.
struct Slow(Seen);

impl Handler for Slow {
    async fn handle(&self, _: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        self.0.add(jobs[0].payload().unwrap());
        tokio::time::sleep(Duration::from_millis(900)).await;
        vec![JobOutcome::Done]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_handler_keeps_its_jobs_past_their_lease() {
    on_both(async |world| {
        let node = world.node().await;
        node.enqueue([job("slow", 1)]).await;
        let seen = Seen::default();
        let worker = Worker::new("slow", Slow(seen.clone()))
            .concurrency(2)
            .lease(Duration::from_millis(300));
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        assert_eq!(seen.list(), [1]);
    })
    .await;
}
