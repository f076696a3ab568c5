//! Workers: claim a batch, handle it under a lease, and settle what became of each job.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brisk_core::{Clock, Ids, Scope, TenantId};
use brisk_db::{Batch, Db, Session};
use brisk_telemetry::Sampler;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::JobsConfig;
use crate::context::JobContext;
use crate::error::{Error, cause};
use crate::job::{Job, JobId, JobOutcome};
use crate::metrics;
use crate::retry::RetryPolicy;
use crate::signal::Signal;
use crate::statements;

/// How often the end of a batch is written before it is left to the lease to expire.
const SETTLE_ATTEMPTS: u32 = 5;

/// Bytes of an error's text that are kept with the job.
const ERROR_TEXT: usize = 2_000;

/// Does the work of one kind of job.
pub trait Handler: Send + Sync + 'static {
    /// Handles a batch; answers one outcome for each job, in order. A panic, and each outcome that is missing, is a
    /// retry. The future is dropped when the program ends and the grace time is over.
    fn handle(
        &self,
        ctx: JobContext,
        jobs: Vec<Job>,
    ) -> impl Future<Output = Vec<JobOutcome>> + Send;
}

/// [`Handler`] as an object.
trait Handle: Send + Sync {
    fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> BoxFuture<'_, Vec<JobOutcome>>;
}

impl<H: Handler> Handle for H {
    fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> BoxFuture<'_, Vec<JobOutcome>> {
        Handler::handle(self, ctx, jobs).boxed()
    }
}

/// How one kind of job is worked on.
pub struct Worker {
    kind: &'static str,
    handler: Arc<dyn Handle>,
    batch: u32,
    concurrency: usize,
    lease: Duration,
    retry: RetryPolicy,
    by_tenant: bool,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker for `kind`: one job at a time, lease 60 s, and the default [`RetryPolicy`].
    pub fn new(kind: &'static str, handler: impl Handler) -> Self {
        Self {
            kind,
            handler: Arc::new(handler),
            batch: 1,
            concurrency: 1,
            lease: Duration::from_mins(1),
            retry: RetryPolicy::default(),
            by_tenant: false,
        }
    }

    /// Up to this many jobs in one batch.
    #[must_use]
    pub const fn batch(mut self, jobs: u32) -> Self {
        self.batch = jobs;
        self
    }

    /// Up to this many batches at once on this node.
    #[must_use]
    pub const fn concurrency(mut self, batches: usize) -> Self {
        self.concurrency = batches;
        self
    }

    /// How long a batch belongs to its worker without a sign of life. A sign is given three times in a lease, so this
    /// bounds how long the jobs of a lost process wait, not how long a handler may take.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// When failed jobs are tried again.
    #[must_use]
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Each batch holds jobs of one tenant only, and no two batches of one tenant and this kind run at once on any
    /// node. A node that stalls past its lease may still be running its handler when the next one begins; it can no
    /// longer [`complete`](JobContext::complete) anything then.
    #[must_use]
    pub const fn group_by_tenant(mut self) -> Self {
        self.by_tenant = true;
        self
    }

    pub(crate) const fn kind(&self) -> &'static str {
        self.kind
    }
}

/// What all workers of a process share.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) config: JobsConfig,
    /// No more claims.
    pub(crate) stop: CancellationToken,
    /// No more patience.
    pub(crate) abort: CancellationToken,
    /// Rings after each batch.
    pub(crate) settled: Arc<Notify>,
}

/// Jobs under one lease.
struct Claim {
    owner: Uuid,
    turn: Option<TenantId>,
    jobs: Vec<Job>,
}

/// What settling needs to know of a job once its handler has it.
#[derive(Clone, Copy)]
struct Held {
    id: JobId,
    attempt: u32,
    max_attempts: u32,
}

impl From<&Job> for Held {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
        }
    }
}

/// One worker at work.
pub(crate) struct Bench {
    pub(crate) worker: Worker,
    pub(crate) shop: Shop,
    pub(crate) signal: Arc<Signal>,
    /// Chooses the batches whose statements are judged, where the database is measured.
    pub(crate) sampler: Option<Sampler>,
}

impl Bench {
    /// Claims and handles until the stop; returns when the last batch has ended.
    pub(crate) async fn run(self: Arc<Self>) {
        let Shop { config, stop, .. } = &self.shop;
        let places = Arc::new(Semaphore::new(self.worker.concurrency.max(1)));
        let batches = TaskTracker::new();
        let mut idle = config.poll_min;
        loop {
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                place = Arc::clone(&places).acquire_owned() => place.expect("nobody closes the places"),
            };
            // Not under the select: a claim that is dropped on its way would keep its jobs for a whole lease.
            match self.claim().await {
                Ok(Some(claim)) if stop.is_cancelled() => {
                    self.release(&claim, 1).await;
                    break;
                }
                Ok(Some(claim)) => {
                    idle = config.poll_min;
                    let bench = Arc::clone(&self);
                    batches.spawn(async move {
                        bench.execute(claim).await;
                        bench.shop.settled.notify_waiters();
                        drop(place);
                    });
                }
                Ok(None) => {
                    drop(place);
                    let now = self.shop.clock.now();
                    let called = tokio::select! {
                        () = stop.cancelled() => break,
                        called = self.signal.wait(idle, now) => called,
                    };
                    idle = if called {
                        config.poll_min
                    } else {
                        (idle * 2).min(config.poll_max)
                    };
                }
                Err(e) => {
                    drop(place);
                    tracing::warn!(
                        kind = self.worker.kind,
                        error = cause(&e),
                        "jobs could not be claimed"
                    );
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(config.poll_max) => {}
                    }
                }
            }
        }
        batches.close();
        batches.wait().await;
    }

    fn session(&self) -> Session {
        self.shop.db.session(Scope::platform(self.worker.kind))
    }

    fn until(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.worker.lease).unwrap_or(Timestamp::MAX)
    }

    async fn claim(&self) -> Result<Option<Claim>, Error> {
        let session = self.session();
        let now = self.shop.clock.now();
        let until = self.until(now);
        let owner = self.shop.ids.uuid();
        let kind = || self.worker.kind.to_owned();
        let limit = i64::from(self.worker.batch.max(1));
        let (turn, rows) = if self.worker.by_tenant {
            let turn = session
                .run(&statements::TAKE_TURN, (kind(), now, until, owner))
                .await?;
            let Some(tenant) = turn else { return Ok(None) };
            let params = (kind(), now, until, owner, limit, tenant);
            let rows = session.run(&statements::CLAIM_OF_TENANT, params).await?;
            if rows.is_empty() {
                let params = (kind(), tenant, owner);
                session.run(&statements::FREE_TURN, params).await?;
            }
            (turn, rows)
        } else {
            let params = (kind(), now, until, owner, limit);
            (None, session.run(&statements::CLAIM, params).await?)
        };
        let Some(due) = rows.iter().map(|row| row.run_at).min() else {
            return Ok(None);
        };
        metrics::lag(self.worker.kind, due, now);
        let mut rows = rows;
        rows.sort_by_key(|row| (std::cmp::Reverse(row.priority), row.run_at, row.id));
        let jobs = rows.into_iter().map(Job::from).collect();
        Ok(Some(Claim { owner, turn, jobs }))
    }

    async fn execute(&self, claim: Claim) {
        let kind = self.worker.kind;
        let Claim { owner, turn, jobs } = claim;
        // A job whose attempts are used up was never settled: its workers were lost.
        let (jobs, worn): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|j| j.attempt <= j.max_attempts);
        let held: Vec<Held> = jobs.iter().chain(&worn).map(Held::from).collect();
        let ledger = self.sampler.as_ref().map(Sampler::ledger);
        let scope = Scope::platform(kind).counted_in(Arc::new(ledger.unwrap_or_default()));
        let ctx = JobContext {
            session: self.shop.db.session(scope),
            kind,
            owner,
            turn,
            stopping: self.shop.stop.clone(),
            completed: Arc::new(Mutex::new(HashSet::new())),
        };
        let began = Instant::now();
        let running = jobs.len();
        let handled = async {
            if jobs.is_empty() {
                return Ok(Vec::new());
            }
            AssertUnwindSafe(self.worker.handler.handle(ctx.clone(), jobs))
                .catch_unwind()
                .await
        };
        // Side by side: where the handler holds SQLite's only writer, a sign of life waits for the handler.
        let result = tokio::select! {
            result = handled => result,
            never = self.keep_alive(&held, owner, turn) => match never {},
            () = self.shop.abort.cancelled() => {
                tracing::warn!(kind, jobs = held.len(), "a batch was given up because the program ends");
                self.give_back(&held, owner, turn, 0).await;
                return;
            }
        };
        metrics::duration(kind, began.elapsed());
        self.judge(&ctx, result.as_deref().unwrap_or_default());
        let mut outcomes = result.unwrap_or_else(|panic| {
            let text = panic_text(panic.as_ref());
            tracing::error!(kind, panic = text, "a job handler panicked");
            vec![JobOutcome::retry(format_args!("panic: {text}")); running]
        });
        outcomes.truncate(running);
        outcomes.resize_with(running, || {
            JobOutcome::retry("the handler gave no outcome for this job")
        });
        outcomes.resize_with(held.len(), || {
            JobOutcome::dead("its workers were lost at every attempt")
        });
        let completed = ctx.take_completed();
        let mut settled = Settled::default();
        for (job, outcome) in held.into_iter().zip(outcomes) {
            if completed.contains(&job.id) {
                settled.completed += 1;
            } else {
                settled.add(job, outcome, self.worker.retry, self.shop.clock.now());
            }
        }
        if !settled.retry.is_empty() {
            // The worker is told when to look again.
            let now = self.shop.clock.now();
            if let Some(next) = settled.retry.iter().map(|(_, at, _)| *at).min() {
                self.settle(&settled, owner, turn).await;
                self.signal.ring(next, now);
                return;
            }
        }
        self.settle(&settled, owner, turn).await;
    }

    /// Has the detectors look at what the handler asked.
    fn judge(&self, ctx: &JobContext, outcomes: &[JobOutcome]) {
        let ledger = ctx.session.scope().ledger();
        match (ledger.take_trace(), self.shop.db.measured(), &self.sampler) {
            (Some(trace), Some(perf), _) => {
                let is_done = |outcome: &JobOutcome| matches!(outcome, JobOutcome::Done);
                let succeeded = !outcomes.is_empty() && outcomes.iter().all(is_done);
                perf.judge(|| format!("job {}", ctx.kind), &trace, succeeded);
            }
            (None, _, Some(sampler)) => sampler.suspect(ledger, &ledger.summary()),
            _ => {}
        }
    }

    /// Renews the leases three times in a lease, for as long as it is polled.
    async fn keep_alive(
        &self,
        held: &[Held],
        owner: Uuid,
        turn: Option<TenantId>,
    ) -> std::convert::Infallible {
        let ids: Vec<i64> = held.iter().map(|job| job.id.get()).collect();
        let session = self.session();
        loop {
            tokio::time::sleep(self.worker.lease / 3).await;
            let until = self.until(self.shop.clock.now());
            let mut batch = Batch::new();
            if let Some(tenant) = turn {
                let params = (self.worker.kind.to_owned(), tenant, owner, until);
                batch.run(&statements::RENEW_TURN, params);
            }
            batch.run(&statements::RENEW, (ids.clone(), owner, until));
            if let Err(e) = session.batch(batch).await {
                tracing::warn!(
                    kind = self.worker.kind,
                    error = cause(&e),
                    "leases could not be renewed"
                );
            }
        }
    }

    /// Writes how the jobs ended. What cannot be written is left to the end of the lease, and done again.
    async fn settle(&self, settled: &Settled, owner: Uuid, turn: Option<TenantId>) {
        let kind = self.worker.kind;
        let mut wait = Duration::from_millis(50);
        for attempt in 1..=SETTLE_ATTEMPTS {
            match self.write(settled, owner, turn).await {
                Ok(gone) => {
                    let lost = settled.done.len().saturating_sub(gone);
                    if lost > 0 {
                        tracing::warn!(
                            kind,
                            jobs = lost,
                            "jobs were done after their lease was lost"
                        );
                    }
                    metrics::ended(kind, "lost", lost);
                    metrics::ended(kind, "done", gone + settled.completed);
                    metrics::ended(kind, "retry", settled.retry.len());
                    metrics::ended(kind, "dead", settled.dead.len());
                    return;
                }
                Err(e) => {
                    tracing::warn!(
                        kind,
                        attempt,
                        error = cause(&e),
                        "the end of a batch could not be written"
                    );
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
            }
        }
    }

    async fn write(
        &self,
        settled: &Settled,
        owner: Uuid,
        turn: Option<TenantId>,
    ) -> Result<usize, brisk_db::Error> {
        let session = self.session();
        let done: Vec<i64> = settled.done.iter().map(|id| id.get()).collect();
        if turn.is_none() && settled.retry.is_empty() && settled.dead.is_empty() {
            if done.is_empty() {
                return Ok(0);
            }
            let gone = session.run(&statements::DONE, (done, owner)).await?;
            return Ok(usize::try_from(gone).unwrap_or(usize::MAX));
        }
        let mut batch = Batch::new();
        batch.run(&statements::DONE, (done, owner));
        let retries = settled.retry.iter();
        batch.run_each(
            &statements::RETRY,
            retries.map(|(id, at, error)| (*id, owner, *at, error.clone())),
        );
        let twins = settled.retry.iter();
        batch.run_each(&statements::DROP_TWIN, twins.map(|(id, ..)| (*id, owner)));
        let dead = settled.dead.iter();
        batch.run_each(
            &statements::BURY,
            dead.map(|(id, error)| (*id, owner, error.clone())),
        );
        if let Some(tenant) = turn {
            let params = (self.worker.kind.to_owned(), tenant, owner);
            batch.run(&statements::FREE_TURN, params);
        }
        let outcomes = session.batch(batch).await?;
        let gone = outcomes.first().map_or(0, |o| o.affected);
        Ok(usize::try_from(gone).unwrap_or(usize::MAX))
    }

    /// Puts back jobs that were not started.
    async fn release(&self, claim: &Claim, attempts: i32) {
        let held: Vec<Held> = claim.jobs.iter().map(Held::from).collect();
        self.give_back(&held, claim.owner, claim.turn, attempts)
            .await;
    }

    async fn give_back(&self, held: &[Held], owner: Uuid, turn: Option<TenantId>, attempts: i32) {
        let mut batch = Batch::new();
        batch.run_each(
            &statements::RELEASE,
            held.iter().map(|job| (job.id, owner, attempts)),
        );
        batch.run_each(
            &statements::DROP_TWIN,
            held.iter().map(|job| (job.id, owner)),
        );
        if let Some(tenant) = turn {
            let params = (self.worker.kind.to_owned(), tenant, owner);
            batch.run(&statements::FREE_TURN, params);
        }
        if let Err(e) = self.session().batch(batch).await {
            tracing::warn!(
                kind = self.worker.kind,
                error = cause(&e),
                "leases could not be given back; they end by themselves"
            );
        }
    }
}

/// The jobs of a batch by how they ended.
#[derive(Default)]
struct Settled {
    done: Vec<JobId>,
    retry: Vec<(JobId, Timestamp, String)>,
    dead: Vec<(JobId, String)>,
    completed: usize,
}

impl Settled {
    fn add(&mut self, job: Held, outcome: JobOutcome, policy: RetryPolicy, now: Timestamp) {
        match outcome {
            JobOutcome::Done => self.done.push(job.id),
            JobOutcome::Retry { error, after } if job.attempt < job.max_attempts => {
                let after = after.unwrap_or_else(|| policy.wait(job.attempt));
                let at = now.checked_add(after).unwrap_or(Timestamp::MAX);
                self.retry.push((job.id, at, short(error)));
            }
            JobOutcome::Retry { error, .. } | JobOutcome::Dead { error } => {
                self.dead.push((job.id, short(error)));
            }
        }
    }
}

/// The beginning of a text. PostgreSQL takes no NUL in one.
fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(ERROR_TEXT));
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}");
    }
    text
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
