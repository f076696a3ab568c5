//! A node that hears nothing any more lets nobody in for long.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::services::{PATIENCE, eventually};
use serde_json::json;

use crate::world::TestApp;

/// What is promised where nothing is heard: a node that knows nothing new knows nothing.
const BOUND: Duration = Duration::from_secs(5);

/// Asks again and again, and notes when the last request began that was let in after the session had ended.
async fn last_let_in(app: &TestApp, access: &str, ended: Instant) -> Duration {
    let last = Mutex::new(Duration::ZERO);
    let there = app.public_at(1).bearer(access);
    let ask = async || {
        let began = ended.elapsed();
        let answer = tokio::time::timeout(Duration::from_secs(2), there.get("/users/me")).await;
        let status = answer.map_or(0, |answer| answer.status);
        if status == 200 {
            let mut last = last.lock().unwrap();
            *last = began.max(*last);
        }
        assert!([0, 200, 401, 503].contains(&status), "{status}");
        (began > BOUND).then_some(())
    };
    eventually("the bound has passed", PATIENCE, ask).await;
    last.into_inner().unwrap()
}

async fn nobody_is_let_in_for_long(silent: bool) {
    let mut app = TestApp::postgres().await.in_real_time().await;
    let (proxy, url) = Proxy::before(&app.place.url()).await.unwrap();
    app.add_node_at(&url).await;
    let olga = app.tenant("acme").await;
    let there = app.public_at(1).bearer(&olga.access);
    there.get("/users/me").await.assert_status(200);
    if silent {
        // As if a router on the way had forgotten the connections: nothing comes, and no end of them either.
        proxy.forget().await.unwrap();
    } else {
        proxy.set(Mode::Stall).await.unwrap();
    }
    let left = olga.client.post("/auth/logout", &json!({})).await;
    assert_eq!(left.status, 204);
    let last = last_let_in(&app, &olga.access, Instant::now()).await;
    assert!(last < BOUND, "{last:?}");
    proxy.set(Mode::Pass).await.unwrap();
    proxy.cut().await.unwrap();
    eventually("the node hears again", PATIENCE, async || {
        (there.get("/users/me").await.status == 401).then_some(())
    })
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_connections_were_forgotten_lets_nobody_in_for_long() {
    nobody_is_let_in_for_long(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_database_does_not_answer_lets_nobody_in_for_long() {
    nobody_is_let_in_for_long(false).await;
}
