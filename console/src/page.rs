//! The page at `/`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template as _;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use brisk_cache::Caches;
use brisk_core::{Clock, Summary, TenantId};
use brisk_http::{Caller, Problem, Query};
use brisk_telemetry::PerfStats;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use crate::data::{City, CityView, PublicDashboard};
use crate::people::{Api, People};
use crate::policy::POLICY;
use crate::view::{DashboardPage, MessagePage};
use crate::{caches, findings};

/// The console; [`Console::router`] is what a server mounts at its root.
#[derive(Clone)]
pub struct Console {
    data: Arc<dyn PublicDashboard>,
    clock: Clock,
    perf: Option<Arc<PerfStats>>,
    caches: Option<Caches>,
    people: Option<People>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Console")
    }
}

/// What a page cost until it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Statements sent.
    pub statements: u64,
    /// Time waited for the database.
    pub database: Duration,
    /// All time since the request reached the page.
    pub total: Duration,
}

impl Cost {
    fn of(summary: &Summary, total: Duration) -> Self {
        Self {
            statements: summary.statements,
            database: summary.time[0],
            total,
        }
    }
}

/// A page from given figures, for previews and tests.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The menu.
    pub cities: Vec<City>,
    /// The figures.
    pub view: CityView,
    /// The footer.
    pub cost: Cost,
    /// The instant that relative times count from.
    pub now: Timestamp,
}

impl Sample {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let page = DashboardPage::new(&self.cities, &self.view, self.now, self.cost);
        page.render().expect("writing to a string does not fail")
    }
}

#[derive(Debug, Deserialize)]
struct Choice {
    city: Option<String>,
}

impl Console {
    /// A console over this data.
    pub fn new(data: Arc<dyn PublicDashboard>, clock: Clock) -> Self {
        Self {
            data,
            clock,
            perf: None,
            caches: None,
            people: None,
        }
    }

    /// Shows operators at `/findings` what these statistics found.
    #[must_use]
    pub fn statistics(mut self, perf: Arc<PerfStats>) -> Self {
        self.perf = Some(perf);
        self
    }

    /// Shows operators at `/memory` what these caches keep.
    #[must_use]
    pub fn caches(mut self, caches: Caches) -> Self {
        self.caches = Some(caches);
        self
    }

    /// Lets people sign in, and shows them what this API answers them; `is_secure` keeps their cookies to secure connections.
    #[must_use]
    pub fn people(mut self, api: Arc<dyn Api>, is_secure: bool) -> Self {
        self.people = Some(People::new(api, is_secure));
        self
    }

    /// The page at `/`, with statistics the one at `/findings`, with caches the one at `/memory`.
    pub fn router(self) -> Router {
        let (perf, caches) = (self.perf.clone(), self.caches.clone());
        let people = self.people.clone();
        let mut router = Router::new().route("/", get(home)).with_state(self);
        if let Some(perf) = perf {
            let findings = Router::new().route("/findings", get(findings::page));
            router = router.merge(findings.with_state(perf));
        }
        if let Some(kept) = caches {
            let caches = Router::new().route("/memory", get(caches::page));
            router = router.merge(caches.with_state(kept));
        }
        if let Some(people) = people {
            router = router.merge(people.router());
        }
        router
    }

    async fn page(&self, caller: &Caller, wanted: Option<&str>) -> Result<Shown, Problem> {
        let began = Instant::now();
        let scope = caller.scope(TenantId::PLATFORM);
        let cities = self.data.cities(&scope).await?;
        let Some(slug) = wanted.or_else(|| cities.first().map(|c| c.slug.as_str())) else {
            return Ok(Shown::message(
                StatusCode::OK,
                &MessagePage::new(
                    "Nothing to show yet",
                    "No place has a public page. Create one with “brisk tenant create”, then reload.",
                ),
            ));
        };
        let Some(view) = self.data.dashboard(&scope, slug).await? else {
            let page = MessagePage::new(
                "There is no such place",
                "No public page has this name. Choose one of those that are there.",
            );
            return Ok(Shown::message(
                StatusCode::NOT_FOUND,
                &page.with_cities(&cities),
            ));
        };
        let cost = Cost::of(&scope.ledger().summary(), began.elapsed());
        let page = DashboardPage::new(&cities, &view, self.clock.now(), cost);
        Ok(Shown {
            status: StatusCode::OK,
            html: page.render().expect("writing to a string does not fail"),
            retry: false,
        })
    }
}

struct Shown {
    status: StatusCode,
    html: String,
    retry: bool,
}

impl Shown {
    fn message(status: StatusCode, page: &MessagePage) -> Self {
        Self {
            status,
            html: page.render().expect("writing to a string does not fail"),
            retry: false,
        }
    }

    fn failed(problem: &Problem) -> Self {
        let away = problem.status() != StatusCode::INTERNAL_SERVER_ERROR;
        let page = if away {
            MessagePage::new(
                "The figures are away for a moment",
                "The database does not answer. Nothing is lost; reload in a few seconds.",
            )
        } else {
            MessagePage::new(
                "This page could not be made",
                "Something went wrong on our side, and it was noted.",
            )
        };
        Self {
            retry: away,
            ..Self::message(problem.status(), &page)
        }
    }
}

async fn home(
    State(console): State<Console>,
    caller: Caller,
    Query(choice): Query<Choice>,
) -> Response {
    let wanted = choice.city.as_deref().filter(|slug| !slug.is_empty());
    let shown = match console.page(&caller, wanted).await {
        Ok(shown) => shown,
        Err(problem) => {
            tracing::warn!(code = problem.code(), "the console has no figures to show");
            Shown::failed(&problem)
        }
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (shown.status, headers, Html(shown.html)).into_response();
    if shown.retry {
        let soon = HeaderValue::from_static("2");
        response.headers_mut().insert(RETRY_AFTER, soon);
    }
    response
}
