//! Signing in with other providers: there and back, and every way in which it must not work.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brisk_testkit::services::{Call, PATIENCE, eventually};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::browser::{PAGE, app_and, app_with, come_back, cookie, me, set_out, sign_in, way};
use crate::on_both;
use crate::stub::{Mischief, Stub};
use crate::world::{TestApp, text};

/// An app with one provider that gives ID tokens.
async fn world(app: TestApp) -> (TestApp, Stub) {
    let stub = Stub::start(&app.clock).await;
    let app = app_with(app, &[stub.oidc("corp")]).await;
    (app, stub)
}

async fn somebody_signs_in_and_is_known_the_next_time(app: TestApp) {
    let (app, stub) = world(app).await;
    let listed = app.public().get("/auth/oauth/providers").await;
    assert_eq!(listed.assert_status(200), json!({"providers": ["corp"]}));
    let first = sign_in(&app, &stub, "corp", "").await;
    let granted = first.assert_status(200);
    let told = me(&app, &first).await;
    assert_eq!(
        (&told["email"], &told["full_name"]),
        (&json!("ann@corp.example"), &json!("Ann Lee"))
    );
    assert_eq!(told["tenant"]["name"], "Ann Lee's workspace");
    // Nobody has said that this provider is to be trusted with addresses.
    assert_eq!(told["email_verified"], false);
    let claims = text(&granted["access_token"]).split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["amr"], json!(["fed"]));
    // The browser is unbound.
    assert_eq!(cookie(&first).as_deref(), Some("brisk_oauth="));
    assert_eq!(first.header("cache-control"), Some("no-store"));

    let way = set_out(app.public(), "corp", "").await;
    let brought = stub.visit(&way.url);
    let again = come_back(app.public(), &way, &brought).await;
    assert_eq!(me(&app, &again).await["id"], told["id"]);
    let cost = again.statements();
    assert!(cost <= 8, "{cost} statements");
    // The document was asked for once by the sign-in and once by its keys.
    assert!(stub.asked("/.well-known/openid-configuration") <= 2);
    assert_eq!(stub.asked("/keys"), 1);
    // The address was in the token.
    assert_eq!(stub.asked("/userinfo"), 0);
    let metrics = app.public().get("/metrics").await;
    let counted = "brisk_identity_oauth_flow_total{provider=\"corp\",result=\"ok\"}";
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains(counted), "{metrics}");
    eventually("both are in the audit log", PATIENCE, async || {
        let n = "SELECT count(*) FROM identity_audit_log WHERE action = 'login.ok' AND CAST(metadata AS text) LIKE '%corp%'";
        (app.place.number(n) == 2).then_some(())
    })
    .await;
    app.stop().await;
}

async fn in_the_ways_of_github_too(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let app = app_with(app, &[stub.github("github")]).await;
    let first = sign_in(&app, &stub, "github", "").await;
    let told = me(&app, &first).await;
    // This provider is trusted with addresses.
    assert_eq!(
        (&told["email"], &told["email_verified"]),
        (&json!("ann@corp.example"), &json!(true))
    );
    let subject = "SELECT provider_key || ' ' || subject FROM identity_user_identities";
    assert_eq!(app.place.sql(subject), "github 583231");
    // Another login name is the same person; the same login name of another number is not.
    let mut renamed = crate::stub::ann();
    renamed["login"] = json!("annie2");
    stub.person(renamed.clone());
    let again = sign_in(&app, &stub, "github", "").await;
    assert_eq!(me(&app, &again).await["id"], told["id"]);
    renamed["id"] = json!(583_232);
    stub.person(renamed);
    stub.emails(json!([{"email": "other@corp.example", "primary": true, "verified": true}]));
    let other = sign_in(&app, &stub, "github", "").await;
    assert_ne!(me(&app, &other).await["id"], told["id"]);
    // It says no with status 200.
    let no = json!({"error": "bad_verification_code", "error_description": "x"});
    stub.misbehave("/token", Mischief::Answer(200, no.to_string()));
    let refused = sign_in(&app, &stub, "github", "").await;
    assert_eq!(
        refused.assert_refused(400, "provider-denied")["reason"],
        "other"
    );
    stub.behave();
    // A number is a person; a name is none.
    for nobody in [
        json!({"id": "annie"}),
        json!({"login": "annie"}),
        json!({"id": null}),
        json!([]),
    ] {
        stub.person(nobody);
        let refused = sign_in(&app, &stub, "github", "").await;
        refused.assert_refused(502, "provider-error");
    }
    // No address that is proved: no account is made by it.
    stub.person(json!({"id": 7, "email": "ann@corp.example"}));
    stub.emails(json!([{"email": "ann@corp.example", "primary": true, "verified": false}]));
    let refused = sign_in(&app, &stub, "github", "").await;
    refused.assert_refused(403, "forbidden");
    app.stop().await;
}

async fn a_browser_gets_a_token_to_exchange_once(app: TestApp) {
    let (app, stub) = world(app).await;
    let there = async || {
        let path = format!("/auth/oauth/corp/authorize?return_to={PAGE}");
        let started = app.public().get(&path).await;
        assert_eq!(started.status, 302);
        let url = started.header("location").unwrap().to_owned();
        let binding = cookie(&started).unwrap();
        let path = started.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(
            path.contains("HttpOnly; SameSite=Lax; Path=/; Max-Age=600"),
            "{path}"
        );
        let brought = stub.visit(&url);
        let back = Call::new("GET", format!("/auth/oauth/corp/callback?{brought}"));
        let back = app.public().send(back.header("cookie", &binding)).await;
        assert_eq!(back.status, 303, "{back:?}");
        // Bound until it has its tokens.
        assert_eq!(cookie(&back), None);
        let to = back.header("location").unwrap().to_owned();
        let token = to.strip_prefix(&format!("{PAGE}?exchange=")).unwrap();
        assert!(!to.contains("brt_") && !to.contains("eyJ"), "{to}");
        (token.to_owned(), binding)
    };
    let exchange = async |token: &str, binding: &str| {
        let call = Call::new("POST", "/auth/oauth/exchange").json(&json!({"exchange": token}));
        app.public().send(call.header("cookie", binding)).await
    };
    let (token, binding) = there().await;
    let granted = exchange(&token, &binding).await;
    let cost = granted.statements();
    assert!(cost <= 6, "{cost} statements");
    assert_eq!(me(&app, &granted).await["email"], "ann@corp.example");
    assert_eq!(cookie(&granted).as_deref(), Some("brisk_oauth="));
    let again = exchange(&token, &binding).await;
    again.assert_refused(400, "bad-request");
    // In another browser it is of no use, and then not in the right one either.
    let (token, binding) = there().await;
    exchange(&token, "brisk_oauth=x")
        .await
        .assert_refused(400, "invalid-state");
    exchange(&token, &binding)
        .await
        .assert_refused(400, "bad-request");
    // It lives for a minute.
    let (token, binding) = there().await;
    app.clock.advance(Duration::from_secs(61));
    exchange(&token, &binding)
        .await
        .assert_refused(400, "bad-request");
    // The refresh token travels in a cookie where that is asked for.
    let (token, binding) = there().await;
    let call = Call::new("POST", "/auth/oauth/exchange").json(&json!({"exchange": token}));
    let call = call
        .header("cookie", &binding)
        .header("x-brisk-token-transport", "cookie");
    let granted = app.public().send(call).await;
    assert!(granted.assert_status(200).get("refresh_token").is_none());
    app.stop().await;
}

async fn a_state_counts_once_for_its_provider_and_browser(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let other = Stub::start(&app.clock).await;
    let app = app_with(app, &[stub.oidc("corp"), other.oidc("other")]).await;
    let public = app.public();
    let refused = async |way: &crate::browser::Way, brought: &str| {
        let answer = come_back(app.public(), way, brought).await;
        answer.assert_refused(400, "invalid-state");
        // Nobody's browser is unbound by that.
        assert_eq!(cookie(&answer), None);
    };
    // Shown again.
    let first = set_out(public, "corp", "").await;
    let brought = stub.visit(&first.url);
    come_back(public, &first, &brought).await.assert_status(200);
    refused(&first, &brought).await;
    // A code of a sign-in that was, in one that is.
    let second = set_out(public, "corp", "").await;
    let fresh = stub.visit(&second.url);
    let old = brought.split('&').next().unwrap();
    let replayed = fresh.replacen(fresh.split('&').next().unwrap(), old, 1);
    let answer = come_back(public, &second, &replayed).await;
    answer.assert_refused(400, "provider-denied");
    refused(&second, &fresh).await;
    // Too late.
    let late = set_out(public, "corp", "").await;
    let brought = stub.visit(&late.url);
    app.clock.advance(Duration::from_secs(601));
    refused(&late, &brought).await;
    // At another provider's address; its own is not used up by that.
    let mut mixed = set_out(public, "corp", "").await;
    let brought = stub.visit(&mixed.url);
    "/auth/oauth/other/callback".clone_into(&mut mixed.back);
    refused(&mixed, &brought).await;
    assert_eq!(other.asked("/token"), 0);
    "/auth/oauth/corp/callback".clone_into(&mut mixed.back);
    come_back(public, &mixed, &brought).await.assert_status(200);
    // In no browser and in another one; then the state is gone.
    for foreign in [
        "",
        "brisk_oauth=",
        "brisk_oauth=AAAA",
        "brisk_oauth=a; brisk_oauth=b",
    ] {
        let own = set_out(public, "corp", "").await;
        let brought = stub.visit(&own.url);
        let stolen = crate::browser::Way {
            cookie: foreign.to_owned(),
            ..own.clone()
        };
        refused(&stolen, &brought).await;
        refused(&own, &brought).await;
    }
    // None, an unknown one, one twice.
    let own = set_out(public, "corp", "").await;
    let brought = stub.visit(&own.url);
    for bad in [
        "code=x",
        "code=x&state=",
        "code=x&state=y",
        &format!("{brought}&state=y"),
    ] {
        refused(&own, bad).await;
    }
    come_back(public, &own, &brought).await.assert_status(200);
    app.stop().await;
}

async fn of_many_who_come_back_at_once_one_is_let_in(app: TestApp) {
    let (app, stub) = world(app).await;
    let way = set_out(app.public(), "corp", "").await;
    let brought = stub.visit(&way.url);
    let answers = join_all((0..12).map(|_| come_back(app.public(), &way, &brought))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(
        won,
        1,
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(stub.asked("/token"), 1);
    // And of many first sign-ins of one person one makes the account.
    let mut person = crate::stub::ann();
    person["sub"] = json!("bob-1");
    person["email"] = json!("bob@corp.example");
    stub.person(person);
    let ways = join_all((0..4).map(|_| set_out(app.public(), "corp", ""))).await;
    let public = app.public();
    let back = ways.iter().map(|way| {
        let brought = stub.visit(&way.url);
        async move { come_back(public, way, &brought).await }
    });
    for answer in join_all(back).await {
        answer.assert_status(200);
    }
    let bob = "SELECT count(*) FROM identity_users WHERE email_norm = 'bob@corp.example'";
    assert_eq!(app.place.number(bob), 1);
    app.stop().await;
}

async fn a_provider_names_itself_and_may_say_no(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let silent = Stub::start(&app.clock).await;
    stub.names_itself();
    let app = app_with(app, &[stub.oidc("corp"), silent.oidc("silent")]).await;
    sign_in(&app, &stub, "corp", "").await.assert_status(200);
    let encoded: String = form_urlencoded::byte_serialize(stub.base.as_bytes()).collect();
    let wrong = [
        "",
        "&iss=",
        "&iss=https%3A%2F%2Fevil.example",
        &format!("&iss={encoded}%2F"),
    ];
    for wrong in wrong {
        let way = set_out(app.public(), "corp", "").await;
        let brought = stub.visit(&way.url);
        let brought = brought.replace(&format!("&iss={encoded}"), wrong);
        let asked = stub.asked("/token");
        let answer = come_back(app.public(), &way, &brought).await;
        answer.assert_refused(400, "invalid-state");
        assert_eq!(stub.asked("/token"), asked, "the code was shown to nobody");
    }
    // One that need not name itself must not name another either: the mix-up of two providers.
    let way = set_out(app.public(), "silent", "").await;
    let brought = silent.visit(&way.url);
    let answer = come_back(app.public(), &way, &format!("{brought}&iss={encoded}")).await;
    answer.assert_refused(400, "invalid-state");
    assert_eq!(silent.asked("/token"), 0);
    for (said, told) in [
        ("access_denied", "access_denied"),
        ("login_required", "login_required"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("<script>alert(1)</script>", "other"),
    ] {
        let way = set_out(app.public(), "silent", "").await;
        let brought = silent.visit(&way.url);
        let state = brought.split('&').nth(1).unwrap();
        let said: String = form_urlencoded::byte_serialize(said.as_bytes()).collect();
        let said = format!("{state}&error={said}&error_description={said}");
        let answer = come_back(app.public(), &way, &said).await;
        let refused = answer.assert_refused(400, "provider-denied");
        assert_eq!(refused["reason"], told);
        assert!(!refused.to_string().contains("script"), "{refused}");
        // It was this browser's way, and it has ended.
        assert_eq!(cookie(&answer).as_deref(), Some("brisk_oauth="));
    }
    app.stop().await;
}

async fn answers_that_cannot_be_used_are_the_providers_fault(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let app = app_and(
        app,
        &[stub.oidc("corp")],
        &[("identity.oauth_timeout", "2s")],
    )
    .await;
    let html = "<!doctype html><title>Oops</title>".to_owned();
    let large = format!("{{\"x\": \"{}\"}}", "x".repeat(300 * 1024));
    for mischief in [
        Mischief::Answer(500, "{}".to_owned()),
        Mischief::Answer(500, json!({"error": "server_error"}).to_string()),
        Mischief::Answer(200, html.clone()),
        Mischief::Answer(502, html),
        Mischief::Answer(200, "{}".to_owned()),
        Mischief::Answer(200, "[]".to_owned()),
        Mischief::Answer(200, large),
        Mischief::Answer(204, String::new()),
        Mischief::To("/user"),
        Mischief::Slow(Duration::from_secs(20)),
    ] {
        stub.misbehave("/token", mischief.clone());
        let answer = sign_in(&app, &stub, "corp", "").await;
        let refused = answer.assert_refused(502, "provider-error");
        assert!(
            !refused.to_string().contains("Oops"),
            "{mischief:?}: {refused}"
        );
    }
    assert_eq!(stub.asked("/user"), 0, "no redirect is followed");
    let no = json!({"error": "access_denied"}).to_string();
    stub.misbehave("/token", Mischief::Answer(200, no));
    let answer = sign_in(&app, &stub, "corp", "").await;
    answer.assert_refused(400, "provider-denied");
    stub.behave();
    sign_in(&app, &stub, "corp", "").await.assert_status(200);
    app.stop().await;
}

async fn id_tokens_are_judged_by_every_rule(app: TestApp) {
    let (app, stub) = world(app).await;
    sign_in(&app, &stub, "corp", "").await.assert_status(200);
    let now = app.clock.now().as_second();
    for wrong in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", stub.base)}),
        json!({"aud": "somebody else"}),
        json!({"aud": ["brisk client", "somebody else"]}),
        json!({"azp": "somebody else"}),
        json!({"exp": now - 31}),
        json!({"iat": now - 601}),
        json!({"iat": null}),
        json!({"sub": null}),
        json!({"sub": 7}),
    ] {
        stub.claims(wrong.clone());
        let answer = sign_in(&app, &stub, "corp", "").await;
        assert_eq!(answer.status, 502, "{wrong}: {answer:?}");
        answer.assert_refused(502, "provider-error");
    }
    stub.claims(json!({}));
    for wrong in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256"}),
        json!({"typ": "at+jwt"}),
        json!({"crit": ["x"]}),
    ] {
        stub.header(wrong.clone());
        let answer = sign_in(&app, &stub, "corp", "").await;
        assert_eq!(answer.status, 502, "{wrong}: {answer:?}");
    }
    stub.behave();
    // Another key is asked for once, and then it is known.
    app.clock.advance(Duration::from_mins(1));
    stub.rotate("b");
    let asked = stub.asked("/keys");
    sign_in(&app, &stub, "corp", "").await.assert_status(200);
    sign_in(&app, &stub, "corp", "").await.assert_status(200);
    assert_eq!(stub.asked("/keys"), asked + 1);
    // A key of another provider is none of this one's.
    stub.rotate("b");
    let answer = sign_in(&app, &stub, "corp", "").await;
    answer.assert_refused(502, "provider-error");
    app.stop().await;
}

async fn userinfo_is_asked_where_the_address_is_missing(app: TestApp) {
    let (app, stub) = world(app).await;
    stub.claims(json!({"email": null, "email_verified": null}));
    let answer = sign_in(&app, &stub, "corp", "").await;
    assert_eq!(me(&app, &answer).await["email"], "ann@corp.example");
    assert_eq!(stub.asked("/userinfo"), 1);
    // What it tells of somebody else is worth nothing.
    for told in [
        json!({"sub": "eve", "email": "root@corp.example"}),
        json!({"email": "root@corp.example"}),
    ] {
        stub.misbehave("/userinfo", Mischief::Answer(200, told.to_string()));
        let answer = sign_in(&app, &stub, "corp", "").await;
        answer.assert_refused(502, "provider-error");
    }
    app.stop().await;
}

async fn only_listed_addresses_are_returned_to(app: TestApp) {
    let (app, stub) = world(app).await;
    let listed = [PAGE, "http://127.0.0.1/cb", "http://127.0.0.1:50123/cb"];
    for fine in listed {
        let encoded: String = form_urlencoded::byte_serialize(fine.as_bytes()).collect();
        set_out(app.public(), "corp", &format!("&return_to={encoded}")).await;
        let path = format!("/auth/oauth/corp/start?mode=json&redirect_uri={encoded}");
        let there = way(&app.public().get(&path).await);
        assert_eq!(there.back, fine);
    }
    for bad in [
        "https://evil.example/back",
        "//evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "/",
        "https://app.example/back/../x",
        "https://app.example/back?x",
        "https://app.example@evil.example/back",
        "javascript:alert(1)",
        "http://127.0.0.1.evil.example/cb",
        "",
    ] {
        let encoded: String = form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        for name in ["return_to", "redirect_uri"] {
            let path = format!("/auth/oauth/corp/start?{name}={encoded}");
            let refused = app
                .public()
                .get(&path)
                .await
                .assert_refused(422, "validation");
            assert_eq!(refused["errors"][0]["field"], name, "{bad}");
        }
    }
    for path in [
        "/auth/oauth/nobody/start",
        "/auth/oauth/corp/start?tenant=nobody",
    ] {
        app.public()
            .get(path)
            .await
            .assert_refused(404, "not-found");
    }
    assert_eq!(stub.asked("/token"), 0);
    app.stop().await;
}

async fn a_provider_that_is_away_is_told_so(app: TestApp) {
    let (app, stub) = world(app).await;
    stub.misbehave(
        "/.well-known/openid-configuration",
        Mischief::Answer(500, "x".to_owned()),
    );
    let path = "/auth/oauth/corp/start";
    app.public()
        .get(path)
        .await
        .assert_refused(502, "provider-error");
    // A document of another issuer is none of this one.
    let other = json!({"issuer": "https://evil.example", "authorization_endpoint": "https://evil.example/a"});
    app.clock.advance(Duration::from_secs(5));
    stub.misbehave(
        "/.well-known/openid-configuration",
        Mischief::Answer(200, other.to_string()),
    );
    app.public()
        .get(path)
        .await
        .assert_refused(502, "provider-error");
    app.clock.advance(Duration::from_secs(5));
    stub.behave();
    sign_in(&app, &stub, "corp", "").await.assert_status(200);
    // What was heard serves while the provider is away, for two days.
    stub.misbehave(
        "/.well-known/openid-configuration",
        Mischief::Answer(500, "x".to_owned()),
    );
    app.clock.advance(Duration::from_hours(40));
    assert_eq!(app.public().get(path).await.status, 302);
    app.clock.advance(Duration::from_hours(9));
    app.public()
        .get(path)
        .await
        .assert_refused(502, "provider-error");
    app.stop().await;
}

async fn a_form_brings_it_back_too(app: TestApp) {
    let stub = Stub::start(&app.clock).await;
    let mut spec = stub.oidc("corp");
    spec["extra_params"] = json!({"response_mode": "form_post", "prompt": "login"});
    let app = app_with(app, &[spec]).await;
    let started = app.public().get("/auth/oauth/corp/start?mode=json").await;
    let set = started.headers["set-cookie"].to_str().unwrap();
    assert!(
        set.contains("SameSite=None") && set.contains("Secure"),
        "{set}"
    );
    let way = way(&started);
    assert!(
        way.url.contains("&prompt=login&response_mode=form_post"),
        "{}",
        way.url
    );
    let call = Call::new("POST", &*way.back);
    let call = call.text("application/x-www-form-urlencoded", stub.visit(&way.url));
    let answer = app.public().send(call.header("cookie", &way.cookie)).await;
    assert_eq!(me(&app, &answer).await["email"], "ann@corp.example");
    app.stop().await;
}

async fn a_way_outlives_the_program(app: TestApp) {
    let (app, stub) = world(app).await;
    let way = set_out(app.public(), "corp", "").await;
    let brought = stub.visit(&way.url);
    let app = app.restarted().await;
    let answer = come_back(app.public(), &way, &brought).await;
    assert_eq!(me(&app, &answer).await["email"], "ann@corp.example");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_sets_out_on_one_node_and_comes_back_on_another() {
    let app = TestApp::postgres().await;
    let (mut app, stub) = world(app).await;
    app.add_node().await;
    let way = set_out(app.public(), "corp", "").await;
    let brought = stub.visit(&way.url);
    let answer = come_back(app.public_at(1), &way, &brought).await;
    me(&app, &answer).await;
    let again = come_back(app.public(), &way, &brought).await;
    again.assert_refused(400, "invalid-state");
    app.stop().await;
}

on_both!(
    somebody_signs_in_and_is_known_the_next_time,
    in_the_ways_of_github_too,
    a_browser_gets_a_token_to_exchange_once,
    a_state_counts_once_for_its_provider_and_browser,
    of_many_who_come_back_at_once_one_is_let_in,
    a_provider_names_itself_and_may_say_no,
    answers_that_cannot_be_used_are_the_providers_fault,
    id_tokens_are_judged_by_every_rule,
    userinfo_is_asked_where_the_address_is_missing,
    only_listed_addresses_are_returned_to,
    a_provider_that_is_away_is_told_so,
    a_form_brings_it_back_too,
    a_way_outlives_the_program,
);
