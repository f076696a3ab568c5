use std::sync::{Arc, Mutex};

use axum::body::Body;
use brisk_http::{EdgeConfig, STAGES, Stage};
use http::Request;

use crate::{App, app_with, parts};

fn probed(config: EdgeConfig) -> (App, Arc<Mutex<Vec<Stage>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut parts = parts();
    let log = Arc::clone(&seen);
    parts.probe = Some(Arc::new(move |stage| log.lock().unwrap().push(stage)));
    (app_with(config, parts), seen)
}

#[tokio::test]
async fn a_request_meets_every_stage_in_the_order_of_the_design() {
    let (app, seen) = probed(EdgeConfig::default());
    app.get("/who").await;
    let expected = [
        Stage::RequestId,
        Stage::Trace,
        Stage::PanicCatch,
        Stage::Deadline,
        Stage::SizeLimit,
        Stage::Cors,
        Stage::Compression,
        Stage::AddressLimit,
        Stage::Auth,
        Stage::CallerLimit,
        Stage::Scope,
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(STAGES, expected);
}

fn post(path: &str, key: &str) -> http::request::Builder {
    Request::post(path)
        .header("x-api-key", key)
        .header("content-type", "application/json")
}

#[tokio::test]
async fn a_refusal_stops_at_its_stage() {
    let (app, seen) = probed(EdgeConfig {
        address_limit_per_min: 1,
        ..EdgeConfig::default()
    });
    let last = || *seen.lock().unwrap().last().unwrap();
    let large = post("/things", "bad")
        .body(Body::from(vec![b' '; 2 << 20]))
        .unwrap();
    app.send(large).await.problem(413, "body_too_large");
    assert_eq!(last(), Stage::SizeLimit, "size is looked at before the key");
    app.get_as("bad", "/who")
        .await
        .problem(401, "unauthenticated");
    assert_eq!(last(), Stage::Auth);
    app.get_as("bad", "/who").await.problem(429, "rate_limited");
    assert_eq!(
        last(),
        Stage::AddressLimit,
        "a flood of bad keys never reaches the key check"
    );
}

#[tokio::test(start_paused = true)]
async fn the_guards_hold_for_authentication_too() {
    let (app, _) = probed(EdgeConfig::default());
    app.get_as("slow", "/who").await.problem(504, "timeout");
    app.get_as("boom", "/who").await.problem(500, "internal");
}

#[tokio::test]
async fn browsers_of_listed_origins_may_read_errors_too() {
    let origin = "https://console.example";
    let (app, seen) = probed(EdgeConfig {
        cors_origins: vec![origin.to_owned()],
        ..EdgeConfig::default()
    });
    let preflight = Request::options("/things")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .body(Body::empty())
        .unwrap();
    let answer = app.send(preflight).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.header("access-control-allow-origin")
        ),
        (200, origin)
    );
    assert_eq!(
        *seen.lock().unwrap().last().unwrap(),
        Stage::Cors,
        "a preflight carries no key"
    );
    let from = |o: &str| {
        Request::get("/things/500")
            .header("origin", o)
            .body(Body::empty())
            .unwrap()
    };
    let answer = app.send(from(origin)).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.header("access-control-allow-origin")
        ),
        (500, origin)
    );
    let answer = app.send(from("https://evil.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
