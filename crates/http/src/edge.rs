//! Puts the pipeline and the kit's own routes around a router.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use brisk_cache::Caches;
use brisk_core::{Clock, Ids};
use brisk_telemetry::{PerfStats, Prometheus, TelemetryConfig};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use utoipa_axum::router::OpenApiRouter;

use crate::caller::TenantDirectory;
use crate::config::{EdgeConfig, Environment, RouteRule};
use crate::pipeline::{Core, PipelineLayer};
use crate::stage::Stage;
use crate::{
    Anonymous, Authenticate, Caller, HealthCheck, Json, Problem, Ready, caches, docs, insight,
    json_with_etag,
};

pub(crate) type Probe = Arc<dyn Fn(Stage) + Send + Sync>;

/// What the edge is built from.
#[derive(Clone)]
pub struct Parts {
    /// Where the program runs.
    pub environment: Environment,
    /// Finds out who asks.
    pub authenticate: Arc<dyn Authenticate>,
    /// Knows the tenants; without it any tenant's number passes for the public and for platform administrators.
    pub tenants: Option<Arc<dyn TenantDirectory>>,
    /// Statistics by route and statement.
    pub perf: Arc<PerfStats>,
    /// The metrics of the process; without it `/metrics` is empty.
    pub prometheus: Option<Prometheus>,
    /// What is kept in memory; without it there is no `/caches`.
    pub caches: Option<Caches>,
    /// What the process depends on.
    pub checks: Vec<HealthCheck>,
    /// What differs for single routes.
    pub rules: Vec<RouteRule>,
    /// Where request ids come from.
    pub ids: Ids,
    /// Called at each stage that a request meets, for tests of their order.
    pub probe: Option<Arc<dyn Fn(Stage) + Send + Sync>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

impl Default for Parts {
    /// Development, the public only, no checks: what a first test needs.
    fn default() -> Self {
        Self {
            environment: Environment::Development,
            authenticate: Arc::new(Anonymous),
            tenants: None,
            perf: PerfStats::new(&TelemetryConfig::default(), Clock::system()),
            prometheus: None,
            caches: None,
            checks: Vec::new(),
            rules: Vec::new(),
            ids: Ids::random(),
            probe: None,
        }
    }
}

/// The edge: pipeline, health, metrics, statistics and the OpenAPI document.
#[derive(Debug)]
pub struct Edge {
    config: EdgeConfig,
    parts: Parts,
}

#[derive(Clone)]
struct Own(Arc<OwnParts>);

struct OwnParts {
    checks: Vec<HealthCheck>,
    perf: Arc<PerfStats>,
    prometheus: Option<Prometheus>,
    caches: Option<Caches>,
    openapi: serde_json::Value,
    page: String,
}

impl Edge {
    /// An edge of these parts.
    pub fn new(config: EdgeConfig, parts: Parts) -> Self {
        Self { config, parts }
    }

    /// Adds the kit's routes at the root and puts the pipeline around everything.
    ///
    /// `/health/live`, `/health/ready`, `/metrics`, `/performance/stats`, `/caches`, `/openapi.json` and `/docs` belong to the
    /// edge; a router that has one of them too is a fault in the program, at which axum panics at start.
    pub fn wrap(self, router: OpenApiRouter) -> Router {
        let (router, openapi) = router.split_for_parts();
        let openapi = serde_json::to_value(&openapi).expect("an OpenAPI document is JSON");
        let own = Own(Arc::new(OwnParts {
            checks: self.parts.checks.clone(),
            perf: Arc::clone(&self.parts.perf),
            prometheus: self.parts.prometheus.clone(),
            caches: self.parts.caches.clone(),
            page: docs::page(&openapi),
            openapi,
        }));
        let kit = Router::new()
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/metrics", get(metrics_text))
            .route("/performance/stats", get(stats))
            .route("/openapi.json", get(openapi_json))
            .route("/docs", get(docs_page))
            .with_state(own);
        let kit = match self.parts.caches.clone() {
            Some(caches) => kit.merge(caches::router(caches)),
            None => kit,
        };
        let core = Arc::new(Core::new(&self.config, self.parts));
        router.merge(kit).layer(PipelineLayer::new(core))
    }
}

async fn live() -> impl IntoResponse {
    Json(serde_json::json!({"status": "healthy"}))
}

async fn ready(State(Own(own)): State<Own>) -> Ready {
    Ready::of(&own.checks).await
}

async fn metrics_text(caller: Caller, State(Own(own)): State<Own>) -> Result<Response, Problem> {
    insight::require(&caller.0)?;
    if let Some(caches) = &own.caches {
        caches.publish();
    }
    let text = own
        .prometheus
        .as_ref()
        .map_or_else(String::new, Prometheus::render);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}

async fn stats(caller: Caller, State(Own(own)): State<Own>) -> Result<Response, Problem> {
    insight::require(&caller.0)?;
    let fresh = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((fresh, Json(own.perf.snapshot())).into_response())
}

async fn openapi_json(headers: HeaderMap, State(Own(own)): State<Own>) -> Response {
    json_with_etag(&headers, &own.openapi)
}

async fn docs_page(State(Own(own)): State<Own>) -> Response {
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    ([(CONTENT_SECURITY_POLICY, policy)], Html(own.page.clone())).into_response()
}
