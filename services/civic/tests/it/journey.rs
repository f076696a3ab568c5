//! From a report to everything that follows from it, without any job being called by hand.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{TestApp, pothole, spot};
use brisk_testkit::services::{FRESH, PATIENCE, eventually};

crate::on_both!(
    a_report_reaches_issue_promise_counters_and_score_in_time,
    reports_of_one_hole_join_and_others_do_not,
    decided_issues_make_a_score,
);

async fn a_report_reaches_issue_promise_counters_and_score_in_time(app: TestApp) {
    // The first one pays for plans, caches and blocks of ids.
    app.linked(1).await;
    app.settled().await;
    let began = Instant::now();
    let report = app.submitted(2).await;
    let issue = app.issue_of(report).await;
    let agent = app.agent();
    let body = agent.get(&format!("/v1/issues/{issue}")).await.json();
    assert_eq!(body["status"], "open");
    assert_eq!(body["report_count"], 1);
    assert_eq!(body["reports"][0]["id"], report);
    assert_eq!(body["sla"]["state"], "running");
    let opened: jiff::Timestamp = body["created_at"].as_str().unwrap().parse().unwrap();
    let due: jiff::Timestamp = body["sla"]["resolve_due_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // Severity high: built-in promise of 72 hours, acknowledged within 4.
    assert_eq!(due.duration_since(opened).as_hours(), 72);
    let path = format!("/v1/scores/tenant/{}", app.acme.id);
    eventually("the score knows the report", PATIENCE, async || {
        let scores = agent.get(&path).await.json()["scores"].clone();
        (scores["total_reports"] == 2 && scores["open_issues"] == 2).then_some(())
    })
    .await;
    // One second is what scores are gathered for; a busy machine may be late, but not by more than as much again.
    let took = began.elapsed();
    assert!(took < FRESH + Duration::from_secs(1), "{took:?}");
    let dashboard = agent.get("/v1/dashboard").await.assert_status(200);
    assert_eq!(dashboard["counts"]["open"], 2);
    assert_eq!(dashboard["counts"]["reports_period"], 2);
    assert_eq!(dashboard["scores"]["overall"], json!(null));
    app.stop().await;
}

async fn reports_of_one_hole_join_and_others_do_not(app: TestApp) {
    let (_, issue) = app.linked(1).await;
    let (lat, lon) = spot(1);
    let mut near = pothole(1);
    near["description"] = json!("Huge pothole in the road, all the cars have to swerve");
    near["lat"] = json!(lat + 0.0001);
    let made = app.agent().post("/v1/reports", &near).await.json();
    assert_eq!(app.issue_of(made["id"].as_i64().unwrap()).await, issue);
    let mut far = near.clone();
    far["lat"] = json!(lat + 0.01);
    let made = app.agent().post("/v1/reports", &far).await.json();
    assert_ne!(app.issue_of(made["id"].as_i64().unwrap()).await, issue);
    let noise = json!({
        "description": "Loud music every night after midnight, we cannot sleep",
        "lat": lat, "lon": lon,
    });
    let made = app.agent().post("/v1/reports", &noise).await.json();
    assert_ne!(app.issue_of(made["id"].as_i64().unwrap()).await, issue);
    let body = app.agent().get(&format!("/v1/issues/{issue}")).await.json();
    assert_eq!(
        (&body["report_count"], &body["reporter_count"]),
        (&json!(2), &json!(2))
    );
    let events = app.agent().get(&format!("/v1/issues/{issue}/events")).await;
    let kinds: Vec<_> = events.json()["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["kind"].clone())
        .collect();
    assert_eq!(kinds, ["created", "report_linked"]);
    app.stop().await;
}

async fn decided_issues_make_a_score(app: TestApp) {
    let agent = app.agent();
    for place in 0..5 {
        let (_, issue) = app.linked(place).await;
        let done = agent
            .patch(
                &format!("/v1/issues/{issue}"),
                &json!({"status": "resolved"}),
            )
            .await;
        done.assert_status(200);
    }
    let path = format!("/v1/scores/tenant/{}", app.acme.id);
    let body = eventually("a score of five issues", PATIENCE, async || {
        let body = agent.get(&path).await.json();
        (body["scores"]["resolved_issues"] == 5 && body["scores"]["overall"].is_number())
            .then_some(body)
    })
    .await;
    let overall = body["scores"]["overall"].as_f64().unwrap();
    assert!((99.9..=100.0).contains(&overall), "{body}");
    assert_eq!(body["grade"], "A");
    assert_eq!(body["scores"]["sla_compliance"], 1.0);
    assert_eq!(body["insufficient_data"], false);
    app.stop().await;
}
