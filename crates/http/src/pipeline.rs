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
use brisk_core::{Class, Deadline, Ids, Ledger, Principal, RequestId, TenantId};
use brisk_telemetry::{PerfStats, RouteMeter, aliases, names};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, StatusCode, request};
use http_body::Body as _;
use http_body_util::Limited;
use tower::{Layer, Service, ServiceExt};
use tracing::Instrument;
use uuid::Uuid;

use crate::config::{EdgeConfig, Environment, RouteRule};
use crate::cors::Cors;
use crate::edge::{Parts, Probe};
use crate::exchange::Exchange;
use crate::headers;
use crate::limit::{Limiter, Verdict};
use crate::stage::{STAGES, Stage};
use crate::{Authenticate, Problem, address, compress, json};

/// The stages that stand around the others; the rest runs inside them.
const OUTER: usize = 4;
const _: () = assert!(
    matches!(STAGES[0], Stage::RequestId)
        && matches!(STAGES[1], Stage::Trace)
        && matches!(STAGES[2], Stage::PanicCatch)
        && matches!(STAGES[3], Stage::Deadline)
);

/// The route name of requests that no route fits.
const UNMATCHED: &str = "unmatched";

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum CallerKey {
    Known(Uuid),
    Public(IpAddr),
}

/// What holds for one route.
struct Plan {
    deadline: std::time::Duration,
    max_body: u64,
    callers: Option<Arc<Limiter<CallerKey>>>,
    /// Health probes are never limited.
    exempt: bool,
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
    perf: Arc<PerfStats>,
    ids: Ids,
    public: Arc<Principal>,
    cors: Option<Cors>,
    compress_above: u64,
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
            perf: parts.perf,
            ids: parts.ids,
            public: Arc::new(Principal::anonymous()),
            cors: Cors::new(&config.cors_origins),
            compress_above: config.compress_above.as_u64(),
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
            let rule = self.rules.iter().find(|rule| covers(&rule.prefix, route));
            let plan = Arc::clone(rule.map_or(&self.usual, |rule| &rule.plan));
            let mut plans = self
                .plans
                .write()
                .expect("no holder of this lock can panic");
            plans.insert(route.into(), Arc::clone(&plan));
            plan
        })
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
        let (parts, body) = request.into_parts();
        let matched = parts.extensions.get::<MatchedPath>().cloned();
        let route = matched.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
        let plan = self.plan(route);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let mut flight = Flight {
            request_id: headers::request_id(&parts.headers, &self.ids),
            ledger: Arc::new(Ledger::default()),
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
            meter: InFlight::start(self.perf.route(parts.method.as_str(), route)),
            is_matched: matched.is_some(),
            plan,
        };
        let span = tracing::info_span!("http.request", request_id = %flight.request_id);
        let within = flight.plan.deadline;
        let work = tokio::time::timeout(within, self.guarded(&mut flight, parts, body, inner));
        let caught = AssertUnwindSafe(work)
            .catch_unwind()
            .instrument(span.clone())
            .await;
        let outcome = match caught {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_elapsed)) => Err(timed_out()),
            Err(panic) => Err(panicked(panic.as_ref())),
        };
        self.finish(flight, outcome, started).instrument(span).await
    }

    async fn guarded<S>(
        &self,
        flight: &mut Flight,
        mut parts: request::Parts,
        mut body: Body,
        inner: S,
    ) -> Result<Response, Problem>
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        for stage in &STAGES[OUTER..] {
            self.visit(*stage);
            match stage {
                // The first four stand around this function; compression works on the way back.
                Stage::RequestId
                | Stage::Trace
                | Stage::PanicCatch
                | Stage::Deadline
                | Stage::Compression => {}
                Stage::SizeLimit => body = bounded(&parts, body, flight.plan.max_body)?,
                Stage::Cors => {
                    if let Some(cors) = &self.cors
                        && let Some(answer) = cors.preflight(&parts.method, &parts.headers).await
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
                    if self.authenticate.has_credentials(&parts) {
                        flight.principal = self.authenticate.authenticate(&parts).await?;
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
                        tenants: self.tenants.clone(),
                    }));
                }
            }
        }
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

    async fn finish(
        &self,
        flight: Flight,
        outcome: Result<Response, Problem>,
        started: Instant,
    ) -> Response {
        let mut response = match outcome {
            Ok(response) => flight.in_our_words(response),
            Err(problem) => flight.render(&problem),
        };
        if flight.method != Method::HEAD {
            response =
                compress::compress(response, flight.accept_encoding, self.compress_above).await;
        }
        if let (Some(cors), Some(origin)) = (&self.cors, flight.origin) {
            response = cors.mark(origin, response).await;
        }
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
        tracing::info!(
            target: "brisk_http::request",
            method = flight.method.as_str(),
            route = meter.route(),
            status = status.as_u16(),
            elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            statements = cost.statements,
            tenant = flight.principal.tenant.map(TenantId::get),
            "request answered"
        );
        response
    }
}

/// `/civic/v1` covers `/civic/v1` and `/civic/v1/reports`, not `/civic/v10`.
fn covers(prefix: &str, route: &str) -> bool {
    route
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

/// Refuses a body that says it is too large, and stops one that turns out so.
fn bounded(parts: &request::Parts, body: Body, max: u64) -> Result<Body, Problem> {
    let said = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    match body.size_hint().exact().or(said) {
        Some(size) if size > max => Err(json::too_large()),
        Some(_) => Ok(body),
        None => Ok(Body::new(Limited::new(
            body,
            usize::try_from(max).unwrap_or(usize::MAX),
        ))),
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

/// Counts a request as in work until it is answered or dropped.
struct InFlight(Option<Arc<RouteMeter>>);

impl InFlight {
    fn start(meter: Arc<RouteMeter>) -> Self {
        meter.start();
        Self(Some(meter))
    }

    fn finish(
        mut self,
        status: u16,
        elapsed: std::time::Duration,
        cost: &brisk_core::Summary,
    ) -> Arc<RouteMeter> {
        let meter = self.0.take().expect("a request is answered once");
        meter.finish(status, elapsed, cost);
        meter
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(meter) = self.0.take() {
            meter.abandon();
        }
    }
}

/// One request on its way.
struct Flight {
    request_id: RequestId,
    ledger: Arc<Ledger>,
    deadline: Deadline,
    principal: Arc<Principal>,
    client: IpAddr,
    origin: Option<HeaderValue>,
    accept_encoding: Option<HeaderValue>,
    method: Method,
    verdict: Option<Verdict>,
    meter: InFlight,
    is_matched: bool,
    plan: Arc<Plan>,
}

impl Flight {
    fn admit(&mut self, verdict: Verdict, kind: &'static str) -> Result<(), Problem> {
        self.verdict = Some(verdict.stricter(self.verdict));
        let Some(wait) = verdict.wait else {
            return Ok(());
        };
        metrics::counter!(names::HTTP_RATE_LIMITED, "kind" => kind).increment(1);
        metrics::counter!(aliases::RATE_LIMIT_HITS, "limit_type" => kind).increment(1);
        Err(Problem::new(
            Class::RateLimited,
            "rate_limited",
            "too many requests, please wait",
        )
        .retry_after(wait))
    }

    fn render(&self, problem: &Problem) -> Response {
        if problem.status().is_server_error() {
            let chain = problem.chain().unwrap_or_default();
            tracing::error!(
                code = problem.code(),
                status = problem.status().as_u16(),
                chain,
                "request failed"
            );
        }
        problem.render(Some(&self.request_id))
    }

    /// A problem document for every error: ours with the request's id, and one in place of axum's plain texts.
    ///
    /// An error answer with a body of any other type is the service's own and stays.
    fn in_our_words(&self, mut response: Response) -> Response {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return response;
        }
        if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
            let mut rendered = self.render(&problem);
            keep_others(rendered.headers_mut(), response.headers());
            return rendered;
        }
        if !is_plain(response.headers()) {
            return response;
        }
        let (class, code, detail) = match status {
            StatusCode::NOT_FOUND if self.is_matched => {
                (Class::NotFound, "not_found", "there is no such thing")
            }
            StatusCode::NOT_FOUND => (Class::NotFound, "route_not_found", "there is no such route"),
            StatusCode::METHOD_NOT_ALLOWED => (
                Class::MethodNotAllowed,
                "method_not_allowed",
                "this route has other methods, see `allow`",
            ),
            StatusCode::BAD_REQUEST => {
                (Class::Malformed, "malformed", "the request cannot be read")
            }
            StatusCode::UNAUTHORIZED => return self.render(&Problem::unauthenticated()),
            StatusCode::FORBIDDEN => (Class::Forbidden, "forbidden", "the caller may not do this"),
            StatusCode::CONFLICT => (
                Class::Conflict,
                "conflict",
                "this clashes with what is there",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => return self.render(&json::too_large()),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                Class::UnsupportedMedia,
                "unsupported_media_type",
                "this route reads another content type",
            ),
            StatusCode::UNPROCESSABLE_ENTITY => (
                Class::Invalid,
                "invalid",
                "the request asks for what may not be",
            ),
            StatusCode::SERVICE_UNAVAILABLE => {
                (Class::Unavailable, "unavailable", "please try again")
            }
            other if other.is_server_error() => (
                Class::Internal,
                "internal",
                "something went wrong on our side",
            ),
            _ => return response,
        };
        let allow = response.headers().get(ALLOW).cloned();
        self.render(&Problem::new(class, code, detail).allowing(allow))
    }
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

/// What a handler put beside its problem, a cookie for example, stays.
fn keep_others(to: &mut HeaderMap, from: &HeaderMap) {
    for (name, value) in from {
        if name != CONTENT_LENGTH && !to.contains_key(name) {
            to.append(name.clone(), value.clone());
        }
    }
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
