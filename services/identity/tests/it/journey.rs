//! From nobody to somebody and back: registering, signing in, being oneself, signing out.

use brisk_testkit::services::{Call, FRESH, eventually};
use serde_json::json;

use crate::on_both;
use crate::world::{PASSWORD, TestApp, owner, text};

async fn somebody_registers_signs_in_and_out(app: TestApp) {
    let olga = app.tenant("acme").await;
    let me = olga.client.get("/users/me").await;
    let body = me.assert_status(200);
    assert_eq!(body["email"], owner("acme"));
    assert_eq!(body["roles"], json!(["owner"]));
    assert_eq!(body["permissions"], json!(["*:*"]));
    assert_eq!(body["tenant"]["slug"], "acme");
    assert_eq!(body["is_superuser"], true);
    assert!(body.get("password_hash").is_none() && body.get("token_epoch").is_none());
    // Cold it is one statement, warm none; signing in has told of the user, so what was known of it ended.
    let granted = app.login(&owner("acme"), PASSWORD, Some("acme")).await;
    assert!(granted.statements() <= 5, "{}", granted.statements());
    let granted = granted.assert_status(200);
    assert_eq!(
        (
            granted["token_type"].as_str(),
            granted["expires_in"].as_i64()
        ),
        (Some("bearer"), Some(900))
    );
    let again = app.public().bearer(text(&granted["access_token"]));
    // One for the account; the list of revoked tokens, which all callers share, may have ended with the housekeeping of the start.
    let cold = again.get("/users/me").await.statements();
    assert!((1..=2).contains(&cold), "{cold}");
    // On PostgreSQL the sign-in is told a moment later, and ends once more what was read just before.
    eventually("the sign-in was told", FRESH, async || {
        (again.get("/users/me").await.statements() == 0).then_some(())
    })
    .await;
    for _ in 0..3 {
        let warm = again.get("/auth/me").await;
        warm.assert_status(200);
        assert_eq!(warm.statements(), 0);
    }
    let tag = me.header("etag").unwrap().to_owned();
    let same = again
        .send(Call::new("GET", "/users/me").header("if-none-match", &tag))
        .await;
    // Signing in has changed `last_login_at`.
    assert!(same.status == 200 || same.status == 304);
    // The session of the second sign-in ends, and with it its access token at once.
    let out = again.post("/auth/logout", &json!({})).await;
    assert_eq!(out.status, 204);
    again
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    olga.client.get("/users/me").await.assert_status(200);
    app.stop().await;
}

async fn nobody_hears_why_a_sign_in_failed(app: TestApp) {
    app.tenant("acme").await;
    let wrong = app
        .login(&owner("acme"), "not the password at all", Some("acme"))
        .await;
    let nobody = app
        .login("nobody@acme.example", PASSWORD, Some("acme"))
        .await;
    let nowhere = app.login(&owner("acme"), PASSWORD, Some("nowhere")).await;
    let nonsense = app.login("not an address", PASSWORD, None).await;
    let mut seen = Vec::new();
    for answer in [wrong, nobody, nowhere, nonsense] {
        let mut body = answer.assert_refused(401, "invalid-credentials");
        for own in ["request_id", "trace_id"] {
            body.as_object_mut().unwrap().remove(own);
        }
        seen.push(body);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    app.stop().await;
}

async fn one_address_may_belong_to_two_tenants(app: TestApp) {
    app.tenant("acme").await;
    let body = json!({
        "email": owner("acme"), "password": PASSWORD, "full_name": "Olga Owner", "tenant_name": "Other",
    });
    app.public()
        .post("/auth/register", &body)
        .await
        .assert_status(201);
    // Without a tenant nobody says which.
    app.login(&owner("acme"), PASSWORD, None)
        .await
        .assert_refused(401, "invalid-credentials");
    let here = app.sign_in(&owner("acme"), Some("acme")).await;
    let there = app.sign_in(&owner("acme"), Some("other")).await;
    assert_ne!((here.tenant, &here.id), (there.tenant, &there.id));
    app.stop().await;
}

async fn every_wrong_field_is_told_at_once(app: TestApp) {
    let body = json!({"email": "x", "password": PASSWORD, "full_name": "", "tenant_name": " "});
    let refused = app.public().post("/auth/register", &body).await;
    let refused = refused.assert_refused(422, "validation");
    let fields: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].clone())
        .collect();
    assert_eq!(fields, ["/email", "/full_name", "/tenant_name"]);
    let weak =
        json!({"email": "a@b.example", "password": "short", "full_name": "A", "tenant_name": "B"});
    let weak = app
        .public()
        .post("/auth/register", &weak)
        .await
        .assert_refused(422, "weak-password");
    assert_eq!(weak["errors"][0]["code"], "too_short");
    let unknown = json!({"email": "a@b.example", "password": PASSWORD, "full_name": "A", "tenant_name": "B", "is_superuser": true});
    app.public()
        .post("/auth/register", &unknown)
        .await
        .assert_status(422);
    app.stop().await;
}

async fn the_first_administrator_is_made_once(app: TestApp) {
    let notice = app.nodes[0].notices()[0].clone();
    let token = notice.path.rsplit('=').next().unwrap().to_owned();
    let setup = |token: &str| json!({"token": token, "email": "root@ops.example", "password": PASSWORD, "full_name": "Root"});
    app.public()
        .post("/setup", &setup("bst_wrong"))
        .await
        .assert_refused(400, "bad-request");
    let made = app
        .public()
        .post("/setup", &setup(&token))
        .await
        .assert_status(201);
    let root = app.public().bearer(text(&made["access_token"]));
    let me = root.get("/users/me").await.assert_status(200);
    assert_eq!(me["tenant"]["slug"], "system");
    assert!(
        me["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("platform:*")),
        "{me}"
    );
    app.public()
        .post("/setup", &setup(&token))
        .await
        .assert_refused(404, "not-found");
    let app = app.restarted().await;
    assert!(app.nodes[0].notices().is_empty());
    app.public()
        .post("/setup", &setup(&token))
        .await
        .assert_refused(404, "not-found");
    app.stop().await;
}

async fn keys_and_metadata_stand_at_the_root(app: TestApp) {
    let keys = app.public().get("/.well-known/jwks.json").await;
    assert_eq!(keys.statements(), 0);
    let body = keys.assert_status(200);
    assert_eq!(
        (&body["keys"][0]["kty"], &body["keys"][0]["use"]),
        (&json!("EC"), &json!("sig"))
    );
    assert!(body["keys"][0].get("d").is_none());
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let document = app.public().get(path).await.assert_status(200);
        assert!(
            text(&document["jwks_uri"]).starts_with(text(&document["issuer"])),
            "{document}"
        );
    }
    app.stop().await;
}

on_both!(
    somebody_registers_signs_in_and_out,
    nobody_hears_why_a_sign_in_failed,
    one_address_may_belong_to_two_tenants,
    every_wrong_field_is_told_at_once,
    the_first_administrator_is_made_once,
    keys_and_metadata_stand_at_the_root,
);
