//! The audit log: every request is in it, none is lost, nobody's secrets are.

use brisk_testkit::services::{Client, PATIENCE, eventually};
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{EVERYTHING, TestApp, ids};

on_both!(
    every_request_is_in_the_audit_log,
    the_log_is_read_by_filter_and_page,
    nothing_is_lost_at_shutdown,
    one_bad_entry_costs_no_other,
);

/// The entries of a query, once there are so many.
async fn entries(client: &Client, query: &str, count: usize) -> Vec<Value> {
    eventually("the entries are written", PATIENCE, async || {
        let page = client.get(&format!("/catalog/audit-logs?{query}")).await;
        let items = page.assert_status(200)["items"].as_array().unwrap().clone();
        (items.len() >= count).then_some(items)
    })
    .await
}

async fn every_request_is_in_the_audit_log(app: TestApp) {
    let (tenant, client) = app.librarian().await;
    let ann = app.person(tenant, "ann", "authors:read");
    ann.get("/catalog/authors?name=x").await.assert_status(200);
    ann.post("/catalog/authors", &json!({"name": "Bob"}))
        .await
        .assert_refused(403, "forbidden");
    let lost = ann.get("/catalog/authors/77?eager_load=books").await;
    lost.assert_refused(404, "not_found");
    ann.get("/catalog/authors?access_token=very-secret")
        .await
        .assert_refused(400, "unknown_filter");
    let all = entries(&client, "user_id=ann", 4).await;
    let seen = |n: usize, key: &str| all[n][key].clone();
    let found: Vec<_> = (0..4)
        .map(|n| {
            (
                seen(n, "action_type"),
                seen(n, "outcome"),
                seen(n, "response_status"),
                seen(n, "error_message"),
            )
        })
        .collect();
    for (action, outcome, status, error) in [
        ("GET", "success", 200, json!(null)),
        ("POST", "permission_denied", 403, json!("forbidden")),
        ("GET", "error", 404, json!("catalog.not_found")),
        ("GET", "error", 400, json!("list.unknown_filter")),
    ] {
        let wanted = (json!(action), json!(outcome), json!(status), error);
        assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
    }
    let missed = all
        .iter()
        .find(|entry| entry["response_status"] == 404)
        .unwrap();
    assert_eq!(
        (&missed["resource"], &missed["username"]),
        (&json!("/catalog/authors/77"), &json!("ann"))
    );
    assert_eq!(
        (&missed["user_roles"], &missed["ip_address"]),
        (&json!(["authors:read"]), &json!("127.0.0.1"))
    );
    assert_eq!(missed["request_data"], json!({"eager_load": "books"}));
    assert_eq!(missed["request_id"].as_str(), lost.header("x-request-id"));
    assert!(
        missed["duration_ms"].is_number() && missed.get("tenant_id").is_none(),
        "{missed}"
    );
    let text = app
        .place
        .sql("SELECT request_data FROM catalog_user_actions");
    assert!(
        text.contains("[REDACTED]") && !text.contains("very-secret"),
        "{text}"
    );
    // Who is not known belongs to no tenant; probes of health are nobody's action.
    app.public()
        .get("/catalog/authors")
        .await
        .assert_refused(401, "unauthenticated");
    app.public().get("/health/live").await.assert_status(200);
    let anonymous = "SELECT count(*) FROM catalog_user_actions WHERE tenant_id IS NULL AND user_id = 'anonymous'";
    eventually("the refusal is written", PATIENCE, async || {
        (app.place.number(anonymous) == 1).then_some(())
    })
    .await;
    assert_eq!(
        app.place
            .number("SELECT count(*) FROM catalog_user_actions WHERE resource LIKE '/health%'"),
        0
    );
    app.stop().await;
}

async fn the_log_is_read_by_filter_and_page(app: TestApp) {
    let (tenant, client) = app.librarian().await;
    let ann = app.person(tenant, "ann", EVERYTHING);
    for n in 0..5 {
        app.clock.advance(std::time::Duration::from_secs(1));
        ann.post("/catalog/messages", &json!({"body": format!("{n}")}))
            .await
            .assert_status(201);
    }
    ann.get("/catalog/messages").await.assert_status(200);
    let posts = entries(&client, "user_id=ann&action_type=POST", 5).await;
    let times: Vec<_> = posts
        .iter()
        .map(|entry| entry["timestamp"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
    let path = "/catalog/audit-logs/user/ann?per_page=2&page=2";
    let page = client.get(path).await;
    assert!(page.statements() <= 2, "{}", page.statements());
    let page = page.assert_status(200);
    assert_eq!(
        (ids(&page["items"]).len(), &page["meta"]["total"]),
        (2, &json!(6))
    );
    let (from, to) = (times[3], times[1]);
    let between = entries(
        &client,
        &format!("user_id=ann&start_date={from}&end_date={to}&action_type=POST"),
        3,
    )
    .await;
    assert_eq!(between.len(), 3);
    let one = client
        .get(&format!("/catalog/audit-logs/{}", posts[0]["id"]))
        .await;
    assert_eq!(one.assert_status(200), posts[0]);
    app.stop().await;
}

async fn nothing_is_lost_at_shutdown(app: TestApp) {
    let app = app.with(&[("catalog.audit_batch_timeout", "1h")]).await;
    let (_, client) = app.librarian().await;
    let asked = (0..250).map(|_| client.get("/catalog/authors"));
    for answer in futures::future::join_all(asked).await {
        answer.assert_status(200);
    }
    let count = "SELECT count(*) FROM catalog_user_actions";
    assert!(app.place.number(count) < 250);
    let app = app.with(&[]).await;
    assert_eq!(app.place.number(count), 250);
    app.stop().await;
}

async fn one_bad_entry_costs_no_other(app: TestApp) {
    let (tenant, client) = app.librarian().await;
    let refuse = if app.place.is_postgres() {
        "ALTER TABLE catalog_user_actions ADD CHECK (user_id <> 'mallory')"
    } else {
        "CREATE TRIGGER mallory BEFORE INSERT ON catalog_user_actions WHEN new.user_id = 'mallory'
         BEGIN SELECT raise(ABORT, 'not mallory'); END"
    };
    app.place.sql(refuse);
    let mallory = app.person(tenant, "mallory", "authors:read");
    let (good, bad) = futures::join!(
        client.get("/catalog/authors"),
        mallory.get("/catalog/authors")
    );
    good.assert_status(200);
    bad.assert_status(200);
    entries(&client, "user_id=librarian&resource=/catalog/authors", 1).await;
    app.stop().await;
}
