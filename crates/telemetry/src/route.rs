//! Measures one route.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brisk_core::Summary;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use serde::Serialize;

use crate::aliases;
use crate::names::{self, attr};
use crate::sampler::Sampler;
use crate::series::{Series, SeriesStats};

/// The status codes whose metric handles are kept; any other is looked up each time.
const COMMON: [u16; 24] = [
    101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415,
    422, 429, 500, 503, 504,
];

struct ByStatus {
    duration: Histogram,
    alias: Option<Counter>,
}

/// Measures one route; made once by [`crate::PerfStats::route`].
pub struct RouteMeter {
    method: &'static str,
    route: Arc<str>,
    series: Series,
    refused: AtomicU64,
    statements: AtomicU64,
    statements_max: AtomicU64,
    active: Gauge,
    per_request: Histogram,
    by_status: [OnceLock<ByStatus>; COMMON.len()],
    alias: Option<Aliases>,
    sampler: Sampler,
}

struct Aliases {
    duration: Histogram,
    in_progress: Gauge,
    per_request: Histogram,
}

impl std::fmt::Debug for RouteMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteMeter")
            .field("method", &self.method)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

impl RouteMeter {
    pub(crate) fn new(
        method: &'static str,
        route: &str,
        seed_aliases: bool,
        sampler: Sampler,
    ) -> Self {
        let label = || route.to_owned();
        Self {
            method,
            route: route.into(),
            sampler,
            series: Series::default(),
            refused: AtomicU64::new(0),
            statements: AtomicU64::new(0),
            statements_max: AtomicU64::new(0),
            active: gauge!(names::HTTP_SERVER_ACTIVE_REQUESTS, attr::HTTP_METHOD => method),
            per_request: histogram!(names::HTTP_STATEMENTS_PER_REQUEST, attr::HTTP_METHOD => method, attr::HTTP_ROUTE => label()),
            by_status: [const { OnceLock::new() }; COMMON.len()],
            alias: seed_aliases.then(|| Aliases {
                duration: histogram!(aliases::HTTP_REQUEST_DURATION, "method" => method, "endpoint" => label()),
                in_progress: gauge!(aliases::HTTP_REQUESTS_IN_PROGRESS, "method" => method, "endpoint" => label()),
                per_request: histogram!(aliases::DB_QUERIES_PER_REQUEST, "route" => label()),
            }),
        }
    }

    /// The route's template.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The method; `_OTHER` for unusual ones.
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// Chooses which of its requests keep a trace.
    pub const fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// A request came in; each call needs one [`RouteMeter::finish`].
    pub fn start(&self) {
        self.active.increment(1.0);
        if let Some(alias) = &self.alias {
            alias.in_progress.increment(1.0);
        }
    }

    /// The request left without an answer: the client went away.
    pub fn abandon(&self) {
        self.active.decrement(1.0);
        if let Some(alias) = &self.alias {
            alias.in_progress.decrement(1.0);
        }
    }

    /// The request was answered. A status of 500 or above counts as an error, 400 to 499 as refused.
    pub fn finish(&self, status: u16, elapsed: Duration, cost: &Summary) {
        self.abandon();
        self.series.observe(elapsed, status < 500);
        if (400..500).contains(&status) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        if cost.statements > 0 {
            self.statements
                .fetch_add(cost.statements, Ordering::Relaxed);
            self.statements_max
                .fetch_max(cost.statements, Ordering::Relaxed);
        }
        let seconds = elapsed.as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of statements in one request"
        )]
        let statements = cost.statements as f64;
        self.per_request.record(statements);
        if let Some(alias) = &self.alias {
            alias.duration.record(seconds);
            alias.per_request.record(statements);
        }
        let record = |handles: &ByStatus| {
            handles.duration.record(seconds);
            if let Some(requests) = &handles.alias {
                requests.increment(1);
            }
        };
        match COMMON.binary_search(&status) {
            Ok(at) => record(self.by_status[at].get_or_init(|| self.handles(status))),
            Err(_) => record(&self.handles(status)),
        }
    }

    fn handles(&self, status: u16) -> ByStatus {
        let (status, route) = (status.to_string(), self.route.to_string());
        ByStatus {
            duration: histogram!(
                names::HTTP_SERVER_REQUEST_DURATION,
                attr::HTTP_METHOD => self.method,
                attr::HTTP_ROUTE => route.clone(),
                attr::HTTP_STATUS => status.clone(),
            ),
            alias: self.alias.is_some().then(|| {
                counter!(aliases::HTTP_REQUESTS, "method" => self.method, "endpoint" => route, "status_code" => status)
            }),
        }
    }

    pub(crate) fn stats(&self) -> Option<RouteStats> {
        let count = self.series.count();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a mean of counts, shown with two decimals"
        )]
        let mean = |sum: u64| (sum as f64 / count as f64 * 100.0).round() / 100.0;
        (count > 0).then(|| RouteStats {
            method: self.method,
            route: Arc::clone(&self.route),
            refused: self.refused.load(Ordering::Relaxed),
            statements_mean: mean(self.statements.load(Ordering::Relaxed)),
            statements_max: self.statements_max.load(Ordering::Relaxed),
            times: self.series.stats(),
        })
    }
}

/// What one route cost since the start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteStats {
    /// The method.
    pub method: &'static str,
    /// The route's template, `/v1/issues/{id}`.
    #[serde(serialize_with = "as_text")]
    pub route: Arc<str>,
    /// Answers from 400 to 499.
    pub refused: u64,
    /// Statements per request, on average.
    pub statements_mean: f64,
    /// The most statements of one request.
    pub statements_max: u64,
    /// Count and times; errors are answers from 500 on.
    #[serde(flatten)]
    pub times: SeriesStats,
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_common_codes_are_sorted_for_the_search() {
        assert!(super::COMMON.is_sorted());
    }
}
