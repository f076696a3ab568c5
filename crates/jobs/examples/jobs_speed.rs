//! How many jobs a second one process enqueues and does: on a new SQLite file, and on PostgreSQL when an address is given.
//!
//! `cargo run --release -p brisk-jobs --example jobs_speed --features testing -- [postgres://…]`
#![expect(clippy::print_stdout, reason = "a program whose purpose is its output")]

use std::error::Error;
use std::time::{Duration, Instant};

use brisk_core::{Clock, Ids, Scope, TenantId};
use brisk_db::{Db, DbConfig};
use brisk_jobs::{Handler, Job, JobContext, JobOutcome, Jobs, JobsConfig, NewJob, Queue, Worker};
use tokio_util::sync::CancellationToken;

const JOBS: i64 = 50_000;
const AT_ONCE: i64 = 1_000;

struct Nothing;

impl Handler for Nothing {
    async fn handle(&self, _: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        vec![JobOutcome::Done; jobs.len()]
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = brisk_testkit::files::SqliteFile::new()?;
    run("sqlite", file.url()).await?;
    if let Some(url) = std::env::args().nth(1) {
        run("postgresql", url).await?;
    }
    Ok(())
}

async fn run(engine: &str, url: String) -> Result<(), Box<dyn Error>> {
    let db = Db::open(DbConfig::new(url)).await?;
    db.migrate(&[brisk_jobs::MIGRATIONS]).await?;
    let session = db.session(Scope::system(TenantId(1), "speed"));
    let queue = Queue::new(Clock::system());
    for (label, kind, batch, count) in [
        ("one by one", "single", 1, JOBS / 10),
        ("batches of 100", "many", 100, JOBS),
    ] {
        let began = Instant::now();
        for start in (0..count).step_by(usize::try_from(AT_ONCE)?) {
            let jobs = (start..(start + AT_ONCE).min(count))
                .map(|n| NewJob::new(TenantId(1), kind, &n))
                .collect::<Result<Vec<_>, _>>()?;
            queue.enqueue(&session, jobs).await?;
        }
        let enqueued = began.elapsed();
        let config = JobsConfig::default();
        let worker = Worker::new(kind, Nothing).batch(batch).concurrency(4);
        let began = Instant::now();
        let running = Jobs::new(db.clone(), queue.clone(), Ids::random(), config)
            .worker(worker)
            .start(&CancellationToken::new());
        running.drain(Duration::from_mins(5)).await?;
        let done = began.elapsed();
        running.stop().await;
        let rate =
            |took: Duration| u128::from(count.unsigned_abs()) * 1_000_000 / took.as_micros().max(1);
        println!(
            "{engine}, {label}: {count} jobs, enqueued {}/s, done {}/s",
            rate(enqueued),
            rate(done)
        );
    }
    db.close().await;
    Ok(())
}
