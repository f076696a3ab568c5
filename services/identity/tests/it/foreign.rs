//! People whom another issuer vouches for: they may what their tokens say, in the tenant that the settings say, and no more.

use brisk::auth::NewToken;
use brisk::prelude::*;
use brisk_testkit::services::Client;
use serde_json::json;
use uuid::Uuid;

use crate::on_both;
use crate::world::TestApp;

const ELSEWHERE: &str = "https://elsewhere.example";

/// A token of the other installation for somebody with these permissions.
fn token(there: &TestApp, permissions: &[&str]) -> String {
    let tokens = &there.nodes[0].kit().tokens;
    let new = NewToken {
        subject: Uuid::from_u128(7),
        tenant: TenantId(99),
        session: None,
        client: "abroad".to_owned(),
        epoch: 1,
        auth_time: there.clock.now(),
        amr: vec!["pwd".to_owned()],
        scope: None,
        permissions: permissions.iter().map(|&p| p.to_owned()).collect(),
        ttl: None,
    };
    tokens.issue(new).unwrap().text
}

/// The same database under a node that takes the other installation's tokens for this tenant.
async fn trusting(app: TestApp, there: &TestApp, tenant: &str) -> TestApp {
    let keys = format!("http://{}/.well-known/jwks.json", there.nodes[0].address());
    let issuers = json!([{
        "issuer": ELSEWHERE, "jwks_uri": keys, "audiences": ["brisk"], "algorithms": ["ES256"],
        "claim_map": {"permissions": "permissions"}, "tenant_map": {"fixed": tenant},
    }]);
    app.with(&[("auth.issuers", &issuers.to_string())]).await
}

async fn others_speak_for_tenants_only(app: TestApp) {
    let there = TestApp::sqlite().await;
    let there = there.with(&[("auth.issuer", ELSEWHERE)]).await;
    app.tenant("acme").await;
    let app = trusting(app, &there, "acme").await;
    let as_one = |permissions: &[&str]| app.public().bearer(&token(&there, permissions));
    let reader = as_one(&["users:read"]);
    let users = reader.get("/users").await.assert_status(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 1);
    // It has no account here, so there is nothing that is its own.
    for path in ["/users/me", "/auth/sessions", "/auth/mfa/totp"] {
        reader.get(path).await.assert_refused(404, "not-found");
    }
    let refused = reader.get("/roles").await;
    assert_eq!(
        refused.assert_refused(403, "forbidden")["required"],
        "roles:read"
    );
    // Whatever its token says, it runs no installation.
    let all = as_one(&[
        "*:*",
        "platform:*",
        "tenants:read",
        "tenants:create",
        "keys:rotate",
    ]);
    all.get("/roles").await.assert_status(200);
    all.get("/admin/tenants")
        .await
        .assert_refused(403, "forbidden");
    let made = json!({"name": "Mine", "owner": {"email": "a@b.example", "full_name": "A"}});
    let made = all.post("/admin/tenants", &made).await;
    made.assert_refused(403, "forbidden");
    let turned = all.post("/admin/keys/rotate", &json!({})).await;
    assert!([401, 403].contains(&turned.status), "{turned:?}");
    // What changes an account needs one: its own password, its own sign-in.
    let fresh: &Client = &all;
    assert_ne!(fresh.delete("/tenant").await.status, 202);
    // Nor is the tenant of those who run it anybody else's to name.
    let app = trusting(app, &there, "system").await;
    let inside = app.public().bearer(&token(&there, &["*:*"]));
    inside.get("/users").await.assert_refused(403, "forbidden");
    // Without the setting the issuer is nobody.
    let app = app.with(&[]).await;
    let nobody = app.public().bearer(&token(&there, &["*:*"]));
    nobody
        .get("/users")
        .await
        .assert_refused(401, "invalid-token");
    app.stop().await;
    there.stop().await;
}

on_both!(others_speak_for_tenants_only);
