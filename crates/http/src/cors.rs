//! Calls from pages of other origins.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_TYPE,
    ETAG, IF_MATCH, IF_NONE_MATCH, ORIGIN, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;

/// How long a browser may keep the answer to a preflight request; an hour, as long as most browsers allow at all.
const PREFLIGHT_AGE: Duration = Duration::from_hours(1);

pub(crate) struct Cors(CorsLayer);

impl Cors {
    /// `None` without origins: then browsers keep other origins out by themselves.
    pub(crate) fn new(origins: &[String]) -> Option<Self> {
        if origins.is_empty() {
            return None;
        }
        let layer = CorsLayer::new()
            .allow_methods([
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers([
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_MATCH,
                IF_NONE_MATCH,
                HeaderName::from_static("x-api-key"),
                HeaderName::from_static("x-request-id"),
                HeaderName::from_static("idempotency-key"),
            ])
            .expose_headers([
                ETAG,
                RETRY_AFTER,
                HeaderName::from_static("x-request-id"),
                HeaderName::from_static("server-timing"),
            ])
            .max_age(PREFLIGHT_AGE);
        Some(Self(if origins.iter().any(|o| o == "*") {
            layer.allow_origin(tower_http::cors::Any)
        } else {
            let list: Vec<HeaderValue> = origins.iter().filter_map(|o| o.parse().ok()).collect();
            layer.allow_origin(list).allow_credentials(true)
        }))
    }

    /// The whole answer when this is a preflight request.
    pub(crate) async fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || !headers.contains_key(ORIGIN) {
            return None;
        }
        Some(
            self.run(Method::OPTIONS, headers, Response::new(Body::empty()))
                .await,
        )
    }

    /// Adds what lets the page of `origin` read the answer.
    pub(crate) async fn mark(&self, origin: HeaderValue, response: Response) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin);
        self.run(Method::GET, &headers, response).await
    }

    async fn run(&self, method: Method, headers: &HeaderMap, response: Response) -> Response {
        let mut request = Request::new(());
        *request.method_mut() = method;
        for name in [
            ORIGIN,
            ACCESS_CONTROL_REQUEST_METHOD,
            ACCESS_CONTROL_REQUEST_HEADERS,
        ] {
            if let Some(value) = headers.get(&name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        let mut once = Some(response);
        let service = self.0.layer(service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(once.take().unwrap_or_default()))
        }));
        match service.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
