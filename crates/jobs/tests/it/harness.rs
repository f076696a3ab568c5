//! Two nodes on one database, on each engine in turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_core::{Clock, Ids, Scope, TenantId};
use brisk_db::{Db, DbConfig, Session};
use brisk_jobs::{Handler, Job, JobContext, JobOutcome, Jobs, JobsConfig, NewJob, Queue};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::{Database, Postgres};

/// How long a test waits for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// The tenant that most tests work for.
pub(crate) const TENANT: TenantId = TenantId(7);

enum Home {
    Sqlite(SqliteFile),
    Postgres(Box<Database>),
}

/// One database, which nodes open each for themselves.
pub(crate) struct World {
    home: Home,
    pub(crate) clock: Clock,
}

/// One process: its own connections and its own queue.
pub(crate) struct Node {
    pub(crate) db: Db,
    pub(crate) queue: Queue,
    pub(crate) session: Session,
}

impl World {
    pub(crate) async fn node(&self) -> Node {
        let url = match &self.home {
            Home::Sqlite(file) => file.url(),
            Home::Postgres(database) => database.url(),
        };
        let db = Db::open(DbConfig::new(url)).await.unwrap();
        db.migrate(&[brisk_jobs::MIGRATIONS]).await.unwrap();
        Node {
            session: db.session(Scope::system(TENANT, "test")),
            queue: Queue::new(self.clock.clone()),
            db,
        }
    }
}

impl Node {
    pub(crate) fn jobs(&self) -> Jobs {
        let config = JobsConfig {
            poll_min: Duration::from_millis(10),
            poll_max: Duration::from_millis(50),
            grace: Duration::from_millis(500),
            ..JobsConfig::default()
        };
        Jobs::new(self.db.clone(), self.queue.clone(), Ids::random(), config)
    }

    pub(crate) async fn enqueue(&self, jobs: impl IntoIterator<Item = NewJob>) -> u64 {
        let jobs = jobs.into_iter().collect();
        self.queue.enqueue(&self.session, jobs).await.unwrap()
    }
}

/// Runs a test on SQLite and on PostgreSQL, with the machine's clock.
pub(crate) async fn on_both(test: impl AsyncFn(World)) {
    on_both_at(Clock::system, test).await;
}

/// Runs a test on SQLite and on PostgreSQL, each with a clock of its own.
pub(crate) async fn on_both_at(clock: impl Fn() -> Clock, test: impl AsyncFn(World)) {
    test(World {
        home: Home::Sqlite(SqliteFile::new().unwrap()),
        clock: clock(),
    })
    .await;
    test(World {
        home: Home::Postgres(Box::new(Postgres::shared().database().unwrap())),
        clock: clock(),
    })
    .await;
}

pub(crate) fn standing_clock() -> Clock {
    Clock::manual("2026-03-07T12:00:00Z".parse().unwrap())
}

pub(crate) fn job(kind: &'static str, payload: i64) -> NewJob {
    NewJob::new(TENANT, kind, &payload).unwrap()
}

/// What handlers saw, in order.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<i64>>>);

impl Seen {
    pub(crate) fn add(&self, payload: i64) {
        self.0.lock().unwrap().push(payload);
    }

    pub(crate) fn list(&self) -> Vec<i64> {
        self.0.lock().unwrap().clone()
    }
}

/// Notes each payload and answers what the function says.
pub(crate) struct Note<F>(pub(crate) Seen, pub(crate) F);

impl<F: Fn(&Job) -> JobOutcome + Send + Sync + 'static> Handler for Note<F> {
    async fn handle(&self, _: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        jobs.iter()
            .map(|job| {
                self.0.add(job.payload().unwrap());
                (self.1)(job)
            })
            .collect()
    }
}

pub(crate) fn done(_: &Job) -> JobOutcome {
    JobOutcome::Done
}
