//! The operators' page at `/findings`: wasteful ways in which the database is asked.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use brisk_core::FindingKind;
use brisk_http::{Caller, Problem};
use brisk_telemetry::{FoundStats, PerfStats};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use jiff::tz::TimeZone;

use crate::format::{count, elapsed, exact};
use crate::policy::{POLICY, STYLE};

/// The page.
#[derive(Debug, Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    style: &'static str,
    since: String,
    lines: Vec<Line>,
}

/// One finding in the words of the page.
#[derive(Debug)]
struct Line {
    kind: &'static str,
    excuse: Option<String>,
    work: String,
    statement: String,
    site: String,
    times: String,
    statements: String,
    total: String,
    advice: String,
}

impl From<FoundStats> for Line {
    fn from(found: FoundStats) -> Self {
        Self {
            kind: match found.kind {
                FindingKind::NPlusOne => "One key after the other (N+1)",
                FindingKind::RepeatedRead => "The same read again",
                FindingKind::SerialReads => "Reads that wait for each other",
                FindingKind::UnusedLoad => "Loaded and not looked at",
                FindingKind::MissingIndex => "Missing index",
            },
            excuse: found.excuse,
            work: found.work,
            statement: found.statement,
            site: found.site,
            times: count(found.times),
            statements: count(found.statements_max),
            total: elapsed(std::time::Duration::from_secs_f64(
                (found.total_ms / 1_000.0).max(0.0),
            )),
            advice: found.advice,
        }
    }
}

/// Shows it to whoever may see `/performance/stats`.
pub(crate) async fn page(
    caller: Caller,
    State(perf): State<Arc<PerfStats>>,
) -> Result<Response, Problem> {
    caller.require_insight()?;
    let page = FindingsPage {
        style: STYLE,
        since: exact(perf.since(), &TimeZone::UTC),
        lines: perf.findings().into_iter().map(Line::from).collect(),
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let html = page.render().expect("writing to a string does not fail");
    Ok((headers, Html(html)).into_response())
}
