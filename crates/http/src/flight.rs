//! One request on its way, and the words in which it is answered when it fails.

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;
use brisk_core::{Class, Deadline, Ledger, Principal, RequestId};
use brisk_telemetry::{RouteMeter, aliases, names};
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::limit::Verdict;
use crate::pipeline::Plan;
use crate::{OwnMembers, Problem, json};

/// Counts a request as in work until it is answered or dropped.
pub(crate) struct InFlight(Option<Arc<RouteMeter>>);

impl InFlight {
    pub(crate) fn start(meter: Arc<RouteMeter>) -> Self {
        meter.start();
        Self(Some(meter))
    }

    pub(crate) fn finish(
        &mut self,
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
pub(crate) struct Flight {
    pub(crate) request_id: RequestId,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) deadline: Deadline,
    pub(crate) principal: Arc<Principal>,
    pub(crate) client: IpAddr,
    pub(crate) origin: Option<HeaderValue>,
    pub(crate) accept_encoding: Option<HeaderValue>,
    pub(crate) method: Method,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) meter: InFlight,
    pub(crate) is_matched: bool,
    pub(crate) seed_aliases: bool,
    pub(crate) plan: Arc<Plan>,
    pub(crate) members: Option<OwnMembers>,
}

impl Flight {
    pub(crate) fn admit(&mut self, verdict: Verdict, kind: &'static str) -> Result<(), Problem> {
        self.verdict = Some(verdict.stricter(self.verdict));
        let Some(wait) = verdict.wait else {
            return Ok(());
        };
        metrics::counter!(names::HTTP_RATE_LIMITED, "kind" => kind).increment(1);
        if self.seed_aliases {
            metrics::counter!(aliases::RATE_LIMIT_HITS, "limit_type" => kind).increment(1);
        }
        Err(Problem::new(
            Class::RateLimited,
            "rate_limited",
            "too many requests, please wait",
        )
        .retry_after(wait))
    }

    pub(crate) fn render(&self, problem: &Problem) -> Response {
        if problem.status().is_server_error() {
            let chain = problem.chain().unwrap_or_default();
            tracing::error!(
                code = problem.code(),
                status = problem.status().as_u16(),
                chain,
                "request failed"
            );
        }
        problem.render(Some(&self.request_id), self.members)
    }

    /// A problem document for every error: ours with the request's id, and one in place of axum's plain texts.
    ///
    /// An error answer with a body of any other type is the service's own and stays.
    pub(crate) fn in_our_words(&self, mut response: Response) -> Response {
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
