//! The pipeline: one middleware that runs every stage in the order of [`STAGES`].

use std::any::Any;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, RwLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request};
use axum::response::Response;
use brisk_core::{Class, Deadline, Ids, Principal, Scope, TenantId};
use brisk_telemetry::{PerfStats, names};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, ORIGIN};
use http::{Method, request};
use http_body::Body as _;
use http_body_util::Limited;
use tower::{Layer, Service, ServiceExt};
use tracing::Instrument;
use uuid::Uuid;

use crate::config::{EdgeConfig, Environment, RequestLog, RouteRule};
use crate::cors::Cors;
use crate::edge::{Parts, Probe};
use crate::exchange::Exchange;
use crate::flight::{Flight, InFlight};
use crate::headers;
use crate::limit::Limiter;
use crate::stage::{STAGES, Stage};
use crate::{Authenticate, OwnMembers, Problem, address, compress, json};

/// The stages that stand around the others; the rest runs inside them.
const OUTER: usize = 4;
const _: () = assert!(
    matches!(STAGES[0], Stage::RequestId)
        && matches!(STAGES[1], Stage::Trace)
        && matches!(STAGES[2], Stage::PanicCatch)
        && matches!(STAGES[3], Stage::Deadline)
);

/// From this time on a request is worth a line in the log whatever the setting.
const NOTABLE: std::time::Duration = std::time::Duration::from_secs(1);

/// The route name of requests that no route fits.
const UNMATCHED: &str = "unmatched";

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum CallerKey {
    Known(Uuid),
    Public(IpAddr),
}

/// What holds for one route.
pub(crate) struct Plan {
    deadline: std::time::Duration,
    max_body: u64,
    callers: Option<Arc<Limiter<CallerKey>>>,
    /// Health probes are never limited.
    exempt: bool,
    /// Credentials are not looked at.
    is_public: bool,
    members: Option<OwnMembers>,
}

struct Rule {
    prefix: String,
    plan: Arc<Plan>,
}

/// Everything that the pipeline shares between requests.
pub(crate) struct Core {
    environment: Environment,
    authenticate: Arc<dyn Authenticate>,
    tenants: Option<Arc<dyn crate::TenantDirectory>>,
    insight: Option<Arc<[ipnet::IpNet]>>,
    perf: Arc<PerfStats>,
    ids: Ids,
    public: Arc<Principal>,
    cors: Option<Cors>,
    compress_above: u64,
    request_log: RequestLog,
    trusted: Vec<ipnet::IpNet>,
    addresses: Option<Limiter<IpAddr>>,
    by_tenant: Option<Limiter<TenantId>>,
    usual: Arc<Plan>,
    /// The longest prefix first.
    rules: Vec<Rule>,
    /// Plans of the templates seen; there are only as many as routes.
    plans: RwLock<HashMap<Box<str>, Arc<Plan>>>,
    probe: Option<Probe>,
}

impl Core {
    pub(crate) fn new(config: &EdgeConfig, parts: Parts) -> Self {
        let keys = config.limit_keys;
        let limiter = |rate, burst| Limiter::new(rate, burst, keys).map(Arc::new);
        let usual = Plan {
            deadline: config.deadline,
            max_body: config.max_body.as_u64(),
            callers: limiter(config.rate_limit_per_min, config.rate_limit_burst),
            exempt: false,
            is_public: false,
            members: None,
        };
        let with = |rule: &RouteRule| Plan {
            deadline: rule.deadline.unwrap_or(usual.deadline),
            max_body: rule.max_body.map_or(usual.max_body, |b| b.as_u64()),
            callers: match rule.rate_limit_per_min {
                Some(rate) => limiter(
                    rate,
                    rule.rate_limit_burst.unwrap_or(config.rate_limit_burst),
                ),
                None => usual.callers.clone(),
            },
            exempt: false,
            is_public: rule.is_public,
            members: rule.members,
        };
        let mut rules: Vec<Rule> = parts
            .rules
            .iter()
            .map(|rule| Rule {
                prefix: rule.prefix.clone(),
                plan: Arc::new(with(rule)),
            })
            .collect();
        rules.push(Rule {
            prefix: "/health/".to_owned(),
            plan: Arc::new(Plan {
                callers: None,
                exempt: true,
                ..with(&RouteRule::default())
            }),
        });
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.prefix.len()));
        Self {
            environment: parts.environment,
            authenticate: parts.authenticate,
            tenants: parts.tenants,
            insight: config.insight_networks.clone().map(Arc::from),
            perf: parts.perf,
            ids: parts.ids,
            public: Arc::new(Principal::anonymous()),
            cors: Cors::new(&config.cors_origins),
            compress_above: config.compress_above.as_u64(),
            request_log: config.request_log,
            trusted: config.trusted_proxies.clone(),
            addresses: Limiter::new(config.address_limit_per_min, 0, keys),
            by_tenant: Limiter::new(config.tenant_limit_per_min, 0, keys),
            usual: Arc::new(usual),
            rules,
            plans: RwLock::default(),
            probe: parts.probe,
        }
    }

    fn plan(&self, route: &str) -> Arc<Plan> {
        let found = self
            .plans
            .read()
            .expect("no holder of this lock can panic")
            .get(route)
            .cloned();
        found.unwrap_or_else(|| {
            let plan = Arc::clone(self.ruled(route).unwrap_or(&self.usual));
            let mut plans = self
                .plans
                .write()
                .expect("no holder of this lock can panic");
            plans.insert(route.into(), Arc::clone(&plan));
            plan
        })
    }

    fn ruled(&self, path: &str) -> Option<&Arc<Plan>> {
        let rule = self.rules.iter().find(|rule| covers(&rule.prefix, path));
        rule.map(|rule| &rule.plan)
    }

    fn visit(&self, stage: Stage) {
        if let Some(probe) = &self.probe {
            probe(stage);
        }
    }

    async fn run<S>(self: Arc<Self>, request: Request, inner: S) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let started = Instant::now();
        STAGES[..OUTER].iter().for_each(|stage| self.visit(*stage));
        let mut held = Some(request.into_parts());
        let parts = &held.as_ref().expect("just put there").0;
        let matched = parts.extensions.get::<MatchedPath>().cloned();
        let route = matched.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        let plan = self.plan(route);
        let members = match &matched {
            Some(_) => plan.members,
            None => self.ruled(parts.uri.path()).and_then(|plan| plan.members),
        };
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let meter = self.perf.route(parts.method.as_str(), route);
        let mut flight = Flight {
            request_id: headers::request_id(&parts.headers, &self.ids),
            ledger: Arc::new(meter.sampler().ledger()),
            deadline: Deadline::after(plan.deadline),
            principal: Arc::clone(&self.public),
            client: address::client(peer, &parts.headers, &self.trusted),
            origin: self
                .cors
                .as_ref()
                .and_then(|_| parts.headers.get(ORIGIN).cloned()),
            accept_encoding: parts.headers.get(ACCEPT_ENCODING).cloned(),
            method: parts.method.clone(),
            verdict: None,
            meter: InFlight::start(meter),
            is_matched: matched.is_some(),
            seed_aliases: self.perf.seed_aliases(),
            plan,
            members,
        };
        let span = tracing::info_span!("http.request", request_id = %flight.request_id);
        let within = flight.plan.deadline;
        let work = tokio::time::timeout(within, self.guarded(&mut flight, &mut held, inner));
        let caught = AssertUnwindSafe(work)
            .catch_unwind()
            .instrument(span.clone())
            .await;
        let outcome = match caught {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_elapsed)) => Err(timed_out()),
            Err(panic) => Err(panicked(panic.as_ref())),
        };
        let mut response = span.in_scope(|| match outcome {
            Ok(response) => flight.in_our_words(response),
            Err(problem) => flight.render(&problem),
        });
        // Boxed, because both are rare and would swell the future of every request.
        if flight.method != Method::HEAD
            && let Some(accept) = flight.accept_encoding.take()
            && compress::is_worth_it(&response, self.compress_above)
        {
            response = Box::pin(compress::compress(response, accept)).await;
        }
        if let (Some(cors), Some(origin)) = (&self.cors, flight.origin.take()) {
            response = Box::pin(cors.mark(origin, response)).await;
        }
        span.in_scope(|| self.close(&mut flight, &mut response, started));
        response
    }

    async fn guarded<S>(
        &self,
        flight: &mut Flight,
        held: &mut Option<(request::Parts, Body)>,
        inner: S,
    ) -> Result<Response, Problem>
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        // Lent, not given: each wrapper of this future would move its arguments once more.
        let (parts, body) = held.as_mut().expect("a request is handled once");
        for stage in &STAGES[OUTER..] {
            self.visit(*stage);
            match stage {
                // The first four stand around this function; compression works on the way back.
                Stage::RequestId
                | Stage::Trace
                | Stage::PanicCatch
                | Stage::Deadline
                | Stage::Compression => {}
                Stage::SizeLimit => bound(parts, body, flight.plan.max_body)?,
                Stage::Cors => {
                    if let Some(cors) = &self.cors
                        && let Some(answer) =
                            Box::pin(cors.preflight(&parts.method, &parts.headers)).await
                    {
                        flight.origin = None;
                        return Ok(answer);
                    }
                }
                Stage::AddressLimit => {
                    if let Some(limit) = self.addresses.as_ref().filter(|_| !flight.plan.exempt) {
                        let verdict = limit.check(&address::limit_key(flight.client));
                        flight.admit(verdict, "address")?;
                    }
                }
                Stage::Auth => {
                    if !flight.plan.is_public && self.authenticate.has_credentials(parts) {
                        let scope = Scope::new(
                            TenantId::PLATFORM,
                            Arc::clone(&self.public),
                            flight.deadline,
                            Arc::clone(&flight.ledger),
                        );
                        flight.principal = self.authenticate.authenticate(parts, &scope).await?;
                    }
                }
                Stage::CallerLimit => self.limit_caller(flight)?,
                Stage::Scope => {
                    parts.extensions.insert(Arc::new(Exchange {
                        request_id: flight.request_id.clone(),
                        principal: Arc::clone(&flight.principal),
                        deadline: flight.deadline,
                        ledger: Arc::clone(&flight.ledger),
                        client: flight.client,
                        environment: self.environment,
                        authenticate: Arc::clone(&self.authenticate),
                        tenants: self.tenants.clone(),
                        insight: self.insight.clone(),
                    }));
                }
            }
        }
        let (parts, body) = held.take().expect("a request is handled once");
        let mut request = Request::from_parts(parts, body);
        if flight.plan.max_body > 2 * 1024 * 1024 {
            // axum's own extractors stop at 2 MiB; the pipeline has its own bound.
            DefaultBodyLimit::disable().apply(&mut request);
        }
        match inner.oneshot(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    fn limit_caller(&self, flight: &mut Flight) -> Result<(), Problem> {
        if flight.plan.exempt {
            return Ok(());
        }
        if let Some(limit) = flight.plan.callers.clone() {
            let (key, kind) = if flight.principal.is_anonymous() {
                (
                    CallerKey::Public(address::limit_key(flight.client)),
                    "public",
                )
            } else {
                (CallerKey::Known(flight.principal.id), "caller")
            };
            flight.admit(limit.check(&key), kind)?;
        }
        if let (Some(limit), Some(tenant)) = (&self.by_tenant, flight.principal.tenant) {
            flight.admit(limit.check(&tenant), "tenant")?;
        }
        Ok(())
    }

    /// Adds the headers of every answer, then counts and logs the request.
    fn close(&self, flight: &mut Flight, response: &mut Response, started: Instant) {
        let status = response.status();
        let elapsed = started.elapsed();
        let cost = flight.ledger.summary();
        let headers = response.headers_mut();
        headers::secure(headers);
        headers::identify(headers, &flight.request_id);
        if let Some(verdict) = flight.verdict {
            verdict.write(headers);
        }
        let open = self.environment == Environment::Development;
        if open || crate::insight::is_operator(&flight.principal) {
            headers::time(headers, &cost, elapsed);
        }
        let meter = flight.meter.finish(status.as_u16(), elapsed, &cost);
        match flight.ledger.take_trace() {
            Some(trace) => {
                let work = || format!("{} {}", meter.method(), meter.route());
                self.perf.judge(work, &trace, status.as_u16() < 400);
            }
            None => meter.sampler().suspect(&flight.ledger, &cost),
        }
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "brisk_http::request",
                    method = flight.method.as_str(),
                    route = meter.route(),
                    status = status.as_u16(),
                    elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                    statements = cost.statements,
                    tenant = flight.principal.tenant.map(TenantId::get),
                    "request answered"
                )
            };
        }
        let is_notable = status.is_server_error() || elapsed >= NOTABLE;
        if is_notable || self.request_log == RequestLog::All {
            line!(info);
        } else {
            line!(debug);
        }
    }
}

/// `/civic/v1` covers `/civic/v1` and `/civic/v1/reports`, not `/civic/v10`.
fn covers(prefix: &str, route: &str) -> bool {
    route
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

/// Refuses a body that says it is too large, and stops one that turns out so.
fn bound(parts: &request::Parts, body: &mut Body, max: u64) -> Result<(), Problem> {
    let said = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    match body.size_hint().exact().or(said) {
        Some(size) if size > max => Err(json::too_large()),
        Some(_) => Ok(()),
        None => {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            *body = Body::new(Limited::new(std::mem::take(body), max));
            Ok(())
        }
    }
}

fn timed_out() -> Problem {
    Problem::new(
        Class::Timeout,
        "timeout",
        "the answer took longer than allowed",
    )
    .because("the request's deadline passed")
}

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    metrics::counter!(names::HTTP_PANICS).increment(1);
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without text");
    Problem::new(
        Class::Internal,
        "internal",
        "something went wrong on our side",
    )
    .because(format!("the handler panicked: {text}"))
}

/// The pipeline as a layer.
#[derive(Clone)]
pub(crate) struct PipelineLayer(Arc<Core>);

impl PipelineLayer {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }
}

impl<S> Layer<S> for PipelineLayer {
    type Service = Pipeline<S>;

    fn layer(&self, inner: S) -> Pipeline<S> {
        Pipeline {
            inner,
            core: Arc::clone(&self.0),
        }
    }
}

/// The pipeline around one route.
#[derive(Clone)]
pub(crate) struct Pipeline<S> {
    inner: S,
    core: Arc<Core>,
}

impl<S> Service<Request> for Pipeline<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The clone that does the work waits for its own readiness.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (core, inner) = (Arc::clone(&self.core), self.inner.clone());
        Box::pin(async move { Ok(core.run(request, inner).await) })
    }
}
