use std::sync::Arc;
use std::time::Duration;

use brisk_jobs::{Handler, Job, JobContext, JobOutcome, Worker};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::harness::{LIMIT, Note, Seen, done, job, on_both};

/// Says that it began, and ends when told to, or never.
struct Stubborn {
    begun: Arc<Notify>,
    obeys: bool,
}

impl Handler for Stubborn {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        self.begun.notify_one();
        ctx.stopping().cancelled().await;
        if !self.obeys {
            std::future::pending::<()>().await;
        }
        vec![JobOutcome::Done; jobs.len()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_handlers_and_gives_back_what_does_not_end() {
    on_both(async |world| {
        for (obeys, left) in [(true, vec![2]), (false, vec![1, 2])] {
            let node = world.node().await;
            node.enqueue([job("stop", 1), job("stop", 2)]).await;
            let begun = Arc::new(Notify::new());
            let handler = Stubborn {
                begun: Arc::clone(&begun),
                obeys,
            };
            let running = node
                .jobs()
                .worker(Worker::new("stop", handler))
                .start(&CancellationToken::new());
            tokio::time::timeout(LIMIT, begun.notified()).await.unwrap();
            tokio::time::timeout(LIMIT, running.stop()).await.unwrap();
            let seen = Seen::default();
            let worker = Worker::new("stop", Note(seen.clone(), done));
            let next = node.jobs().worker(worker).start(&CancellationToken::new());
            assert!(next.drain(Duration::from_secs(10)).await.unwrap());
            next.stop().await;
            assert_eq!(seen.list(), left);
        }
    })
    .await;
}
