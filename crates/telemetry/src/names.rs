//! Every metric of the kit, by OpenTelemetry's names where it has one.
//!
//! The recorder turns dots into `_` and appends the unit: `http.server.request.duration` is
//! `http_server_request_duration_seconds` for Prometheus. Sources: OpenTelemetry semantic conventions for HTTP and
//! for database client metrics, 1.30.

use metrics::Unit;

/// A metric's kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values in buckets.
    Histogram(&'static [f64]),
}

/// A metric with its description.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name given to the `metrics` macros.
    pub name: &'static str,
    /// Its kind, with the upper bounds of a histogram's buckets.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// What it tells.
    pub help: &'static str,
}

/// Upper bounds for whole requests: OpenTelemetry's advice, with three finer steps for our speeds.
pub const REQUEST_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
    7.5, 10.0,
];

/// Upper bounds for single statements and cache loads.
pub const STATEMENT_SECONDS: &[f64] = &[
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// Upper bounds for counts per request.
pub const COUNTS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 50.0, 100.0];

/// Duration of a request as the server saw it.
pub const HTTP_SERVER_REQUEST_DURATION: &str = "http.server.request.duration";
/// Requests in work.
pub const HTTP_SERVER_ACTIVE_REQUESTS: &str = "http.server.active_requests";
/// Duration of a statement, waiting for a connection included.
pub const DB_CLIENT_OPERATION_DURATION: &str = "db.client.operation.duration";
/// Rows that statements returned or changed.
pub const DB_CLIENT_ROWS: &str = "brisk_db_rows_total";
/// Statements above the threshold.
pub const DB_SLOW_STATEMENTS: &str = "brisk_db_slow_statements_total";
/// Wasteful ways in which the database was asked, by kind.
pub const DB_FINDINGS: &str = "brisk_db_findings_total";
/// Statements that one request sent.
pub const HTTP_STATEMENTS_PER_REQUEST: &str = "brisk_http_statements_per_request";
/// Requests turned away by a limit.
pub const HTTP_RATE_LIMITED: &str = "brisk_http_rate_limited_total";
/// Connections open at the listener.
pub const HTTP_CONNECTIONS: &str = "brisk_http_connections";
/// Handlers that panicked.
pub const HTTP_PANICS: &str = "brisk_http_panics_total";

/// Connections of a pool, by state.
pub const DB_CLIENT_CONNECTION_COUNT: &str = "db.client.connection.count";
/// Connections that may be idle at most.
pub const DB_CLIENT_CONNECTION_IDLE_MAX: &str = "db.client.connection.idle.max";
/// Connections that stay open without work.
pub const DB_CLIENT_CONNECTION_IDLE_MIN: &str = "db.client.connection.idle.min";
/// Connections that may be open at most.
pub const DB_CLIENT_CONNECTION_MAX: &str = "db.client.connection.max";
/// Pieces of work that wait for a connection.
pub const DB_CLIENT_CONNECTION_PENDING_REQUESTS: &str = "db.client.connection.pending_requests";
/// Pieces of work that waited for a connection in vain.
pub const DB_CLIENT_CONNECTION_TIMEOUTS: &str = "db.client.connection.timeouts";
/// How long making a connection took.
pub const DB_CLIENT_CONNECTION_CREATE_TIME: &str = "db.client.connection.create_time";
/// How long work waited for a connection.
pub const DB_CLIENT_CONNECTION_WAIT_TIME: &str = "db.client.connection.wait_time";
/// How long a connection was away from its pool.
pub const DB_CLIENT_CONNECTION_USE_TIME: &str = "db.client.connection.use_time";

/// Attribute names.
pub mod attr {
    /// `GET`, or `_OTHER`.
    pub const HTTP_METHOD: &str = "http.request.method";
    /// The route's template; `unmatched` where no route fits.
    pub const HTTP_ROUTE: &str = "http.route";
    /// The status code.
    pub const HTTP_STATUS: &str = "http.response.status_code";
    /// The declared name of the statement.
    pub const DB_OPERATION: &str = "db.operation.name";
    /// `postgresql` or `sqlite`.
    pub const DB_SYSTEM: &str = "db.system.name";
    /// The name of a pool of connections.
    pub const DB_POOL: &str = "db.client.connection.pool.name";
    /// `used` or `idle`.
    pub const DB_CONNECTION_STATE: &str = "db.client.connection.state";
    /// Set on what failed.
    pub const ERROR_TYPE: &str = "error.type";
}

/// Every metric named in this module.
pub const METRICS: &[Metric] = &[
    Metric {
        name: HTTP_SERVER_REQUEST_DURATION,
        kind: Kind::Histogram(REQUEST_SECONDS),
        unit: Unit::Seconds,
        help: "Duration of HTTP requests.",
    },
    Metric {
        name: HTTP_SERVER_ACTIVE_REQUESTS,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "HTTP requests in work.",
    },
    Metric {
        name: DB_CLIENT_OPERATION_DURATION,
        kind: Kind::Histogram(STATEMENT_SECONDS),
        unit: Unit::Seconds,
        help: "Duration of database statements, waiting for a connection included.",
    },
    Metric {
        name: DB_CLIENT_ROWS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Rows that statements returned or changed.",
    },
    Metric {
        name: DB_SLOW_STATEMENTS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Statements slower than the threshold.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_COUNT,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Database connections by state.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_IDLE_MAX,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Database connections that may be idle at most.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_IDLE_MIN,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Database connections that stay open without work.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_MAX,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Database connections that may be open at most.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_PENDING_REQUESTS,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Work that waits for a database connection.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_TIMEOUTS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Work that waited for a database connection in vain.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_CREATE_TIME,
        kind: Kind::Histogram(STATEMENT_SECONDS),
        unit: Unit::Seconds,
        help: "How long making a database connection took.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_WAIT_TIME,
        kind: Kind::Histogram(STATEMENT_SECONDS),
        unit: Unit::Seconds,
        help: "How long work waited for a database connection.",
    },
    Metric {
        name: DB_CLIENT_CONNECTION_USE_TIME,
        kind: Kind::Histogram(STATEMENT_SECONDS),
        unit: Unit::Seconds,
        help: "How long a database connection was away from its pool.",
    },
    Metric {
        name: DB_FINDINGS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Wasteful ways in which traced requests and jobs asked the database.",
    },
    Metric {
        name: HTTP_STATEMENTS_PER_REQUEST,
        kind: Kind::Histogram(COUNTS),
        unit: Unit::Count,
        help: "Statements that one request sent.",
    },
    Metric {
        name: HTTP_RATE_LIMITED,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Requests turned away by a limit.",
    },
    Metric {
        name: HTTP_CONNECTIONS,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Connections open at the listener.",
    },
    Metric {
        name: HTTP_PANICS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Handlers that panicked.",
    },
];

pub(crate) fn buckets() -> impl Iterator<Item = (&'static str, &'static [f64])> {
    METRICS.iter().filter_map(|m| match m.kind {
        Kind::Histogram(buckets) => Some((m.name, buckets)),
        Kind::Counter | Kind::Gauge => None,
    })
}

pub(crate) fn describe() {
    for metric in METRICS {
        describe_one(metric);
    }
}

pub(crate) fn describe_one(metric: &Metric) {
    match metric.kind {
        Kind::Counter => metrics::describe_counter!(metric.name, metric.unit, metric.help),
        Kind::Gauge => metrics::describe_gauge!(metric.name, metric.unit, metric.help),
        Kind::Histogram(_) => metrics::describe_histogram!(metric.name, metric.unit, metric.help),
    }
}
