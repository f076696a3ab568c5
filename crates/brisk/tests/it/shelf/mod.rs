//! A service whose handlers are written as people write them, well and badly, each with what is to be found in it.

mod guilty;
mod held_out;
mod innocent;
mod innocent_jobs;
mod tables;

use brisk::db::Error;
use brisk::prelude::*;
use futures::future::BoxFuture;

/// One way of asking the database, as a route and as a job of its own.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What detectors must say, and nothing else: the kind and the statement.
    pub(crate) expected: &'static [(FindingKind, &'static str)],
    /// Kept apart from the making of the rules.
    pub(crate) held_out: bool,
    work: fn(Session) -> BoxFuture<'static, Result<(), Error>>,
}

/// Declares cases: name, what is to be found, and the work.
macro_rules! cases {
    ($held_out:literal: $($name:ident [$($kind:ident $statement:literal),*] |$session:ident, $t:ident| $body:block)*) => {
        pub(super) const CASES: &[$crate::shelf::Case] = &[$($crate::shelf::Case {
            name: stringify!($name),
            expected: &[$((brisk::prelude::FindingKind::$kind, concat!("shelf.", $statement))),*],
            held_out: $held_out,
            work: |$session| Box::pin(async move {
                let $t = $session.tenant();
                $body
                Ok(())
            }),
        }),*];
    };
}
use cases;

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    let lists = [
        guilty::CASES,
        innocent::CASES,
        innocent_jobs::CASES,
        held_out::CASES,
    ];
    lists.concat()
}

/// Fills the tables for two tenants, on either engine.
pub(crate) fn rows(tenants: [TenantId; 2], postgres: bool) -> Vec<String> {
    let [first, second] = tenants;
    let mut all = tables::rows(first, 20_001);
    all.extend(tables::rows(second, 70_001));
    let instant = |text: &str| match text.split('@').collect::<Vec<_>>()[..] {
        [before, at, after] if postgres => {
            format!("{before}to_timestamp({at} / 1000000.0){after}")
        }
        [before, at, after] => format!("{before}{at}{after}"),
        _ => text.to_owned(),
    };
    all.iter().map(|text| instant(text)).collect()
}

/// The service; each case is the route `GET /v1/NAME` and a job of the same kind.
#[derive(Clone, Copy)]
pub(crate) struct Shelf;

struct Work(Case);

impl Handler for Work {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let mut outcomes = Vec::new();
        for job in jobs {
            let tenant = TenantId(job.payload().unwrap());
            let outcome = match (self.0.work)(ctx.session_of(tenant)).await {
                Ok(()) => JobOutcome::Done,
                Err(e) => JobOutcome::dead(e),
            };
            outcomes.push(outcome);
        }
        outcomes
    }
}

impl Service for Shelf {
    type Settings = crate::notes::NoSettings;

    fn name(&self) -> &'static str {
        "shelf"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        vec![tables::MIGRATIONS]
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        tables::STATEMENTS.to_vec()
    }

    async fn build(&self, kit: &Kit, _: Self::Settings) -> Result<Built, BoxError> {
        let mut api = OpenApiRouter::new();
        for case in all() {
            let db = kit.db.clone();
            let answer = move |scope: TenantScope| async move {
                scope.require(Role::Reporter)?;
                (case.work)(db.session(scope.0)).await?;
                Ok::<_, Problem>("done")
            };
            let path = format!("/v1/{}", case.name);
            api = api.route(&path, brisk::axum::routing::get(answer));
        }
        let built = Built::new(api);
        Ok(all().into_iter().fold(built, |built, case| {
            built.worker(Worker::new(case.name, Work(case)))
        }))
    }
}
