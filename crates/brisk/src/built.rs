//! What a service brings to a running program.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use brisk_auth::Accounts;
use brisk_http::{HealthCheck, RouteRule};
use brisk_jobs::{Schedule, Worker};
use futures::future::BoxFuture;
use utoipa_axum::router::OpenApiRouter;

use crate::Task;

pub(crate) type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// A service, ready to be mounted; made by [`Service::build`](crate::Service::build).
#[derive(Default)]
pub struct Built {
    pub(crate) api: OpenApiRouter,
    pub(crate) workers: Vec<Worker>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) checks: Vec<HealthCheck>,
    pub(crate) rules: Vec<RouteRule>,
    pub(crate) on_shutdown: Option<Hook>,
    pub(crate) root: Option<Router>,
    pub(crate) accounts: Option<Arc<dyn Accounts>>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) role_words: Vec<RoleWord>,
}

/// What another issuer calls a permission: the role's name, and the permission that it stands for.
pub type RoleWord = (&'static str, &'static str);

/// What whoever started the program should read, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about, in a word or two.
    pub label: &'static str,
    /// A path of this program; it may have a secret in it, so it belongs on the terminal and in no log.
    pub path: String,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built")
            .field("workers", &self.workers)
            .field("schedules", &self.schedules)
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}

impl Built {
    /// Routes and their documentation, with paths as the service sees them: `/v1/reports`, not `/civic/v1/reports`.
    pub fn new(api: OpenApiRouter) -> Self {
        Self {
            api,
            ..Self::default()
        }
    }

    /// Adds routes at the root of the installation, whatever services run: what standards expect there.
    #[must_use]
    pub fn root(mut self, routes: Router) -> Self {
        self.root = Some(routes);
        self
    }

    /// Answers for whom tokens speak, for all services of the program.
    #[must_use]
    pub fn accounts(mut self, accounts: Arc<dyn Accounts>) -> Self {
        self.accounts = Some(accounts);
        self
    }

    /// Names the roles of other issuers that stand for permissions of this service. One role may stand for several.
    #[must_use]
    pub fn role_words(mut self, words: impl IntoIterator<Item = RoleWord>) -> Self {
        self.role_words.extend(words);
        self
    }

    /// Adds something for whoever started the program to read.
    #[must_use]
    pub fn notice(mut self, label: &'static str, path: String) -> Self {
        self.notices.push(Notice { label, path });
        self
    }

    /// Adds a worker for one kind of job.
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

    /// Adds work in the background.
    #[must_use]
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Adds a check to `/health/ready`.
    #[must_use]
    pub fn check(mut self, check: HealthCheck) -> Self {
        self.checks.push(check);
        self
    }

    /// Says what differs for the routes below a path; the prefix is as the service sees it.
    #[must_use]
    pub fn rule(mut self, rule: RouteRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Runs once when requests, jobs and tasks have ended and the database is still open.
    #[must_use]
    pub fn on_shutdown<F>(mut self, hook: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_shutdown = Some(Box::new(|| Box::pin(hook())));
        self
    }
}
