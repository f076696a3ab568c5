//! Who somebody is that comes from a provider: found, recognised, invited, made, refused; and how people link providers.

use std::time::Duration;

use brisk_testkit::services::{Answer, Call, PATIENCE, eventually};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::browser::{app_and, app_with, come_back, me, set_out, sign_in, way};
use crate::on_both;
use crate::stub::{Stub, ann};
use crate::world::{PASSWORD, Person, TestApp, owner, text};

/// An app with one provider of this description, and a tenant with somebody who has Ann's address.
async fn world(app: TestApp, more: Value) -> (TestApp, Stub, Person) {
    let stub = Stub::start(&app.clock).await;
    let mut spec = stub.oidc("corp");
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let app = app_with(app, &[spec]).await;
    let olga = app.tenant("acme").await;
    (app, stub, olga)
}

/// Makes somebody with Ann's address, with a password; its id.
async fn local_ann(olga: &Person) -> String {
    let body = json!({"email": "Ann@Corp.example", "full_name": "Ann Local", "password": PASSWORD});
    let made = olga.client.post("/users", &body).await.assert_status(201);
    text(&made["id"]).to_owned()
}

fn verify(app: &TestApp) {
    let now = if app.place.is_postgres() {
        "now()"
    } else {
        "1"
    };
    app.place.sql(&format!(
        "UPDATE identity_users SET email_verified_at = {now} WHERE email_norm = 'ann@corp.example'"
    ));
}

/// All that is stored of people and how they sign in.
fn stored(app: &TestApp) -> String {
    ["id, email, email_verified_at, password_hash, full_name, status, updated_at FROM identity_users ORDER BY id",
     "user_id, provider_key, subject FROM identity_user_identities ORDER BY id"]
        .map(|what| app.place.sql(&format!("SELECT {what}")))
        .join("\n")
}

async fn an_account_is_not_taken_over_by_its_address(app: TestApp) {
    let (app, stub, olga) = world(
        app,
        json!({"provisioning": "create_in_tenant", "allowed_domains": ["corp.example"]}),
    )
    .await;
    local_ann(&olga).await;
    let before = stored(&app);
    let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    refused.assert_refused(409, "account-link-required");
    // Not by who says that the address is not verified either, whatever is allowed.
    let mut person = ann();
    for doubt in [json!(false), json!(null), json!("no"), json!(1)] {
        person["email_verified"] = doubt;
        stub.person(person.clone());
        let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
        refused.assert_refused(409, "account-link-required");
    }
    assert_eq!(stored(&app), before);
    app.login("ann@corp.example", PASSWORD, Some("acme"))
        .await
        .assert_status(200);
    app.stop().await;
}

async fn both_sides_vouch_for_an_address_or_nobody_is_recognised(app: TestApp) {
    let trusted =
        json!({"auto_link": "verified_both", "trust_email": true, "provisioning": "none"});
    let (app, stub, olga) = world(app, trusted).await;
    let id = local_ann(&olga).await;
    // The account here is somebody's who never proved the address, perhaps an attacker's who waits.
    let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    refused.assert_refused(409, "account-link-required");
    verify(&app);
    let mut person = ann();
    person["email_verified"] = json!(false);
    stub.person(person);
    let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    refused.assert_refused(409, "account-link-required");
    stub.person(ann());
    // Both have: without naming the tenant too, because only one has the address.
    let answer = sign_in(&app, &stub, "corp", "").await;
    assert_eq!(me(&app, &answer).await["id"], json!(id));
    let answer = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    assert_eq!(me(&app, &answer).await["id"], json!(id));
    app.stop().await;
}

async fn a_provider_without_trust_recognises_nobody(app: TestApp) {
    let (app, stub, olga) = world(app, json!({"auto_link": "verified_both"})).await;
    local_ann(&olga).await;
    verify(&app);
    let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    refused.assert_refused(409, "account-link-required");
    app.stop().await;
}

async fn members_are_made_of_allowed_domains_only(app: TestApp) {
    let (app, stub, _) = world(app, json!({
        "provisioning": "create_in_tenant", "allowed_domains": ["corp.example"], "trust_email": true}))
    .await;
    let answer = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    let told = me(&app, &answer).await;
    assert_eq!(
        (&told["roles"], &told["is_superuser"]),
        (&json!(["member"]), &json!(false))
    );
    assert_eq!(told["email_verified"], true);
    for (email, verified) in [
        ("eve@evil.example", true),
        ("eve@corp.example", false),
        ("eve@sub.corp.example", true),
    ] {
        stub.person(json!({"sub": "eve-1", "email": email, "email_verified": verified}));
        let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
        refused.assert_refused(403, "forbidden");
    }
    // Without a tenant there is nowhere to be made.
    stub.person(json!({"sub": "bob-1", "email": "bob@corp.example", "email_verified": true}));
    let refused = sign_in(&app, &stub, "corp", "").await;
    refused.assert_refused(403, "forbidden");
    let n = "SELECT count(*) FROM identity_users";
    assert_eq!(app.place.number(n), 2);
    app.stop().await;
}

async fn nobody_is_made_where_that_is_not_wanted(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let closed = [("identity.registration_mode", "invite_only")];
    let app = app_and(app, &[stub.oidc("corp")], &closed).await;
    let refused = sign_in(&app, &stub, "corp", "").await;
    refused.assert_refused(403, "forbidden");
    assert_eq!(app.place.number("SELECT count(*) FROM identity_users"), 0);
    app.stop().await;
}

async fn an_invitation_is_taken_with_a_provider(app: TestApp) {
    let (app, stub, olga) = world(app, json!({"provisioning": "none"})).await;
    let body = json!({"email": "ann.lee@acme.example", "full_name": "Ann Invited"});
    let made = olga.client.post("/users", &body).await.assert_status(201);
    assert_eq!(made["status"], "invited");
    let token = "bot_invitation";
    let bytes = Sha256::digest(token);
    let hash = bytes.iter().map(|b| format!("{b:02x}"));
    let hash = hash.collect::<Vec<_>>().concat();
    let id = text(&made["id"]);
    let (values, tenant) = (made["id"].clone(), olga.tenant);
    if app.place.is_postgres() {
        app.place.sql(&format!(
            "INSERT INTO identity_one_time_tokens (id, tenant_id, user_id, purpose, token_hash, created_at, expires_at)
             VALUES ('{id}', {tenant}, '{id}', 'invite', decode('{hash}', 'hex'), now(), now() + interval '1 day')"
        ));
    } else {
        let (id, end) = (id.replace('-', ""), i64::MAX / 4);
        app.place.sql(&format!(
            "INSERT INTO identity_one_time_tokens (id, tenant_id, user_id, purpose, token_hash, created_at, expires_at)
             VALUES (unhex('{id}'), {tenant}, unhex('{id}'), 'invite', unhex('{hash}'), 0, {end})"
        ));
    }
    // Without it, with another one, and in another tenant nobody is let in.
    for query in ["&tenant=acme", "&tenant=acme&invite=bot_x"] {
        sign_in(&app, &stub, "corp", query)
            .await
            .assert_refused(403, "forbidden");
    }
    let answer = sign_in(&app, &stub, "corp", &format!("&invite={token}")).await;
    let told = me(&app, &answer).await;
    assert_eq!((&told["id"], &told["status"]), (&values, &json!("active")));
    // It went to the address.
    assert_eq!(told["email_verified"], true);
    let answer = sign_in(&app, &stub, "corp", "").await;
    assert_eq!(me(&app, &answer).await["id"], values);
    // It was used.
    stub.person(json!({"sub": "eve-1", "email": "eve@evil.example"}));
    let refused = sign_in(&app, &stub, "corp", &format!("&tenant=acme&invite={token}")).await;
    refused.assert_refused(403, "forbidden");
    app.stop().await;
}

async fn somebody_of_several_tenants_says_which(app: TestApp) {
    let (app, stub, _) = world(
        app,
        json!({
        "provisioning": "create_in_tenant", "allowed_domains": ["corp.example"]}),
    )
    .await;
    app.tenant("other").await;
    for tenant in ["acme", "other"] {
        let query = format!("&tenant={tenant}");
        sign_in(&app, &stub, "corp", &query)
            .await
            .assert_status(200);
    }
    let asked = sign_in(&app, &stub, "corp", "").await;
    let asked = asked.assert_refused(409, "tenant-choice-required");
    assert_eq!(
        asked["tenants"],
        json!([{"slug": "acme", "name": "acme"}, {"slug": "other", "name": "other"}])
    );
    let token = text(&asked["choice_token"]).to_owned();
    app.tenant("third").await;
    let choose = async |token: &str, tenant: &str| {
        let body = json!({"choice_token": token, "tenant": tenant});
        app.public().post("/auth/oauth/choose", &body).await
    };
    for wrong in ["third", "nobody", "1000000"] {
        choose(&token, wrong)
            .await
            .assert_refused(422, "validation");
    }
    let answer = choose(&token, "other").await;
    let cost = answer.statements();
    assert!(cost <= 7, "{cost} statements");
    assert_eq!(me(&app, &answer).await["tenant"]["slug"], "other");
    choose(&token, "acme")
        .await
        .assert_refused(400, "bad-request");
    choose("bot_x", "acme")
        .await
        .assert_refused(400, "bad-request");
    app.stop().await;
}

async fn who_may_not_come_in_does_not_this_way_either(app: TestApp) {
    let (app, stub, olga) = world(
        app,
        json!({
        "provisioning": "create_in_tenant", "allowed_domains": ["corp.example"]}),
    )
    .await;
    let answer = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    let id = text(&me(&app, &answer).await["id"]).to_owned();
    let path = format!("/users/{id}/deactivate");
    olga.client.post(&path, &json!({})).await.assert_status(200);
    let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    refused.assert_refused(403, "account-disabled");
    let root = app.staff().await;
    let path = format!("/admin/tenants/{}/suspend", olga.tenant);
    root.client.post(&path, &json!({})).await.assert_status(200);
    eventually("the tenant is suspended", PATIENCE, async || {
        let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
        (refused.json()["code"]
            .as_str()?
            .ends_with("tenant-suspended"))
        .then_some(())
    })
    .await;
    app.stop().await;
}

async fn linked(app: &TestApp, stub: &Stub, who: &Person) -> Answer {
    let way = way(&who.client.post("/auth/oauth/corp/link", &json!({})).await);
    let brought = stub.visit(&way.url);
    come_back(app.public(), &way, &brought).await
}

async fn people_link_providers_and_take_them_away(app: TestApp) {
    let (app, stub, olga) = world(app, json!({"provisioning": "none"})).await;
    let list = async |who: &Person| {
        let list = who
            .client
            .get("/users/me/identities")
            .await
            .assert_status(200);
        list["items"].as_array().unwrap().clone()
    };
    assert!(list(&olga).await.is_empty());
    let answer = linked(&app, &stub, &olga).await;
    assert_eq!(me(&app, &answer).await["id"], json!(olga.id));
    let found = list(&olga).await;
    assert_eq!((found.len(), &found[0]["provider"]), (1, &json!("corp")));
    assert!(found[0]["linked_at"].is_string() && found[0].get("subject").is_none());
    // Once more is no more.
    linked(&app, &stub, &olga).await.assert_status(200);
    assert_eq!(list(&olga).await.len(), 1);
    let answer = sign_in(&app, &stub, "corp", "").await;
    assert_eq!(me(&app, &answer).await["id"], json!(olga.id));
    // Whose it is, it stays.
    let mia = app
        .person_with(&olga, "mia@acme.example", &["member"])
        .await;
    linked(&app, &stub, &mia)
        .await
        .assert_refused(409, "conflict");
    let path = format!("/users/me/identities/{}", text(&found[0]["id"]));
    mia.client
        .delete(&path)
        .await
        .assert_refused(404, "not-found");
    // The last way in stays.
    app.place
        .sql("UPDATE identity_users SET password_hash = NULL WHERE email_norm LIKE 'owner%'");
    olga.client
        .delete(&path)
        .await
        .assert_refused(409, "conflict");
    assert_eq!(list(&olga).await.len(), 1);
    stub.person(json!({"sub": "olga-2", "email": "olga@home.example"}));
    linked(&app, &stub, &olga).await.assert_status(200);
    assert_eq!(olga.client.delete(&path).await.status, 204);
    assert_eq!(list(&olga).await.len(), 1);
    olga.client
        .delete(&path)
        .await
        .assert_refused(404, "not-found");
    // Who has not signed in for a while proves again who it is.
    app.clock.advance(Duration::from_secs(301));
    let late = olga.client.post("/auth/oauth/corp/link", &json!({})).await;
    late.assert_refused(401, "reauthentication-required");
    app.stop().await;
}

async fn a_link_is_of_the_browser_that_asked_for_it(app: TestApp) {
    let (app, stub, olga) = world(app, json!({"provisioning": "none"})).await;
    // Mallory sends Olga's browser back with a code of Mallory's.
    let way = way(&olga.client.post("/auth/oauth/corp/link", &json!({})).await);
    let brought = stub.visit(&way.url);
    let theirs = set_out(app.public(), "corp", "").await;
    let stolen = crate::browser::Way {
        cookie: theirs.cookie,
        ..way
    };
    let answer = come_back(app.public(), &stolen, &brought).await;
    answer.assert_refused(400, "invalid-state");
    assert_eq!(
        app.place
            .number("SELECT count(*) FROM identity_user_identities"),
        0
    );
    app.stop().await;
}

async fn a_tenant_sets_up_its_own_provider(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let app = app_with(app, &[]).await;
    let olga = app.tenant("acme").await;
    let other = app.tenant("other").await;
    let mut spec = stub.oidc("corp");
    spec["provisioning"] = json!("create_in_tenant");
    spec["allowed_domains"] = json!(["corp.example"]);
    let made = olga
        .client
        .post("/oauth-providers", &spec)
        .await
        .assert_status(201);
    let id = text(&made["id"]).to_owned();
    let path = format!("/oauth-providers/{id}");
    assert!(text(&made["redirect_uri"]).ends_with(&format!("/auth/oauth/{id}/callback")));
    let theirs = other
        .client
        .post("/oauth-providers", &spec)
        .await
        .assert_status(201);
    assert_ne!(theirs["redirect_uri"], made["redirect_uri"]);
    // The secret is shown to nobody, and stored sealed.
    let shown = olga.client.get(&path).await.assert_status(200);
    assert_eq!(
        (&shown["has_secret"], shown.get("client_secret")),
        (&json!(true), None)
    );
    let secret = if app.place.is_postgres() {
        "position('hush'::bytea IN client_secret_enc)"
    } else {
        "instr(client_secret_enc, CAST('hush' AS blob))"
    };
    let plain = format!("SELECT count(*) FROM identity_oauth_providers WHERE {secret} > 0");
    assert_eq!(app.place.number(&plain), 0);
    olga.client
        .post("/oauth-providers", &spec)
        .await
        .assert_refused(409, "conflict");
    let names = async |query: &str| {
        let list = app
            .public()
            .get(&format!("/auth/oauth/providers{query}"))
            .await;
        list.assert_status(200)["providers"].clone()
    };
    assert_eq!(
        (names("").await, names("?tenant=acme").await),
        (json!([]), json!(["corp"]))
    );
    // It is there for its tenant alone.
    app.public()
        .get("/auth/oauth/corp/start")
        .await
        .assert_refused(404, "not-found");
    let answer = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    assert_eq!(me(&app, &answer).await["tenant"]["slug"], "acme");
    // Whom it speaks of is its own affair: it is another provider's person in another tenant.
    let key = format!("SELECT count(*) FROM identity_user_identities WHERE provider_key = '{id}'");
    assert_eq!(app.place.number(&key), 1);
    // The way there of one tenant's is none of another's of the same name.
    let mut mixed = set_out(app.public(), "corp", "&tenant=acme").await;
    let brought = stub.visit(&mixed.url);
    mixed.back = format!("/auth/oauth/{}/callback", text(&theirs["id"]));
    come_back(app.public(), &mixed, &brought)
        .await
        .assert_refused(400, "invalid-state");
    // A secret that is wrong, then the right one again; whom it speaks of never changes.
    let change = async |body: Value| olga.client.patch(&path, &body).await;
    change(json!({"client_secret": "wrong"}))
        .await
        .assert_status(200);
    let refused = sign_in(&app, &stub, "corp", "&tenant=acme").await;
    refused.assert_refused(400, "provider-denied");
    change(json!({"client_secret": "hush+hush", "token_auth": "post"}))
        .await
        .assert_status(200);
    sign_in(&app, &stub, "corp", "&tenant=acme")
        .await
        .assert_status(200);
    assert_eq!(
        change(json!({"issuer": "https://evil.example"}))
            .await
            .status,
        422
    );
    // Recognising people by their address is for who may be anybody.
    let admin = app
        .person_with(&olga, "adam@acme.example", &["admin"])
        .await;
    let refused = admin
        .client
        .patch(&path, &json!({"auto_link": "verified_both"}))
        .await;
    assert_eq!(refused.assert_refused(403, "forbidden")["required"], "*:*");
    admin
        .client
        .patch(&path, &json!({"trust_email": true}))
        .await
        .assert_status(200);
    change(json!({"auto_link": "verified_both"}))
        .await
        .assert_status(200);
    // Turned off, it is not there, and what was begun has ended.
    let begun = set_out(app.public(), "corp", "&tenant=acme").await;
    let brought = stub.visit(&begun.url);
    change(json!({"enabled": false})).await.assert_status(200);
    come_back(app.public(), &begun, &brought)
        .await
        .assert_refused(400, "invalid-state");
    assert_eq!(names("?tenant=acme").await, json!([]));
    assert_eq!(olga.client.delete(&path).await.status, 204);
    olga.client
        .get(&path)
        .await
        .assert_refused(404, "not-found");
    assert_eq!(app.place.number(&key), 0);
    let told = "SELECT count(*) FROM identity_audit_log WHERE CAST(changes AS text) LIKE '%hush%' OR CAST(metadata AS text) LIKE '%hush%'";
    assert_eq!(app.place.number(told), 0);
    other.client.get("/users/me").await.assert_status(200);
    app.login(&owner("acme"), PASSWORD, Some("acme"))
        .await
        .assert_status(200);
    app.stop().await;
}

async fn beginning_is_limited_by_address(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let limit = [("identity.oauth_limit_per_min", "3")];
    let app = app_and(app, &[stub.oidc("corp")], &limit).await;
    let mut met = Vec::new();
    for _ in 0..8 {
        let call = Call::new("GET", "/auth/oauth/corp/start?mode=json");
        met.push(app.public().send(call).await.status);
    }
    assert_eq!(met[..3], [200, 200, 200]);
    assert_eq!(met[7], 429, "{met:?}");
    app.stop().await;
}

on_both!(
    an_account_is_not_taken_over_by_its_address,
    both_sides_vouch_for_an_address_or_nobody_is_recognised,
    a_provider_without_trust_recognises_nobody,
    members_are_made_of_allowed_domains_only,
    nobody_is_made_where_that_is_not_wanted,
    an_invitation_is_taken_with_a_provider,
    somebody_of_several_tenants_says_which,
    who_may_not_come_in_does_not_this_way_either,
    people_link_providers_and_take_them_away,
    a_link_is_of_the_browser_that_asked_for_it,
    a_tenant_sets_up_its_own_provider,
    beginning_is_limited_by_address,
);
