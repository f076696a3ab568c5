//! Two nodes on one database: who is locked out on one is out on the other.

use std::time::{Duration, Instant};

use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::Redis;
use brisk_testkit::services::{PATIENCE, eventually};
use serde_json::json;

use crate::world::{PASSWORD, TestApp, owner, text};

/// What is promised between a revocation on one node and its effect on another.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_ends_the_other_does_not_let_in() {
    let mut app = TestApp::postgres().await;
    app.add_node().await;
    heard_in_time(app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_it_while_redis_is_away() {
    let redis = Redis::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&redis.url()).await.unwrap();
    let app = TestApp::postgres().await;
    let mut app = app.with(&[("redis.url", &url)]).await;
    app.add_node().await;
    let olga = app.tenant("before").await;
    app.warm(&olga).await;
    proxy.set(Mode::Refuse).await.unwrap();
    heard_in_time(app).await;
}

/// Ends sessions on one node, again and again, and looks when the other one has heard.
async fn heard_in_time(app: TestApp) {
    let mut waits = Vec::new();
    let olga = app.tenant("acme").await;
    for _ in 0..20 {
        app.clock.advance(Duration::from_secs(1));
        let granted = app
            .login(&owner("acme"), PASSWORD, Some("acme"))
            .await
            .assert_status(200);
        let access = text(&granted["access_token"]);
        let there = app.public_at(1).bearer(access);
        there.get("/users/me").await.assert_status(200);
        there.get("/users/me").await.assert_status(200);
        let here = app.public().bearer(access);
        let out = here.post("/auth/logout", &json!({})).await;
        assert_eq!(out.status, 204);
        let began = Instant::now();
        here.get("/users/me")
            .await
            .assert_refused(401, "invalid-token");
        eventually("the other node has heard", PATIENCE, async || {
            (there.get("/users/me").await.status == 401).then_some(())
        })
        .await;
        waits.push(began.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[waits.len() - 1] < SOON, "{waits:?}");
    olga.client.get("/users/me").await.assert_status(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refreshed_on_whichever_node() {
    let mut app = TestApp::postgres().await;
    app.add_node().await;
    let olga = app.tenant("acme").await;
    let body = json!({"refresh_token": olga.refresh});
    let first = app
        .public_at(1)
        .post("/auth/refresh", &body)
        .await
        .assert_status(200);
    let again = app
        .public()
        .post("/auth/refresh", &body)
        .await
        .assert_status(200);
    assert_eq!(first["refresh_token"], again["refresh_token"]);
    let access = text(&first["access_token"]);
    app.public()
        .bearer(access)
        .get("/users/me")
        .await
        .assert_status(200);
    app.public_at(1)
        .bearer(&olga.access)
        .get("/users/me")
        .await
        .assert_status(200);
    app.stop().await;
}
