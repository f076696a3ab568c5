//! Logs and metrics of a process, and the statistics object.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod corpus;
mod findings;

use std::time::Duration;

use brisk_core::{Clock, Ledger};
use brisk_telemetry::{Operation, PerfStats, TelemetryConfig, init};

fn perf() -> std::sync::Arc<PerfStats> {
    let clock = Clock::manual("2026-03-07T12:00:00Z".parse().unwrap());
    PerfStats::new(&TelemetryConfig::default(), clock)
}

#[test]
fn init_may_be_called_again_and_metrics_carry_opentelemetry_names_and_aliases() {
    let config = TelemetryConfig::default();
    let first = init(&config).unwrap();
    let again = init(&TelemetryConfig {
        log_level: "WARN".to_owned(),
        ..config
    })
    .unwrap();

    let perf = perf();
    let ledger = Ledger::default();
    ledger.statement("a", 1, Duration::from_millis(1));
    let route = perf.route("PUT", "/v1/issues/{id}");
    route.start();
    route.finish(200, Duration::from_millis(3), &ledger.summary());
    let statement = perf.statement("civic.issue.get", "sqlite", Operation::Select);
    statement.observe(Duration::from_millis(2), 1, true);
    statement.observe(Duration::from_millis(200), 0, false);

    let text = first.prometheus().render();
    for line in [
        "http_server_request_duration_seconds_count{http_request_method=\"PUT\",http_route=\"/v1/issues/{id}\",http_response_status_code=\"200\"} 1",
        "http_server_request_duration_seconds_bucket{http_request_method=\"PUT\",http_route=\"/v1/issues/{id}\",http_response_status_code=\"200\",le=\"0.005\"} 1",
        "http_server_active_requests{http_request_method=\"PUT\"} 0",
        "db_client_operation_duration_seconds_count{db_operation_name=\"civic.issue.get\",db_system_name=\"sqlite\"} 1",
        "db_client_operation_duration_seconds_count{db_operation_name=\"civic.issue.get\",db_system_name=\"sqlite\",error_type=\"failed\"} 1",
        "brisk_db_slow_statements_total{db_operation_name=\"civic.issue.get\",db_system_name=\"sqlite\"} 1",
        "http_requests_total{method=\"PUT\",endpoint=\"/v1/issues/{id}\",status_code=\"200\"} 1",
        "http_request_duration_seconds_count{method=\"PUT\",endpoint=\"/v1/issues/{id}\"} 1",
        "http_requests_in_progress{method=\"PUT\",endpoint=\"/v1/issues/{id}\"} 0",
        "db_query_duration_seconds_count{operation=\"select\"} 2",
        "db_slow_queries_total{operation=\"select\"} 1",
        "db_query_errors_total{operation=\"select\",error_type=\"failed\"} 1",
        "db_queries_per_request_sum{route=\"/v1/issues/{id}\"} 1",
        "# HELP http_server_request_duration_seconds Duration of HTTP requests.",
    ] {
        assert!(text.contains(line), "missing {line}\n{text}");
    }
    assert!(
        again
            .prometheus()
            .render()
            .contains("http_server_request_duration_seconds")
    );
}

#[test]
fn statistics_tell_routes_and_statements_apart() {
    let perf = perf();
    let ledger = Ledger::default();
    ledger.statement("a", 1, Duration::ZERO);
    ledger.statement("b", 1, Duration::ZERO);
    for (status, ms) in [(200, 10), (404, 20), (503, 90)] {
        let route = perf.route("GET", "/x");
        route.start();
        route.finish(status, Duration::from_millis(ms), &ledger.summary());
    }
    let post = perf.route("POST", "/x");
    post.finish(201, Duration::from_millis(1), &Ledger::default().summary());
    perf.route("BREW", "/x")
        .finish(418, Duration::ZERO, &Ledger::default().summary());
    let stats = perf.snapshot();
    assert_eq!(stats.routes.len(), 3);
    let get = &stats.routes[0];
    assert_eq!(
        (get.method, get.times.count, get.times.errors, get.refused),
        ("GET", 3, 1, 1)
    );
    assert!((get.times.mean_ms - 40.0).abs() < 0.01 && (get.times.max_ms - 90.0).abs() < 0.01);
    assert!((get.statements_mean - 2.0).abs() < f64::EPSILON && get.statements_max == 2);
    assert_eq!(stats.routes[2].method, "_OTHER");
    let json = serde_json::to_value(&stats).unwrap();
    let p99 = json["routes"][0]["p99_ms"].as_f64().unwrap();
    assert!((p99 - 90.0).abs() / 90.0 <= 0.0625, "{p99}");
    assert_eq!(json["since"], "2026-03-07T12:00:00Z");
}

#[test]
fn the_list_of_slow_statements_keeps_the_last_hundred() {
    let perf = perf();
    let meter = perf.statement("s", "sqlite", Operation::Other);
    assert!(!meter.observe(Duration::from_millis(99), 1, true));
    for rows in 0..150 {
        assert!(meter.observe(Duration::from_millis(100), rows, true));
    }
    let stats = perf.snapshot();
    assert_eq!(stats.slow_statements.len(), 100);
    assert_eq!(
        (
            stats.slow_statements[0].rows,
            stats.slow_statements[99].rows
        ),
        (149, 50)
    );
    assert_eq!(stats.statements[0].times.count, 151);
}

#[test]
fn the_number_of_lines_is_bounded() {
    let perf = perf();
    for n in 0..5_000 {
        perf.route("GET", &format!("/{n}")).finish(
            200,
            Duration::ZERO,
            &Ledger::default().summary(),
        );
    }
    let stats = perf.snapshot();
    assert_eq!(stats.routes.len(), 4_097);
    assert_eq!(
        stats.routes.iter().map(|r| r.times.count).sum::<u64>(),
        5_000
    );
}
