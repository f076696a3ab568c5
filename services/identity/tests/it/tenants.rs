//! Tenants: looked after by their owners and by those who run the installation; the audit log; the signing keys.

use brisk_testkit::services::{Call, PATIENCE, eventually};
use serde_json::json;

use crate::on_both;
use crate::world::{PASSWORD, TestApp, owner, text};

async fn a_tenant_is_set_up_by_those_who_run_it(app: TestApp) {
    let olga = app.tenant("acme").await;
    app.warm(&olga).await;
    let own = olga.client.get("/tenant").await;
    assert_eq!(own.statements(), 1);
    let tag = own.header("etag").unwrap().to_owned();
    assert_eq!(own.assert_status(200)["slug"], "acme");
    let change = |tag: &str, body: serde_json::Value| {
        Call::new("PATCH", "/tenant")
            .header("if-match", tag)
            .json(&body)
    };
    let rules = json!({"password_min": 20, "allowed_email_domains": ["acme.example"]});
    let body = json!({"name": "Acme Works", "timezone": "Europe/Berlin", "locale": "de", "settings": rules});
    let changed = olga.client.send(change(&tag, body)).await;
    let newer = changed.header("etag").unwrap().to_owned();
    let changed = changed.assert_status(200);
    assert_eq!(
        (&changed["name"], &changed["settings"]),
        (&json!("Acme Works"), &rules)
    );
    olga.client
        .send(change(&tag, json!({"name": "X"})))
        .await
        .assert_refused(412, "precondition-failed");
    olga.client
        .send(change(&newer, json!({"locale": "en"})))
        .await
        .assert_status(200);
    for (bad, field) in [
        (json!({"timezone": "Mars/Base"}), "timezone"),
        (json!({"name": " "}), "name"),
        (
            json!({"settings": {"password_min": 8}}),
            "settings.password_min",
        ),
        (
            json!({"settings": {"sessions_max_per_user": 101}}),
            "settings.sessions_max_per_user",
        ),
        (
            json!({"settings": {"allowed_email_domains": ["no domain"]}}),
            "settings.allowed_email_domains",
        ),
    ] {
        let refused = olga
            .client
            .patch("/tenant", &bad)
            .await
            .assert_refused(422, "validation");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    olga.client
        .patch("/tenant", &json!({"settings": {"theirs": 1}}))
        .await
        .assert_status(422);
    // The rules count.
    let outside = json!({"email": "a@b.example", "full_name": "A"});
    let refused = olga
        .client
        .post("/users", &outside)
        .await
        .assert_refused(422, "validation");
    assert_eq!(refused["errors"][0]["code"], "domain_not_allowed");
    let short = json!({"email": "a@acme.example", "full_name": "A", "password": "warble-nine-ox"});
    olga.client
        .post("/users", &short)
        .await
        .assert_refused(422, "weak-password");
    app.stop().await;
}

async fn a_deleted_tenant_is_out_at_once_and_erased(app: TestApp) {
    let olga = app.tenant("acme").await;
    let adam = app
        .person_with(&olga, "adam@acme.example", &["admin"])
        .await;
    let other = app.tenant("other").await;
    adam.client
        .delete("/tenant")
        .await
        .assert_refused(403, "forbidden");
    app.clock.advance(std::time::Duration::from_secs(301));
    olga.client
        .delete("/tenant")
        .await
        .assert_refused(401, "reauthentication-required");
    let olga = app.sign_in(&owner("acme"), Some("acme")).await;
    adam.client.get("/users/me").await.assert_status(200);
    let gone = olga.client.delete("/tenant").await.assert_status(202);
    assert_eq!(gone["status"], "deleting");
    for who in [&olga, &adam] {
        who.client
            .get("/users/me")
            .await
            .assert_refused(401, "invalid-token");
    }
    let refused = app.refresh(&adam.refresh).await;
    assert!([401, 403].contains(&refused.status), "{refused:?}");
    let rows = async || {
        let tables = [
            "users",
            "roles",
            "sessions",
            "refresh_tokens",
            "user_roles",
            "role_permissions",
        ];
        let counts = tables.map(|table| {
            app.place.number(&format!(
                "SELECT count(*) FROM identity_{table} WHERE tenant_id = {}",
                olga.tenant
            ))
        });
        (counts.iter().sum::<i64>() == 0).then_some(())
    };
    eventually("its rows are erased", PATIENCE, rows).await;
    let kept = format!(
        "SELECT count(*) FROM identity_audit_log WHERE tenant_id = {}",
        olga.tenant
    );
    assert!(app.place.number(&kept) > 0);
    // The other one is as it was, and the name is free again.
    other.client.get("/users/me").await.assert_status(200);
    let free = async || {
        let text = "SELECT count(*) FROM brisk_tenants WHERE slug = 'acme'";
        (app.place.number(text) == 0).then_some(())
    };
    eventually("the slug is free", PATIENCE, free).await;
    let again = app.tenant("acme").await;
    assert_ne!(again.tenant, olga.tenant);
    app.stop().await;
}

async fn staff_looks_after_all_tenants(app: TestApp) {
    let root = app.staff().await;
    let body = json!({"name": "Made by staff", "kind": "city", "timezone": "Europe/Rome",
        "owner": {"email": "first@made.example", "full_name": "First", "password": PASSWORD}});
    let made = root.client.post("/admin/tenants", &body).await;
    assert!(made.header("location").unwrap().contains("/admin/tenants/"));
    let made = made.assert_status(201);
    assert_eq!(
        (&made["slug"], &made["kind"]),
        (&json!("made-by-staff"), &json!("city"))
    );
    let first = app
        .sign_in("first@made.example", Some("made-by-staff"))
        .await;
    assert_eq!(
        first.client.get("/users/me").await.assert_status(200)["roles"],
        json!(["owner"])
    );
    let taken = json!({"name": "Other", "slug": "made-by-staff"});
    root.client
        .post("/admin/tenants", &taken)
        .await
        .assert_refused(409, "conflict");
    let system = json!({"name": "Other", "kind": "system"});
    root.client
        .post("/admin/tenants", &system)
        .await
        .assert_refused(422, "validation");
    let path = format!("/admin/tenants/{}", first.tenant);
    app.warm(&root).await;
    let read = root.client.get(&path).await;
    assert_eq!(read.statements(), 1);
    read.assert_status(200);
    let list = root.client.get("/admin/tenants?limit=1").await;
    assert_eq!(list.statements(), 1);
    let list = list.assert_status(200);
    let next = format!(
        "/admin/tenants?limit=1&cursor={}",
        text(&list["next_cursor"])
    );
    let next = root.client.get(&next).await.assert_status(200);
    assert_eq!(next["items"][0]["id"], json!(first.tenant));
    assert_eq!(next["next_cursor"], json!(null));
    let renamed = root
        .client
        .patch(&path, &json!({"name": "Renamed"}))
        .await
        .assert_status(200);
    assert_eq!(renamed["name"], "Renamed");
    // Suspended it is out, and in again afterwards.
    for _ in 0..2 {
        let off = root
            .client
            .post(&format!("{path}/suspend"), &json!({}))
            .await;
        assert_eq!(off.assert_status(200)["status"], "suspended");
    }
    first
        .client
        .get("/users/me")
        .await
        .assert_refused(403, "tenant-suspended");
    app.login("first@made.example", PASSWORD, Some("made-by-staff"))
        .await
        .assert_refused(403, "tenant-suspended");
    root.client
        .post(&format!("{path}/resume"), &json!({}))
        .await
        .assert_status(200);
    first.client.get("/users/me").await.assert_status(200);
    // Its own tenant stays, and a tenant that goes does not come back.
    let own = format!("/admin/tenants/{}", root.tenant);
    root.client
        .delete(&own)
        .await
        .assert_refused(409, "conflict");
    root.client
        .post(&format!("{own}/suspend"), &json!({}))
        .await
        .assert_refused(409, "conflict");
    root.client.delete(&path).await.assert_status(202);
    first
        .client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    root.client
        .post(&format!("{path}/resume"), &json!({}))
        .await
        .assert_refused(409, "conflict");
    root.client
        .get("/admin/tenants/999999")
        .await
        .assert_refused(404, "not-found");
    // No owner of a customer does any of this.
    let olga = app.tenant("acme").await;
    for (method, path) in [
        ("GET", "/admin/tenants"),
        ("GET", &*own),
        ("DELETE", &*own),
        ("POST", "/admin/keys/rotate"),
    ] {
        olga.client
            .send(Call::new(method, path))
            .await
            .assert_refused(403, "forbidden");
    }
    app.stop().await;
}

async fn signing_keys_are_rotated_by_staff(app: TestApp) {
    let root = app.staff().await;
    let next = root
        .client
        .send(Call::new("POST", "/admin/keys/rotate"))
        .await
        .assert_status(202);
    let kid = text(&next["kid"]).to_owned();
    let published = async || {
        let keys = app
            .public()
            .get("/.well-known/jwks.json")
            .await
            .assert_status(200);
        let mut all = keys["keys"].as_array().unwrap().iter();
        all.any(|key| key["kid"] == json!(kid)).then_some(())
    };
    eventually("the next key is published", PATIENCE, published).await;
    root.client.get("/users/me").await.assert_status(200);
    let now = root
        .client
        .post("/admin/keys/rotate", &json!({"emergency": true}))
        .await;
    now.assert_status(202);
    // What an earlier key signed does not count any more.
    let out = async || (root.client.get("/users/me").await.status == 401).then_some(());
    eventually("old tokens are out", PATIENCE, out).await;
    let root = app.sign_in("root@ops.example", Some("system")).await;
    root.client.get("/users/me").await.assert_status(200);
    app.clock.advance(std::time::Duration::from_secs(301));
    let old = root
        .client
        .send(Call::new("POST", "/admin/keys/rotate"))
        .await;
    old.assert_refused(401, "reauthentication-required");
    let told = "SELECT count(*) FROM identity_audit_log WHERE action = 'key.rotated'";
    assert_eq!(app.place.number(told), 2);
    app.stop().await;
}

async fn what_was_done_can_be_read(app: TestApp) {
    let olga = app.tenant("acme").await;
    let other = app.tenant("other").await;
    for i in 0..5 {
        app.clock.advance(std::time::Duration::from_secs(1));
        let body = json!({"email": format!("p{i}@acme.example"), "full_name": "P"});
        olga.client.post("/users", &body).await.assert_status(201);
    }
    app.warm(&olga).await;
    let mut seen = 0;
    let mut path = "/audit?limit=2&action=user.created".to_owned();
    loop {
        let page = olga.client.get(&path).await;
        assert_eq!(page.statements(), 1);
        let page = page.assert_status(200);
        assert!(page.get("total").is_none());
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/audit?limit=2&action=user.created&cursor={next}");
    }
    assert_eq!(seen, 5);
    let mine = olga
        .client
        .get(&format!("/audit?actor={}&resource_type=user", olga.id))
        .await;
    let mine = mine.assert_status(200);
    let item = &mine["items"][0];
    assert_eq!(
        (&item["action"], &item["outcome"]),
        (&json!("user.created"), &json!("ok"))
    );
    let at = text(&item["at"]);
    let since = olga
        .client
        .get(&format!("/audit?from={at}&action=user.created"))
        .await
        .assert_status(200);
    assert_eq!(since["items"].as_array().unwrap().len(), 1);
    let before = olga
        .client
        .get(&format!("/audit?to={at}&action=user.created"))
        .await
        .assert_status(200);
    assert_eq!(before["items"].as_array().unwrap().len(), 4);
    // Another tenant's log is another log.
    let theirs = other
        .client
        .get("/audit?action=user.created")
        .await
        .assert_status(200);
    assert_eq!(theirs["items"], json!([]));
    let adam = app
        .person_with(&olga, "mia@acme.example", &["member"])
        .await;
    adam.client
        .get("/audit")
        .await
        .assert_refused(403, "forbidden");
    app.stop().await;
}

on_both!(
    a_tenant_is_set_up_by_those_who_run_it,
    a_deleted_tenant_is_out_at_once_and_erased,
    staff_looks_after_all_tenants,
    signing_keys_are_rotated_by_staff,
    what_was_done_can_be_read,
);
