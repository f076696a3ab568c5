use std::time::Duration;

use axum::body::Body;
use brisk_config::{LoadOptions, Settings};
use brisk_http::{EdgeConfig, Environment, HealthCheck};
use http::Request;

use crate::{app, app_with, parts};

#[tokio::test]
async fn every_answer_says_what_it_cost_and_who_it_was() {
    let app = app();
    let request = Request::get("/scope?tenant_id=1").header("x-request-id", "from-the-client-1");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("x-request-id"), "from-the-client-1");
    assert!(
        answer
            .header("server-timing")
            .starts_with("db;dur=2.00;desc=\"1 statement\", total;dur=")
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!(app.get("/nowhere").await.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn in_production_costs_are_for_operators() {
    let parts = brisk_http::Parts {
        environment: Environment::Production,
        ..parts()
    };
    let app = app_with(EdgeConfig::default(), parts);
    for (key, visible) in [
        ("platform_admin", true),
        ("auditor@1", true),
        ("admin@1", false),
    ] {
        let answer = app.get_as(key, "/who").await;
        assert_eq!(!answer.header("server-timing").is_empty(), visible, "{key}");
    }
    assert_eq!(app.get("/who").await.header("server-timing"), "");
    app.get("/performance/stats")
        .await
        .problem(401, "unauthenticated");
    app.get_as("admin@1", "/metrics")
        .await
        .problem(403, "forbidden");
    assert_eq!(app.get_as("platform_admin", "/metrics").await.status, 200);
}

#[tokio::test]
async fn statistics_are_open_on_loopback_in_development_only() {
    let app = app();
    app.get("/things/7").await;
    app.get_from("192.0.2.1", "/performance/stats")
        .await
        .problem(401, "unauthenticated");
    let stats = app.get("/performance/stats").await.json();
    let routes = stats["routes"].as_array().unwrap();
    let things = routes
        .iter()
        .find(|r| r["route"] == "/things/{id}")
        .unwrap();
    assert_eq!(
        (things["method"].as_str(), things["count"].as_u64()),
        (Some("GET"), Some(1))
    );
    assert!(
        routes.iter().all(|r| r["route"] != "/things/7"),
        "raw paths are no labels"
    );
    let networks = Some(vec!["192.0.2.0/24".parse().unwrap()]);
    let app = app_with(
        EdgeConfig {
            insight_networks: networks,
            ..EdgeConfig::default()
        },
        parts(),
    );
    assert_eq!(app.get_from("192.0.2.1", "/metrics").await.status, 200);
    app.get("/metrics").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn metrics_are_by_route_template() {
    let prometheus = brisk_telemetry::Prometheus::install().unwrap();
    let parts = brisk_http::Parts {
        prometheus: Some(prometheus),
        ..parts()
    };
    let app = app_with(EdgeConfig::default(), parts);
    app.get("/things/31337").await;
    app.get("/nowhere/31337").await;
    let text = app.get("/metrics").await.text();
    assert!(text.contains("http_route=\"/things/{id}\""), "{text}");
    assert!(text.contains("http_route=\"unmatched\"") && !text.contains("31337"));
}

#[tokio::test(start_paused = true)]
async fn readiness_is_that_of_the_required_checks() {
    assert_eq!(app().get("/health/live").await.json()["status"], "healthy");
    assert_eq!(app().get("/health/ready").await.json()["status"], "ready");
    let second = Duration::from_secs(1);
    let mut parts = parts();
    parts.checks = vec![
        HealthCheck::required("db", second, || async { Ok(()) }),
        HealthCheck::optional("cache", second, || async { Err("away".to_owned()) }),
    ];
    let answer = app_with(EdgeConfig::default(), parts.clone())
        .get("/health/ready")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["checks"]["cache"], "away");
    parts.checks.push(HealthCheck::required(
        "journal",
        second,
        std::future::pending,
    ));
    let answer = app_with(EdgeConfig::default(), parts)
        .get("/health/ready")
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["status"].as_str()),
        (503, Some("not_ready"))
    );
    assert_eq!(answer.json()["checks"]["journal"], "timeout");
}

#[tokio::test]
async fn every_documented_route_exists_and_the_page_lists_it() {
    let app = app();
    let document = app.get("/openapi.json").await.json();
    let page = app.get("/docs").await;
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 10);
    for (path, item) in paths {
        assert!(page.text().contains(path.as_str()), "{path}");
        for method in item.as_object().unwrap().keys() {
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(path.replace("{id}", "1"));
            let answer = app.send(request.body(Body::empty()).unwrap()).await;
            assert!(
                ![404, 405].contains(&answer.status.as_u16()),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn a_known_answer_is_not_sent_again_and_a_long_one_is_compressed() {
    let app = app();
    let first = app.get("/big").await;
    let tag = first.header("etag").to_owned();
    let get = |header: &'static str, value: &str| {
        Request::get("/big")
            .header(header, value)
            .body(Body::empty())
            .unwrap()
    };
    let again = app.send(get("if-none-match", &tag)).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(
        app.send(get("if-none-match", "\"other\"")).await.status,
        200
    );
    let small = app.send(get("accept-encoding", "br, gzip")).await;
    assert_eq!(small.header("content-encoding"), "gzip");
    assert!(small.body.len() * 10 < first.body.len());
    assert_eq!(
        small.header("etag"),
        format!("W/{tag}"),
        "equal bytes are promised no more"
    );
    assert_eq!(
        app.send(get("if-none-match", &format!("W/{tag}")))
            .await
            .status,
        304
    );
    let short = Request::get("/who")
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.send(short).await.header("content-encoding"), "");
}

#[test]
fn the_section_is_read_from_the_environment() {
    let mut options = LoadOptions::default();
    options
        .env
        .0
        .insert("BRISK_HTTP_RATE_LIMIT_PER_MIN".to_owned(), "60".to_owned());
    options.env.0.insert(
        "BRISK_HTTP_TRUSTED_PROXIES".to_owned(),
        "[\"10.0.0.0/8\"]".to_owned(),
    );
    options
        .env
        .0
        .insert("BRISK_LISTEN".to_owned(), "nonsense".to_owned());
    let mut sections = Settings::load(options.clone()).sections();
    let _: EdgeConfig = sections.take("http");
    assert!(
        sections
            .finish()
            .unwrap_err()
            .to_string()
            .contains("http.listen (environment BRISK_LISTEN)")
    );
    options
        .env
        .0
        .insert("BRISK_LISTEN".to_owned(), "0.0.0.0:80".to_owned());
    let mut sections = Settings::load(options).sections();
    let config: EdgeConfig = sections.take("http");
    sections.finish().unwrap();
    assert_eq!(
        (config.rate_limit_per_min, config.trusted_proxies.len()),
        (60, 1)
    );
}
