//! What browsers carry: the refresh token where no script reads it, and the mark of a device that is known.

use std::collections::BTreeMap;
use std::time::Duration;

use brisk_testkit::services::{Answer, Call};
use serde_json::json;

use crate::on_both;
use crate::world::{PASSWORD, TestApp, owner, text};

/// A page of this machine, which is ours while there is no other address.
const OURS: &str = "http://localhost:3000";

/// The cookies of an answer: their values, and the attributes of each.
fn cookies(answer: &Answer) -> BTreeMap<String, (String, String)> {
    let lines = answer.headers.get_all("set-cookie").iter();
    let parsed = lines.map(|line| {
        let line = line.to_str().unwrap();
        let (pair, attributes) = line.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), (value.to_owned(), attributes.to_owned()))
    });
    parsed.collect()
}

fn login(email: &str, password: &str) -> Call {
    let body = json!({"email": email, "password": password, "tenant": "acme"});
    Call::new("POST", "/auth/login").json(&body)
}

async fn a_browser_keeps_its_token_where_no_script_reads_it(app: TestApp) {
    app.tenant("acme").await;
    app.clock.advance(Duration::from_millis(1));
    let call = login(&owner("acme"), PASSWORD).header("x-brisk-token-transport", "cookie");
    let answer = app.public().send(call).await;
    let granted = answer.assert_status(200);
    assert!(granted.get("refresh_token").is_none(), "{granted}");
    let set = cookies(&answer);
    let (token, attributes) = &set["brisk_rt"];
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/auth"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }
    let cookie = format!("brisk_rt={token}");
    let refresh = |cookie: &str, origin: Option<&str>| {
        let call = Call::new("POST", "/auth/refresh").header("cookie", cookie);
        match origin {
            Some(origin) => call.header("origin", origin),
            None => call,
        }
    };
    // The page has to say where it comes from, and that has to be a place of ours.
    for origin in [
        None,
        Some("https://evil.example"),
        Some("null"),
        Some("http://localhost.evil.example"),
    ] {
        let refused = app.public().send(refresh(&cookie, origin)).await;
        refused.assert_refused(403, "forbidden");
    }
    // One name twice is somebody's trick.
    let twice = format!("brisk_rt=other; {cookie}");
    let refused = app.public().send(refresh(&twice, Some(OURS))).await;
    refused.assert_refused(401, "invalid-refresh-token");
    let renewed = app.public().send(refresh(&cookie, Some(OURS))).await;
    let body = renewed.assert_status(200);
    assert!(body.get("refresh_token").is_none());
    let (next, _) = &cookies(&renewed)["brisk_rt"];
    assert_ne!(next, token);
    // Leaving takes the cookie away, and what it stood for.
    let leave = Call::new("POST", "/auth/logout")
        .header("cookie", &format!("brisk_rt={next}"))
        .header("origin", OURS);
    let left = app.public().send(leave).await;
    assert_eq!(left.status, 204);
    let (empty, attributes) = &cookies(&left)["brisk_rt"];
    assert!(
        empty.is_empty() && attributes.contains("Max-Age=0"),
        "{attributes}"
    );
    let over = refresh(&format!("brisk_rt={next}"), Some(OURS));
    let over = app.public().send(over).await;
    over.assert_refused(401, "invalid-refresh-token");
    let late = app.public().bearer(text(&body["access_token"]));
    late.get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    app.stop().await;
}

async fn a_device_that_is_known_is_not_locked_out_by_others(app: TestApp) {
    let olga = app.tenant("acme").await;
    app.person_with(&olga, "mia@acme.example", &["member"])
        .await;
    app.clock.advance(Duration::from_millis(1));
    let first = app.public().send(login(&owner("acme"), PASSWORD)).await;
    first.assert_status(200);
    let (mark, attributes) = &cookies(&first)["brisk_dev"];
    assert!(attributes.contains("HttpOnly") && attributes.contains("Path=/;"));
    let device = format!("brisk_dev={mark}");
    for _ in 0..5 {
        let wrong = app
            .login(&owner("acme"), "wrong wrong wrong", Some("acme"))
            .await;
        wrong.assert_refused(401, "invalid-credentials");
    }
    let locked = app.login(&owner("acme"), PASSWORD, Some("acme")).await;
    locked.assert_refused(429, "too-many-attempts");
    // The mark is for this account, and nobody writes one.
    let mut forged = mark.clone();
    forged.pop();
    for (email, cookie) in [
        (owner("acme"), format!("brisk_dev={forged}x")),
        (owner("acme"), "brisk_dev=a.b".to_owned()),
    ] {
        let call = login(&email, PASSWORD).header("cookie", &cookie);
        let locked = app.public().send(call).await;
        locked.assert_refused(429, "too-many-attempts");
    }
    let known = login(&owner("acme"), PASSWORD).header("cookie", &device);
    app.public().send(known).await.assert_status(200);
    // It has a count of its own, so that it is no way around the lock either.
    for _ in 0..10 {
        app.clock.advance(Duration::from_millis(1));
        let wrong = login(&owner("acme"), "wrong wrong wrong").header("cookie", &device);
        let wrong = app.public().send(wrong).await;
        wrong.assert_refused(401, "invalid-credentials");
    }
    let known = login(&owner("acme"), PASSWORD).header("cookie", &device);
    let locked = app.public().send(known).await;
    locked.assert_refused(429, "too-many-attempts");
    // For another account the device is a stranger.
    for _ in 0..5 {
        app.login("mia@acme.example", "wrong wrong wrong", Some("acme"))
            .await
            .assert_refused(401, "invalid-credentials");
    }
    let other = login("mia@acme.example", PASSWORD).header("cookie", &device);
    let locked = app.public().send(other).await;
    locked.assert_refused(429, "too-many-attempts");
    app.stop().await;
}

on_both!(
    a_browser_keeps_its_token_where_no_script_reads_it,
    a_device_that_is_known_is_not_locked_out_by_others,
);
