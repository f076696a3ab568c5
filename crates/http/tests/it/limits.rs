use axum::body::Body;
use brisk_config::ByteSize;
use brisk_http::{EdgeConfig, RouteRule};
use bytes::Bytes;
use futures_util::stream;
use http::Request;
use std::convert::Infallible;

use crate::{app, app_with, parts};

#[tokio::test]
async fn a_caller_is_admitted_up_to_the_limit_and_told_when_to_come_back() {
    let config = EdgeConfig {
        rate_limit_per_min: 2,
        rate_limit_burst: 1,
        ..EdgeConfig::default()
    };
    let app = app_with(config, parts());
    for left in ["2", "1", "0"] {
        let answer = app.get_from("192.0.2.1", "/who").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("ratelimit-remaining")),
            (200, left)
        );
        assert_eq!(answer.header("ratelimit-limit"), "3");
    }
    let answer = app.get_from("192.0.2.1", "/who").await;
    answer.problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), "30");
    assert_eq!(
        app.get_from("192.0.2.2", "/who").await.status,
        200,
        "another address"
    );
    assert_eq!(
        app.get_as("agent@1", "/who").await.status,
        200,
        "a known caller counts for itself"
    );
    assert_eq!(
        app.get_from("192.0.2.1", "/health/live").await.status,
        200,
        "probes are never limited"
    );
}

#[tokio::test]
async fn one_ipv6_household_is_one_caller_and_proxies_are_seen_through() {
    let config = EdgeConfig {
        rate_limit_per_min: 1,
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..EdgeConfig::default()
    };
    let app = app_with(config, parts());
    assert_eq!(app.get_from("2001:db8::1", "/who").await.status, 200);
    assert_eq!(app.get_from("2001:db8::2", "/who").await.status, 429);
    let through = |client: &str| {
        let mut request = Request::get("/who")
            .header("x-forwarded-for", client)
            .body(Body::empty())
            .unwrap();
        let proxy = std::net::SocketAddr::from(([10, 0, 0, 1], 1));
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(proxy));
        request
    };
    let answer = app.send(through("203.0.113.7")).await;
    assert_eq!(answer.text(), "anonymous from 203.0.113.7");
    assert_eq!(app.send(through("203.0.113.8")).await.status, 200);
    assert_eq!(app.send(through("203.0.113.7")).await.status, 429);
}

#[tokio::test]
async fn a_tenant_is_limited_over_all_its_callers_and_a_route_may_have_its_own_rate() {
    let config = EdgeConfig {
        tenant_limit_per_min: 2,
        ..EdgeConfig::default()
    };
    let app = app_with(config, parts());
    assert_eq!(app.get_as("agent@1", "/who").await.status, 200);
    assert_eq!(app.get_as("manager@1", "/who").await.status, 200);
    app.get_as("admin@1", "/who")
        .await
        .problem(429, "rate_limited");
    assert_eq!(app.get_as("admin@2", "/who").await.status, 200);

    let mut parts = parts();
    parts.rules.push(RouteRule {
        prefix: "/who".to_owned(),
        rate_limit_per_min: Some(1),
        ..Default::default()
    });
    let app = app_with(EdgeConfig::default(), parts);
    assert_eq!(app.get("/who").await.status, 200);
    assert_eq!(app.get("/who").await.status, 429);
    assert_eq!(app.get("/search").await.status, 200);
}

fn chunked(path: &str, chunks: usize) -> Request<Body> {
    let items = (0..chunks).map(|_| Ok::<_, Infallible>(Bytes::from(vec![b' '; 1024])));
    Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from_stream(stream::iter(items)))
        .unwrap()
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_it_says_its_size_or_not() {
    let app = app();
    let said = app.post("/things", vec![b' '; 1024 * 1024 + 1]).await;
    said.problem(413, "body_too_large");
    app.send(chunked("/things", 1025))
        .await
        .problem(413, "body_too_large");
    app.send(chunked("/bytes", 1025))
        .await
        .problem(413, "body_too_large");
    assert_eq!(app.send(chunked("/bytes", 1024)).await.text(), "1048576");
}

#[tokio::test]
async fn a_rule_may_raise_the_size_of_a_route() {
    let mut parts = parts();
    parts.rules.push(RouteRule {
        prefix: "/bytes".to_owned(),
        max_body: Some(ByteSize::mib(4)),
        ..Default::default()
    });
    let app = app_with(EdgeConfig::default(), parts);
    assert_eq!(
        app.send(chunked("/bytes", 3 * 1024)).await.text(),
        (3 * 1024 * 1024).to_string()
    );
    app.send(chunked("/things", 3 * 1024))
        .await
        .problem(413, "body_too_large");
}
