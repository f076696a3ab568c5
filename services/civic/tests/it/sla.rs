//! Promises: pauses move them, and missed ones are noted in time.

use std::time::{Duration, Instant};

use brisk::prelude::Role;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{TestApp, pothole};
use brisk_testkit::services::{FRESH, PATIENCE, eventually};

crate::on_both!(
    a_hold_stops_the_clock_and_moves_the_promise,
    a_missed_promise_is_noted_as_of_its_due_instant,
    a_promise_is_marked_within_two_seconds_of_the_real_clock,
);

fn at(value: &Value) -> Timestamp {
    value
        .as_str()
        .unwrap_or_else(|| panic!("an instant, not {value}"))
        .parse()
        .unwrap()
}

const HOUR: Duration = Duration::from_hours(1);

async fn a_hold_stops_the_clock_and_moves_the_promise(app: TestApp) {
    let app = app.with_manual_clock().await;
    let (_, issue) = app.linked(1).await;
    let path = format!("/v1/issues/{issue}");
    let agent = app.agent();
    let before = agent.get(&path).await.json();
    let due = at(&before["sla"]["resolve_due_at"]);
    app.clock.advance(HOUR);
    let hold = json!({"status": "on-hold", "hold_reason": "waiting_third_party"});
    let row = agent.patch(&path, &hold).await.assert_status(200);
    assert_eq!(row["sla"]["state"], "paused");
    // Far beyond the due instant: a clock that stands misses nothing.
    app.clock.advance(HOUR * 100);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let row = agent.get(&path).await.json();
    assert_eq!(row["sla"]["breached_at"], json!(null));
    let resumed = json!({"status": "in-progress"});
    let row = agent.patch(&path, &resumed).await.assert_status(200);
    assert_eq!(row["sla"]["state"], "running");
    assert_eq!(row["sla"]["paused_seconds"], 360_000);
    assert_eq!(at(&row["sla"]["resolve_due_at"]), due + HOUR * 100);
    app.clock.advance(HOUR * 70);
    let done = json!({"status": "resolved"});
    let row = agent.patch(&path, &done).await.assert_status(200);
    assert_eq!(row["sla"]["met_sla"], true);
    assert_eq!(row["sla"]["business_hours_used"], 71.0);
    assert_eq!(row["sla"]["resolution_time_hours"], 171.0);
    let events = agent.get(&format!("{path}/events")).await.json();
    let kinds: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["kind"].as_str().unwrap())
        .collect();
    assert!(
        kinds.contains(&"sla_paused") && kinds.contains(&"sla_resumed"),
        "{kinds:?}"
    );
    app.stop().await;
}

async fn a_missed_promise_is_noted_as_of_its_due_instant(app: TestApp) {
    let app = app.with_manual_clock().await;
    let (_, issue) = app.linked(1).await;
    let path = format!("/v1/issues/{issue}");
    let agent = app.agent();
    let due = at(&agent.get(&path).await.json()["sla"]["resolve_due_at"]);
    app.clock.advance(HOUR * 80);
    let row = eventually("the missed promise is noted", FRESH, async || {
        let row = agent.get(&path).await.json();
        row["sla"]["breached_at"].is_string().then_some(row)
    })
    .await;
    assert_eq!(at(&row["sla"]["breached_at"]), due);
    let noted = "SELECT count(*) FROM civic_issue_events WHERE kind = 'sla_breached'";
    let events = app.place.number(noted);
    assert!((1..=2).contains(&events), "one for each promise: {events}");
    app.clock.advance(HOUR);
    let late = agent.patch(&path, &json!({"status": "resolved"})).await;
    let row = late.assert_status(200);
    assert_eq!(
        (&row["sla"]["met_sla"], &row["sla"]["met_ack"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(at(&row["sla"]["breached_at"]), due);
    assert_eq!(app.place.number(noted), events);
    let counted = "SELECT CAST(sum(breached) AS bigint) FROM civic_score_daily";
    assert_eq!(app.place.number(counted), 1);
    assert_eq!(crate::volume::drift(&app.place), Vec::<String>::new());
    app.stop().await;
}

async fn a_promise_is_marked_within_two_seconds_of_the_real_clock(app: TestApp) {
    let policy =
        json!({"ack_minutes": 1, "resolve_minutes": 2, "effective_from": "2020-01-01T00:00:00Z"});
    let made = app.caller(Role::Admin).post("/v1/sla/policies", &policy);
    made.await.assert_status(201);
    let agent = app.agent();
    let mut report = pothole(1);
    // Two minutes are over three seconds from now.
    let submitted = app.clock.now() - Duration::from_secs(117);
    report["submitted_at"] = json!(submitted.to_string());
    let made = agent.post("/v1/reports", &report).await.assert_status(201);
    let issue = app.issue_of(made["id"].as_i64().unwrap()).await;
    let path = format!("/v1/issues/{issue}");
    let body = agent.get(&path).await.json();
    let due = at(&body["sla"]["resolve_due_at"]);
    assert_eq!(due, submitted + Duration::from_mins(2));
    let row = eventually("the promise is missed", PATIENCE, async || {
        let row = agent.get(&path).await.json();
        row["sla"]["breached_at"].is_string().then_some(row)
    })
    .await;
    let lag = app.clock.now().duration_since(due);
    assert!(
        lag < jiff::SignedDuration::try_from(FRESH).unwrap(),
        "{lag:?}"
    );
    assert_eq!(at(&row["sla"]["breached_at"]), due);
    let began = Instant::now();
    let overdue = agent.get("/v1/issues?overdue=true").await.json();
    assert_eq!(overdue["issues"][0]["id"], issue, "{:?}", began.elapsed());
    let dashboard = agent.get("/v1/dashboard").await.json();
    assert_eq!(dashboard["counts"]["overdue"], 1);
    app.stop().await;
}
