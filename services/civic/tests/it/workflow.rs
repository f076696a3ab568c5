//! The workflow of issues: who may move them where, what follows, and what is refused.

use std::collections::BTreeSet;

use brisk::prelude::Role;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{TestApp, pothole};
use brisk_testkit::services::{Call, Client};

crate::on_both!(
    every_pair_of_statuses_is_allowed_or_refused,
    each_change_leaves_its_traces,
    reasons_are_asked_for,
    a_stale_version_is_refused_and_of_many_writers_one_wins,
    fields_are_checked_whole,
    a_bulk_change_answers_for_each_issue,
    notes_and_updates_are_events_that_come_in_pages,
    what_is_resolved_or_closed_is_reopened_by_those_who_may,
);

const STATUSES: [&str; 6] = [
    "open",
    "acknowledged",
    "in-progress",
    "on-hold",
    "resolved",
    "closed",
];

/// The table of section 9 for agents; managers may reopen what is closed, too.
fn allowed(from: &str, manager: bool) -> &'static [&'static str] {
    match from {
        "open" => &[
            "acknowledged",
            "in-progress",
            "on-hold",
            "resolved",
            "closed",
        ],
        "acknowledged" => &["in-progress", "on-hold", "resolved", "closed"],
        "in-progress" => &["on-hold", "resolved", "closed"],
        "on-hold" => &["acknowledged", "in-progress", "resolved", "closed"],
        "resolved" => &["open", "closed"],
        "closed" if manager => &["open"],
        _ => &[],
    }
}

/// A change to this status with the reason that it needs.
fn change(to: &str) -> Value {
    match to {
        "on-hold" => json!({"status": to, "hold_reason": "weather"}),
        "closed" => json!({"status": to, "close_reason": "no_action"}),
        _ => json!({"status": to}),
    }
}

/// As many issues, each by itself.
async fn issues(app: &TestApp, n: u32) -> Vec<i64> {
    let reports: Vec<Value> = (0..n).map(pothole).collect();
    let made = app
        .agent()
        .post("/v1/reports/batch", &json!({"reports": reports}));
    made.await.assert_status(200);
    app.settled().await;
    let list = app.agent().get("/v1/issues?limit=1000").await.json();
    let rows = list["issues"].as_array().unwrap();
    assert_eq!(rows.len(), usize::try_from(n).unwrap());
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

async fn set(client: &Client, issue: i64, to: &str) -> Value {
    let path = format!("/v1/issues/{issue}");
    client.patch(&path, &change(to)).await.assert_status(200)
}

async fn kinds(app: &TestApp, issue: i64) -> Vec<String> {
    let events = app.agent().get(&format!("/v1/issues/{issue}/events")).await;
    let events = events.json()["events"].as_array().unwrap().clone();
    events
        .iter()
        .map(|e| e["kind"].as_str().unwrap().to_owned())
        .collect()
}

async fn every_pair_of_statuses_is_allowed_or_refused(app: TestApp) {
    let mut fresh = issues(&app, 72).await.into_iter();
    for role in [Role::Agent, Role::Manager] {
        let client = app.caller(role);
        for from in STATUSES {
            for to in STATUSES {
                let issue = fresh.next().unwrap();
                if from != "open" {
                    set(&client, issue, from).await;
                }
                let path = format!("/v1/issues/{issue}");
                let before = client.get(&path).await.json();
                let may = allowed(from, role == Role::Manager);
                let shown: BTreeSet<_> = before["allowed_transitions"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|s| s.as_str().unwrap())
                    .collect();
                assert_eq!(shown, may.iter().copied().collect(), "{role:?} {from}");
                let answer = client.patch(&path, &change(to)).await;
                if from == to {
                    assert_eq!(answer.assert_status(200)["version"], before["version"]);
                } else if may.contains(&to) {
                    assert_eq!(answer.assert_status(200)["status"], to, "{from} to {to}");
                } else {
                    let body = answer.assert_refused(409, "invalid_transition");
                    let named: BTreeSet<_> = body["allowed"]
                        .as_str()
                        .unwrap()
                        .split(", ")
                        .filter(|s| !s.is_empty())
                        .collect();
                    assert_eq!(named, may.iter().copied().collect(), "{from} to {to}");
                    assert_eq!(client.get(&path).await.json(), before);
                }
            }
        }
    }
    app.settled().await;
    assert_eq!(crate::volume::drift(&app.place), Vec::<String>::new());
    app.stop().await;
}

async fn each_change_leaves_its_traces(app: TestApp) {
    let ids = issues(&app, 4).await;
    let agent = app.agent();
    let row = set(&agent, ids[0], "in_progress").await;
    assert_eq!(row["status"], "in-progress");
    assert!(row["acknowledged_at"].is_string());
    assert_eq!(row["sla"]["met_ack"], true);
    let row = set(&agent, ids[0], "resolved").await;
    assert!(row["resolved_at"].is_string());
    assert_eq!(row["close_reason"], "fixed");
    assert_eq!(
        (&row["sla"]["met_sla"], &row["sla"]["state"]),
        (&json!(true), &json!("done"))
    );
    let kinds = kinds(&app, ids[0]).await;
    assert_eq!(kinds.first().map(String::as_str), Some("created"));
    assert!(kinds.len() >= 3, "{kinds:?}");
    // Resolved at once: acknowledged at that moment.
    let row = set(&agent, ids[1], "resolved").await;
    assert_eq!(row["acknowledged_at"], row["resolved_at"]);
    let path = format!("/v1/issues/{}", ids[2]);
    let closed = json!({"status": "closed", "close_reason": "fixed"});
    let row = agent.patch(&path, &closed).await.assert_status(200);
    assert_eq!(row["resolved_at"], row["closed_at"]);
    assert_eq!(row["sla"]["met_sla"], true);
    let path = format!("/v1/issues/{}", ids[3]);
    let closed = json!({"status": "closed", "close_reason": "invalid"});
    let row = agent.patch(&path, &closed).await.assert_status(200);
    assert_eq!(
        (
            &row["sla"]["excluded"],
            &row["sla"]["met_sla"],
            &row["resolved_at"]
        ),
        (&json!(true), &json!(null), &json!(null))
    );
    app.stop().await;
}

async fn reasons_are_asked_for(app: TestApp) {
    let (_, issue) = app.linked(1).await;
    let path = format!("/v1/issues/{issue}");
    let agent = app.agent();
    let refused = [
        (json!({"status": "on-hold"}), "hold_reason_required"),
        (json!({"status": "closed"}), "close_reason_required"),
        (
            json!({"status": "on-hold", "hold_reason": "tired"}),
            "hold_reason_unknown",
        ),
        (
            json!({"status": "closed", "close_reason": "bored"}),
            "close_reason_unknown",
        ),
        (json!({"status": "finished"}), "status_unknown"),
    ];
    for (change, code) in refused {
        let answer = agent.patch(&path, &change).await;
        answer.assert_refused(422, code);
    }
    assert_eq!(agent.get(&path).await.json()["version"], 1);
    for reason in [
        "waiting_reporter",
        "waiting_third_party",
        "weather",
        "scheduled",
    ] {
        let hold = json!({"status": "on-hold", "hold_reason": reason});
        let row = agent.patch(&path, &hold).await.assert_status(200);
        assert_eq!(row["hold_reason"], reason);
        set(&agent, issue, "in-progress").await;
    }
    app.stop().await;
}

async fn a_stale_version_is_refused_and_of_many_writers_one_wins(app: TestApp) {
    let (_, issue) = app.linked(1).await;
    let path = format!("/v1/issues/{issue}");
    let agent = app.agent();
    let blind = agent.patch(&path, &json!({"title": "Hole one"})).await;
    let version = blind.assert_status(200)["version"].as_i64().unwrap();
    assert!(blind.header("warning").is_some(), "the last writer won");
    let tagged = |tag: &str, title: &str| {
        let call = Call::new("PATCH", path.as_str()).json(&json!({"title": title}));
        call.header("if-match", tag)
    };
    let stale = agent.send(tagged("1", "Hole two")).await;
    let body = stale.assert_refused(412, "version_mismatch");
    assert_eq!(
        body["current_version"].as_str(),
        Some(version.to_string().as_str())
    );
    agent
        .send(tagged("soon", "x"))
        .await
        .assert_refused(422, "version_invalid");
    let fresh = agent
        .send(tagged(&format!("\"{version}\""), "Hole two"))
        .await;
    assert_eq!(fresh.assert_status(200)["version"], version + 1);
    assert!(fresh.header("warning").is_none());
    let any = agent.send(tagged("*", "Hole three")).await;
    let version = any.assert_status(200)["version"].as_i64().unwrap();
    let race = join_all((0..10).map(|i| {
        let body = json!({"title": format!("Racer {i}"), "version": version});
        let (agent, path) = (agent.clone(), path.clone());
        async move { agent.patch(&path, &body).await.status }
    }))
    .await;
    assert_eq!(race.iter().filter(|s| **s == 200).count(), 1, "{race:?}");
    assert_eq!(race.iter().filter(|s| **s == 412).count(), 9, "{race:?}");
    // Without a version all of them are written, one after the other.
    let before = agent.get(&path).await.json()["version"].as_i64().unwrap();
    let blind = join_all((0..5).map(|i| {
        let body = json!({"note": format!("note {i}")});
        let (agent, path) = (agent.clone(), path.clone());
        async move { agent.patch(&path, &body).await.assert_status(200) }
    }))
    .await;
    assert_eq!(blind.len(), 5);
    assert_eq!(agent.get(&path).await.json()["version"], before + 5);
    let nowhere = agent
        .patch("/v1/issues/999999", &json!({"title": "x"}))
        .await;
    nowhere.assert_refused(404, "not_found");
    app.stop().await;
}

async fn fields_are_checked_whole(app: TestApp) {
    let (_, issue) = app.linked(1).await;
    let path = format!("/v1/issues/{issue}");
    let agent = app.agent();
    let unknown = agent.patch(&path, &json!({"colour": "red"})).await;
    let error = unknown.assert_status(422)["errors"][0].clone();
    assert_eq!(error["code"], "unknown_field");
    for fixed in [
        "resolved_at",
        "created_at",
        "report_count",
        "tenant_id",
        "id",
    ] {
        let answer = agent.patch(&path, &json!({fixed: 1})).await;
        assert_eq!(answer.status, 422, "{fixed}");
    }
    let wrong = json!({
        "status": "gone", "close_reason": "x", "hold_reason": "x", "severity": "x", "category": "x",
        "title": " ", "assignee": "n".repeat(256), "note": "",
    });
    let body = agent.patch(&path, &wrong).await.assert_status(422);
    assert_eq!(body["errors"].as_array().unwrap().len(), 8, "{body}");
    let area = agent.patch(&path, &json!({"area_id": 77})).await;
    area.assert_refused(422, "area_unknown");
    let right = json!({
        "severity": "critical", "category": "safety", "title": "Deep\u{0} hole", "assignee": "Crew 7", "note": "go",
    });
    let row = agent.patch(&path, &right).await.assert_status(200);
    assert_eq!(row["title"], "Deep hole");
    assert_eq!(row["assignee"], "Crew 7");
    assert_eq!(
        (&row["severity"], &row["category"]),
        (&json!("critical"), &json!("safety"))
    );
    // The promise of a critical issue is 24 hours from its first report.
    let at = |v: &Value| v.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let promise = at(&row["sla"]["resolve_due_at"]).duration_since(at(&row["created_at"]));
    assert_eq!(promise.as_hours(), 24);
    let nobody = agent.patch(&path, &json!({"assignee": null})).await;
    assert_eq!(nobody.assert_status(200)["assignee"], json!(null));
    let kinds = kinds(&app, issue).await;
    for kind in [
        "severity_changed",
        "category_changed",
        "assigned",
        "moderated",
        "note",
    ] {
        assert!(kinds.iter().any(|k| k == kind), "{kind} in {kinds:?}");
    }
    app.settled().await;
    assert_eq!(crate::volume::drift(&app.place), Vec::<String>::new());
    app.stop().await;
}

async fn a_bulk_change_answers_for_each_issue(app: TestApp) {
    let ids = issues(&app, 3).await;
    set(&app.caller(Role::Manager), ids[2], "closed").await;
    let body = json!({"ids": [ids[0], 999_999, ids[1], ids[2]], "set": {"status": "in-progress", "assignee": "Crew"}});
    let agent = app.agent().post("/v1/issues/bulk", &body).await;
    assert_eq!(agent.status, 403);
    let manager = app.caller(Role::Manager);
    let answer = manager.post("/v1/issues/bulk", &body).await;
    let results = answer.assert_status(200)["results"].clone();
    let told: Vec<_> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["ok"].as_bool().unwrap(), r["code"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        told,
        [
            (true, ""),
            (false, "civic.not_found"),
            (true, ""),
            (false, "civic.invalid_transition"),
        ]
    );
    let row = manager.get(&format!("/v1/issues/{}", ids[0])).await.json();
    assert_eq!(
        (&row["status"], &row["assignee"]),
        (&json!("in-progress"), &json!("Crew"))
    );
    for ids in [json!([]), json!((0..501).collect::<Vec<_>>())] {
        let body = json!({"ids": ids, "set": {"status": "open"}});
        let answer = manager.post("/v1/issues/bulk", &body).await;
        answer.assert_refused(422, "batch_size");
    }
    app.stop().await;
}

async fn notes_and_updates_are_events_that_come_in_pages(app: TestApp) {
    let (_, issue) = app.linked(1).await;
    let agent = app.agent();
    for i in 0..25 {
        let (kind, body) = if i % 2 == 0 {
            ("notes", format!("note {i}"))
        } else {
            ("updates", format!("update {i}"))
        };
        let path = format!("/v1/issues/{issue}/{kind}");
        let made = agent.post(&path, &json!({"body": body})).await;
        made.assert_status(201);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/issues/{issue}/events?limit=7{cursor}");
        let page = agent.get(&path).await.assert_status(200);
        let events = page["events"].as_array().unwrap();
        seen.extend(
            events
                .iter()
                .map(|e| (e["id"].as_i64().unwrap(), e.clone())),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            assert_eq!(page["has_more"], false);
            break;
        };
        assert_eq!(events.len(), 7);
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 26);
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "oldest first");
    for (_, event) in &seen[1..] {
        let public = event["kind"] == "public_update";
        assert_eq!(event["public"], public);
        assert_eq!(event["actor_role"], "agent");
        assert!(event["at"].is_string());
    }
    for body in [
        json!({"body": " \u{0} "}),
        json!({"body": "x".repeat(4_001)}),
    ] {
        let refused = agent
            .post(&format!("/v1/issues/{issue}/notes"), &body)
            .await;
        refused.assert_refused(422, "note_invalid");
    }
    let nowhere = agent
        .post("/v1/issues/999999/notes", &json!({"body": "x"}))
        .await;
    nowhere.assert_refused(404, "not_found");
    let broken = agent
        .get(&format!("/v1/issues/{issue}/events?cursor=AAAA"))
        .await;
    assert_eq!(broken.status, 400, "{broken:?}");
    app.stop().await;
}

async fn what_is_resolved_or_closed_is_reopened_by_those_who_may(app: TestApp) {
    let ids = issues(&app, 2).await;
    let (agent, manager) = (app.agent(), app.caller(Role::Manager));
    let reopen = |issue: i64| Call::new("POST", format!("/v1/issues/{issue}/reopen"));
    set(&agent, ids[0], "resolved").await;
    let row = agent.send(reopen(ids[0])).await.assert_status(200);
    assert_eq!(
        (&row["status"], &row["reopened_count"]),
        (&json!("open"), &json!(1))
    );
    assert_eq!(
        (&row["resolved_at"], &row["sla"]["met_sla"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(row["sla"]["state"], "running");
    set(&agent, ids[1], "closed").await;
    let refused = agent.send(reopen(ids[1])).await;
    refused.assert_refused(409, "invalid_transition");
    let row = manager.send(reopen(ids[1])).await.assert_status(200);
    assert_eq!(
        (&row["status"], &row["closed_at"]),
        (&json!("open"), &json!(null))
    );
    assert!(kinds(&app, ids[1]).await.iter().any(|k| k == "reopened"));
    // A report of the same thing opens what was thought to be done.
    set(&agent, ids[0], "resolved").await;
    let row = agent.get(&format!("/v1/issues/{}", ids[0])).await.json();
    let again = json!({
        "description": pothole(0)["description"], "lat": row["lat"], "lon": row["lon"], "location": row["location"],
    });
    let report = agent.post("/v1/reports", &again).await.assert_status(201);
    let joined = app.issue_of(report["id"].as_i64().unwrap()).await;
    assert_eq!(joined, ids[0]);
    let row = agent.get(&format!("/v1/issues/{}", ids[0])).await.json();
    assert_eq!(
        (&row["status"], &row["reopened_count"]),
        (&json!("open"), &json!(2))
    );
    app.settled().await;
    assert_eq!(crate::volume::drift(&app.place), Vec::<String>::new());
    app.stop().await;
}
