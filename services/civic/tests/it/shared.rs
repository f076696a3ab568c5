//! Nodes that share results in Redis.

use brisk::core::Deadline;
use brisk_testkit::servers::Redis;
use serde_json::{Value, json};

use crate::world::TestApp;
use brisk_testkit::services::Client;
use brisk_testkit::services::{PATIENCE, eventually};

const LEADERS: &str = "civic.score.leaders";

/// Two nodes with a Redis, beside the one that made the tenants.
async fn app(redis: &str) -> TestApp {
    let mut app = TestApp::postgres().await;
    let prefix = format!("civic{}", std::process::id());
    for _ in 0..2 {
        app.add_node_with(&[("redis.url", redis), ("redis.prefix", &prefix)])
            .await;
    }
    let up = async || {
        let caches = app.nodes[1..].iter().map(|node| &node.kit().caches);
        let mut stats = caches.map(|caches| caches.nodes_stats().unwrap());
        stats.all(|nodes| nodes.up).then_some(())
    };
    eventually("Redis answers", PATIENCE, up).await;
    app
}

/// Both have heard of all that is committed.
async fn told(app: &TestApp) {
    for node in &app.nodes[1..] {
        let kit = node.kit();
        let position = kit.platform("test").position().await.unwrap();
        let reached = kit.db.changes();
        let reached = reached.reached(&position, Deadline::after(PATIENCE));
        reached.await.unwrap();
    }
}

/// The score of `acme` in a node's ranking.
async fn score(node: &Client) -> Value {
    let ranking = node.get("/v1/scores/leaderboard").await;
    ranking.assert_status(200)["leaderboard"][0]["score"].clone()
}

/// Loads of the ranking, and what came from Redis, on each of the two.
fn counts(app: &TestApp) -> [(u64, u64); 2] {
    [1, 2].map(|n| {
        let stats = app.nodes[n].kit().caches.stats();
        let leaders = stats.iter().find(|stats| stats.name == LEADERS);
        leaders.map_or((0, 0), |stats| (stats.loads, stats.tier_hits))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ranking_of_all_tenants_is_read_by_one_node_for_all_until_a_score_changes() {
    let redis = Redis::shared().database().unwrap();
    let app = app(&redis.url()).await;
    app.configure(&json!({"public": {"enabled": true, "leaderboard": true}}))
        .await;
    app.settled().await;
    let set = |score: u32| {
        let id = app.acme.id;
        app.place.sql(&format!(
            "INSERT INTO civic_performance_scores (tenant_id, metric_type, period, score, detail, calculated_at)
             VALUES ({id}, 'overall', 'last_30_days', {score}.1, '{{}}', now())
             ON CONFLICT (tenant_id, area_id, metric_type, period) DO UPDATE SET score = excluded.score"
        ))
    };
    let nodes = [1, 2].map(|n| Client::new(app.nodes[n].address()));
    set(70);
    told(&app).await;
    assert_eq!(score(&nodes[0]).await, 70.1);
    app.nodes[1].kit().caches.flush().await;
    assert_eq!(score(&nodes[1]).await, 70.1);
    assert_eq!(counts(&app), [(1, 0), (0, 1)]);
    // Asked for at once by both, it is read once more.
    set(80);
    told(&app).await;
    let both = futures::future::join(score(&nodes[0]), score(&nodes[1])).await;
    assert_eq!(both, (json!(80.1), json!(80.1)));
    let [here, there] = counts(&app);
    assert_eq!((here.0 + there.0, here.1 + there.1), (2, 2));
    // What operators see.
    let operator = nodes[1].with(&app.platform_key);
    let shown = operator.get("/caches").await.assert_status(200).clone();
    assert_eq!(shown["nodes"]["up"], true);
    let all = shown["caches"].as_array().unwrap();
    let leaders = all.iter().find(|cache| cache["name"] == LEADERS).unwrap();
    assert_eq!(leaders["tier"], "nodes");
    assert_eq!(leaders["tier_hits"], there.1);
    let ready = operator
        .get("/health/ready")
        .await
        .assert_status(200)
        .clone();
    assert_eq!(ready["checks"]["redis"], "ok");
    app.stop().await;
}
