//! What the pipeline adds to one request: the same handler alone, and behind the edge, without a socket.
//!
//! `cargo run --release -p brisk-http --example pipeline_cost [-- --metrics | --log [--notable] 2>/dev/null]`
#![expect(
    clippy::print_stdout,
    reason = "an example that prints its measurements"
)]

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use brisk_http::{Caller, Edge, EdgeConfig, Json, Parts, RequestLog};
use brisk_telemetry::{LogFormat, Prometheus, TelemetryConfig};
use http::Request;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

const ROUND: u32 = 100_000;
const ROUNDS: usize = 7;

async fn plain() -> Json<u32> {
    Json(7)
}

async fn with_caller(caller: Caller) -> Json<bool> {
    Json(caller.principal().is_anonymous())
}

fn routes() -> Router {
    Router::new().route("/plain/{id}", get(plain))
}

async fn round(router: &Router, path: &str) -> f64 {
    let started = Instant::now();
    for _ in 0..ROUND {
        let request = Request::get(path)
            .body(Body::empty())
            .expect("the path is a URI");
        let answer = router
            .clone()
            .oneshot(request)
            .await
            .expect("a router does not fail");
        assert!(answer.status().is_success());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(ROUND)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let asked = |flag: &str| std::env::args().any(|arg| arg == flag);
    let request_log = if asked("--notable") {
        RequestLog::Notable
    } else {
        RequestLog::All
    };
    let edge = |config| {
        let config = EdgeConfig {
            request_log,
            ..config
        };
        let routes = routes().route("/caller/{id}", get(with_caller));
        Edge::new(config, Parts::default()).wrap(OpenApiRouter::from(routes))
    };
    let limits = EdgeConfig {
        rate_limit_per_min: u32::MAX,
        address_limit_per_min: u32::MAX,
        ..EdgeConfig::default()
    };
    let cases = [
        ("handler alone", routes(), "/plain/1"),
        ("behind the edge", edge(EdgeConfig::default()), "/plain/1"),
        ("behind the edge, with two limits", edge(limits), "/plain/1"),
        (
            "behind the edge, with the caller",
            edge(EdgeConfig::default()),
            "/caller/1",
        ),
    ];
    let (metrics, log) = (asked("--metrics"), asked("--log"));
    if log {
        let json = TelemetryConfig {
            log_format: LogFormat::Json,
            ..TelemetryConfig::default()
        };
        brisk_telemetry::init(&json).expect("nothing else is installed here");
    } else if metrics {
        Prometheus::install().expect("no other recorder is here");
    }
    let mut times: [Vec<f64>; 4] = Default::default();
    // One round of each in turn, so that a slow moment of the machine hits all of them.
    for _ in 0..ROUNDS {
        for ((_, router, path), times) in cases.iter().zip(&mut times) {
            times.push(round(router, path).await);
        }
    }
    println!("metrics: {}, log: {log}", metrics || log);
    for ((name, _, _), times) in cases.iter().zip(times) {
        println!("{name:36} {:7.0} ns per request", median(times));
    }
}
