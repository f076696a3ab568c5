use std::time::Duration;

use brisk_jobs::{Job, JobId, JobOutcome, RetryPolicy, Worker};
use tokio_util::sync::CancellationToken;

use crate::harness::{LIMIT, Note, Seen, job, on_both};

const FAST: RetryPolicy = RetryPolicy {
    base: Duration::from_millis(2),
    cap: Duration::from_millis(10),
};

fn fail(job: &Job) -> JobOutcome {
    match job.payload::<i64>().unwrap() {
        1 if job.attempt < 3 => JobOutcome::retry("not yet"),
        2 => JobOutcome::retry("never"),
        3 => JobOutcome::dead("hopeless"),
        4 if job.attempt == 1 => unreachable!("a bug in attempt {}", job.attempt),
        5 if job.attempt == 1 => JobOutcome::Retry {
            error: "wait".to_owned(),
            after: Some(Duration::from_millis(30)),
        },
        _ => JobOutcome::Done,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_are_tried_again_and_buried_after_their_last_attempt() {
    on_both(async |world| {
        let node = world.node().await;
        node.enqueue((1..=5).map(|n| job("fail", n).max_attempts(4)))
            .await;
        let seen = Seen::default();
        let worker = Worker::new("fail", Note(seen.clone(), fail)).retry(FAST);
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        let count = |n| seen.list().iter().filter(|m| **m == n).count();
        assert_eq!([1, 2, 3, 4, 5].map(count), [3, 4, 1, 2, 2]);
        let dead = node
            .queue
            .dead(&node.session, "fail", JobId(0), 10)
            .await
            .unwrap();
        let errors: Vec<_> = dead.iter().map(|d| d.last_error.as_deref()).collect();
        assert_eq!(errors.len(), 2);
        assert!(errors.contains(&Some("never")) && errors.contains(&Some("hopeless")));
        let never = dead.iter().find(|d| d.attempts == 4).unwrap();
        assert_eq!(never.payload.0, serde_json::json!(2));
        let again = node
            .queue
            .retry_all_dead(&node.session, "fail")
            .await
            .unwrap();
        assert_eq!(again, 2);
        assert!(running.drain(LIMIT).await.unwrap());
        assert_eq!([2, 3].map(count), [8, 2]);
        let ids: Vec<_> = dead.iter().map(|d| d.id).collect();
        let dropped = node.queue.drop_dead(&node.session, &ids).await.unwrap();
        assert_eq!(dropped, 2);
        running.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_job_gives_way_to_the_same_work_enqueued_meanwhile() {
    on_both(async |world| {
        let node = world.node().await;
        let (queue, session) = (node.queue.clone(), node.session.clone());
        let seen = Seen::default();
        node.enqueue([job("twin", 1).dedup("k")]).await;
        let handler = Twin {
            seen: seen.clone(),
            queue,
            session,
        };
        let worker = Worker::new("twin", handler).retry(FAST);
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        assert_eq!(seen.list(), [1, 2]);
    })
    .await;
}

/// Enqueues the same work again while it runs, and then fails.
struct Twin {
    seen: Seen,
    queue: brisk_jobs::Queue,
    session: brisk_db::Session,
}

impl brisk_jobs::Handler for Twin {
    async fn handle(&self, _: brisk_jobs::JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let n: i64 = jobs[0].payload().unwrap();
        self.seen.add(n);
        if n > 1 {
            return vec![JobOutcome::Done];
        }
        let twin = job("twin", 2).dedup("k");
        let stored = self.queue.enqueue(&self.session, vec![twin]).await.unwrap();
        assert_eq!(stored, 1, "running work may be queued again");
        vec![JobOutcome::retry("later")]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_does_not_answer_is_tried_again() {
    on_both(async |world| {
        let node = world.node().await;
        node.enqueue([job("short", 1).max_attempts(1)]).await;
        let worker = Worker::new("short", Silent);
        let running = node.jobs().worker(worker).start(&CancellationToken::new());
        assert!(running.drain(LIMIT).await.unwrap());
        running.stop().await;
        let dead = node
            .queue
            .dead(&node.session, "short", JobId(0), 10)
            .await
            .unwrap();
        assert!(
            dead[0]
                .last_error
                .as_deref()
                .unwrap()
                .contains("no outcome")
        );
    })
    .await;
}

struct Silent;

impl brisk_jobs::Handler for Silent {
    async fn handle(&self, _: brisk_jobs::JobContext, _: Vec<Job>) -> Vec<JobOutcome> {
        Vec::new()
    }
}
