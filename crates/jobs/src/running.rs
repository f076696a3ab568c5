//! Starts workers, schedules and singletons, and ends them in good order.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use brisk_core::{Clock, Ids, Scope};
use brisk_db::Db;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::JobsConfig;
use crate::error::cause;
use crate::leader::Singleton;
use crate::metrics;
use crate::queue::Queue;
use crate::schedule::Schedule;
use crate::worker::{Bench, Shop, Worker};

/// What this process works on; nothing runs before [`Jobs::start`].
#[derive(Debug)]
pub struct Jobs {
    db: Db,
    clock: Clock,
    ids: Ids,
    queue: Queue,
    config: JobsConfig,
    workers: Vec<Worker>,
    schedules: Vec<Schedule>,
    singletons: Vec<Singleton>,
}

impl std::fmt::Debug for Singleton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Singleton").field(&self.name).finish()
    }
}

impl Jobs {
    /// No work yet; the clock is the queue's.
    pub fn new(db: Db, queue: Queue, ids: Ids, config: JobsConfig) -> Self {
        Self {
            db,
            clock: queue.clock().clone(),
            ids,
            queue,
            config,
            workers: Vec::new(),
            schedules: Vec::new(),
            singletons: Vec::new(),
        }
    }

    /// Adds a worker; one for each kind.
    #[must_use]
    pub fn worker(mut self, worker: Worker) -> Self {
        self.workers.push(worker);
        self
    }

    /// Adds a schedule.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    /// Runs `work` on one node at a time, under the lease `name` that ends `ttl` after its last renewal. The token
    /// says when to stop: the lease was lost or the program ends. Work that ends by itself is begun again.
    #[must_use]
    pub fn singleton<F>(
        mut self,
        name: &'static str,
        ttl: Duration,
        work: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.singletons.push(Singleton::new(name, ttl, work));
        self
    }

    /// Starts one task for each worker, schedule and singleton; `end` ends them all.
    pub fn start(self, end: &CancellationToken) -> Running {
        let shop = Shop {
            db: self.db,
            clock: self.clock,
            ids: self.ids,
            config: self.config,
            stop: end.child_token(),
            abort: CancellationToken::new(),
            settled: Arc::new(Notify::new()),
        };
        let tasks = TaskTracker::new();
        let kinds: Vec<_> = self.workers.iter().map(Worker::kind).collect();
        for worker in self.workers {
            let signal = self.queue.signals().of(worker.kind());
            let bench = Bench {
                worker,
                sampler: shop.db.measured().map(|perf| perf.sampler()),
                shop: shop.clone(),
                signal,
            };
            tasks.spawn(Arc::new(bench).run());
        }
        for schedule in self.schedules {
            tasks.spawn(schedule.run(shop.clone(), self.queue.clone()));
        }
        for singleton in self.singletons {
            tasks.spawn(singleton.run(shop.clone()));
        }
        tasks.spawn(count(shop.clone(), kinds));
        tasks.close();
        Running { shop, tasks }
    }
}

async fn count(shop: Shop, kinds: Vec<&'static str>) {
    let session = shop.db.session(Scope::platform("jobs"));
    loop {
        if let Err(e) = metrics::count(&session, &kinds).await {
            tracing::debug!(error = cause(&e), "the waiting jobs could not be counted");
        }
        tokio::select! {
            () = shop.stop.cancelled() => return,
            () = tokio::time::sleep(shop.config.count_every) => {}
        }
    }
}

/// Jobs at work. Dropping it leaves them at work; [`Running::stop`] ends them.
#[derive(Debug)]
pub struct Running {
    pub(crate) shop: Shop,
    tasks: TaskTracker,
}

impl Running {
    /// Waits until the token given to [`Jobs::start`] stops everything, and then for the last handler, for as long as
    /// the grace time says; what runs longer is dropped and its jobs are given back.
    pub async fn finished(&self) {
        self.shop.stop.cancelled().await;
        if tokio::time::timeout(self.shop.config.grace, self.tasks.wait())
            .await
            .is_err()
        {
            self.shop.abort.cancel();
            self.tasks.wait().await;
        }
    }

    /// Claims no more and waits as [`Running::finished`] does.
    pub async fn stop(&self) {
        self.shop.stop.cancel();
        self.finished().await;
    }
}
