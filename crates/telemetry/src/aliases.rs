//! The metric names of the programs that Brisk replaces, so that their dashboards and alerts go on working.
//!
//! Written beside the names of [`crate::names`] where `telemetry.seed_aliases` is on. Their bucket bounds are the
//! originals' with two finer steps.

use metrics::Unit;

use crate::names::{Kind, Metric, describe_one};

/// Requests by method, endpoint and status code.
pub const HTTP_REQUESTS: &str = "http_requests_total";
/// Duration of requests by method and endpoint.
pub const HTTP_REQUEST_DURATION: &str = "http_request_duration_seconds";
/// Requests in work by method and endpoint.
pub const HTTP_REQUESTS_IN_PROGRESS: &str = "http_requests_in_progress";
/// Duration of statements by operation.
pub const DB_QUERY_DURATION: &str = "db_query_duration_seconds";
/// Slow statements by operation.
pub const DB_SLOW_QUERIES: &str = "db_slow_queries_total";
/// Failed statements by operation.
pub const DB_QUERY_ERRORS: &str = "db_query_errors_total";
/// Statements of one request by route.
pub const DB_QUERIES_PER_REQUEST: &str = "db_queries_per_request";
/// Connections with work on them, of all pools.
pub const DB_POOL_IN_USE: &str = "db_pool_connections_in_use";
/// Connections without work, of all pools.
pub const DB_POOL_AVAILABLE: &str = "db_pool_connections_available";
/// Connections at most, of all pools.
pub const DB_POOL_MAX: &str = "db_pool_max_connections";
/// Work that waited for a connection in vain.
pub const DB_POOL_EXHAUSTED: &str = "db_pool_exhausted_total";
/// Requests turned away, by kind of limit.
pub const RATE_LIMIT_HITS: &str = "rate_limit_hits_total";
/// Verifications of access tokens, by result.
pub const AUTH_TOKEN_VERIFICATIONS: &str = "auth_token_verifications_total";
/// Fetches of the key sets of other issuers, by issuer and result.
pub const JWKS_FETCH: &str = "jwks_fetch_total";
/// Tokens whose issuer's keys were there.
pub const JWKS_CACHE_HITS: &str = "jwks_cache_hits_total";
/// Tokens that had to wait for their issuer's keys.
pub const JWKS_CACHE_MISSES: &str = "jwks_cache_misses_total";
/// Tokens that named a key that was not there.
pub const JWKS_UNKNOWN_KID: &str = "jwks_unknown_kid_total";
/// How long an issuer's keys have been past their life.
pub const JWKS_STALE: &str = "jwks_stale_seconds";
/// Duration of hashing a password.
pub const PASSWORD_HASH: &str = "password_hash_seconds";
/// Passwords that are being hashed or wait for it.
pub const PASSWORD_HASH_QUEUE: &str = "password_hash_queue";

/// Every alias.
pub const METRICS: &[Metric] = &[
    Metric {
        name: HTTP_REQUESTS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "HTTP requests.",
    },
    Metric {
        name: HTTP_REQUEST_DURATION,
        kind: Kind::Histogram(&[
            0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0,
            7.5, 10.0,
        ]),
        unit: Unit::Seconds,
        help: "Duration of HTTP requests.",
    },
    Metric {
        name: HTTP_REQUESTS_IN_PROGRESS,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "HTTP requests in work.",
    },
    Metric {
        name: DB_QUERY_DURATION,
        kind: Kind::Histogram(&[
            0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        ]),
        unit: Unit::Seconds,
        help: "Duration of database statements.",
    },
    Metric {
        name: DB_SLOW_QUERIES,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Slow database statements.",
    },
    Metric {
        name: DB_QUERY_ERRORS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Failed database statements.",
    },
    Metric {
        name: DB_QUERIES_PER_REQUEST,
        kind: Kind::Histogram(crate::names::COUNTS),
        unit: Unit::Count,
        help: "Statements that one request sent.",
    },
    Metric {
        name: DB_POOL_IN_USE,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Database connections with work on them.",
    },
    Metric {
        name: DB_POOL_AVAILABLE,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Database connections without work.",
    },
    Metric {
        name: DB_POOL_MAX,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Database connections at most.",
    },
    Metric {
        name: DB_POOL_EXHAUSTED,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Work that waited for a database connection in vain.",
    },
    Metric {
        name: RATE_LIMIT_HITS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Requests turned away by a limit.",
    },
    Metric {
        name: AUTH_TOKEN_VERIFICATIONS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Verifications of access tokens.",
    },
    Metric {
        name: JWKS_FETCH,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Fetches of key sets.",
    },
    Metric {
        name: JWKS_CACHE_HITS,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Tokens whose issuer's keys were there.",
    },
    Metric {
        name: JWKS_CACHE_MISSES,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Tokens that had to wait for their issuer's keys.",
    },
    Metric {
        name: JWKS_UNKNOWN_KID,
        kind: Kind::Counter,
        unit: Unit::Count,
        help: "Tokens that named a key that was not there.",
    },
    Metric {
        name: JWKS_STALE,
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        help: "How long an issuer's keys have been past their life.",
    },
    Metric {
        name: PASSWORD_HASH,
        kind: Kind::Histogram(&[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5]),
        unit: Unit::Seconds,
        help: "Duration of hashing a password.",
    },
    Metric {
        name: PASSWORD_HASH_QUEUE,
        kind: Kind::Gauge,
        unit: Unit::Count,
        help: "Passwords that are being hashed or wait for it.",
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
