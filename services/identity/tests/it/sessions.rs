//! Refresh tokens: rotation, retries, theft, races; and how soon an ended session is out.

use std::time::Duration;

use brisk_testkit::services::{Call, PATIENCE, eventually};
use futures::future::join_all;
use serde_json::json;

use crate::on_both;
use crate::world::{PASSWORD, TestApp, owner, text};

async fn a_token_is_exchanged_once_and_a_retry_gets_the_same(app: TestApp) {
    let olga = app.tenant("acme").await;
    let first = app.refresh(&olga.refresh).await;
    assert!(first.statements() <= 4, "{}", first.statements());
    let first = first.assert_status(200);
    assert_eq!(first["session_id"], json!(olga.session));
    // The answer was lost: the same successor again, and no new row.
    let retry = app.refresh(&olga.refresh).await.assert_status(200);
    assert_eq!(retry["refresh_token"], first["refresh_token"]);
    assert_eq!(
        app.place
            .number("SELECT count(*) FROM identity_refresh_tokens"),
        2
    );
    // Ten seconds later it is theft.
    app.clock.advance(Duration::from_secs(11));
    app.refresh(&olga.refresh)
        .await
        .assert_refused(401, "refresh-token-reused");
    app.refresh(text(&first["refresh_token"]))
        .await
        .assert_refused(401, "invalid-refresh-token");
    olga.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    app.stop().await;
}

async fn a_grandparent_is_theft_at_once_and_other_sessions_live(app: TestApp) {
    let olga = app.tenant("acme").await;
    let other = app.sign_in(&owner("acme"), Some("acme")).await;
    let second = app.refresh(&olga.refresh).await.assert_status(200);
    app.refresh(text(&second["refresh_token"]))
        .await
        .assert_status(200);
    app.refresh(&olga.refresh)
        .await
        .assert_refused(401, "refresh-token-reused");
    app.refresh(&other.refresh).await.assert_status(200);
    other.client.get("/users/me").await.assert_status(200);
    let told = "SELECT count(*) FROM identity_audit_log WHERE action = 'session.reuse_detected'";
    assert_eq!(app.place.number(told), 1);
    app.stop().await;
}

async fn of_fifty_at_once_all_get_the_same(app: TestApp) {
    let olga = app.tenant("acme").await;
    let answers = join_all((0..50).map(|_| app.refresh(&olga.refresh))).await;
    let mut tokens: Vec<_> = answers
        .iter()
        .map(|a| a.assert_status(200)["refresh_token"].to_string())
        .collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_eq!(
        app.place
            .number("SELECT count(*) FROM identity_refresh_tokens"),
        2
    );
    app.stop().await;
}

async fn without_grace_one_wins_and_the_session_ends(app: TestApp) {
    let app = app.with(&[("identity.token_reuse_grace", "0s")]).await;
    let olga = app.tenant("acme").await;
    let answers = join_all((0..50).map(|_| app.refresh(&olga.refresh))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(
        won,
        1,
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    let ended = "SELECT count(*) FROM identity_sessions WHERE revoke_reason = 'reuse'";
    assert_eq!(app.place.number(ended), 1);
    app.stop().await;
}

async fn a_session_is_renewed_thirty_times_a_minute_at_most(app: TestApp) {
    let olga = app.tenant("acme").await;
    let mut token = olga.refresh;
    for _ in 0..30 {
        app.clock.advance(Duration::from_secs(1));
        let granted = app.refresh(&token).await.assert_status(200);
        // Whoever lost the answer and asks again is not counted.
        let again = app.refresh(&token).await.assert_status(200);
        assert_eq!(granted["refresh_token"], again["refresh_token"]);
        text(&granted["refresh_token"]).clone_into(&mut token);
    }
    let paced = app.refresh(&token).await;
    paced.assert_refused(429, "too-many-attempts");
    assert_eq!(paced.header("retry-after"), Some("31"));
    // The token stays good for later, and the session was not touched.
    app.clock.advance(Duration::from_secs(31));
    app.refresh(&token).await.assert_status(200);
    app.stop().await;
}

async fn the_eleventh_session_ends_the_one_used_least(app: TestApp) {
    let olga = app.tenant("acme").await;
    for _ in 0..10 {
        app.clock.advance(Duration::from_secs(1));
        app.sign_in(&owner("acme"), Some("acme")).await;
    }
    olga.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    let live = "SELECT count(*) FROM identity_sessions WHERE revoked_at IS NULL";
    assert_eq!(app.place.number(live), 10);
    app.stop().await;
}

async fn sessions_are_seen_and_ended_by_their_holder(app: TestApp) {
    let olga = app.tenant("acme").await;
    let phone = app.sign_in(&owner("acme"), Some("acme")).await;
    // As soon as the caller is known again, whom the sign-in has changed.
    let list = eventually("the caller is known", PATIENCE, async || {
        let list = olga.client.get("/auth/sessions").await;
        (list.statements() == 1).then_some(list)
    });
    let list = list.await.assert_status(200);
    assert_eq!(list["sessions"].as_array().unwrap().len(), 2);
    let current: Vec<_> = list["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["current"] == true)
        .collect();
    assert_eq!(current[0]["id"], json!(olga.session));
    let path = format!("/auth/sessions/{}", phone.session);
    assert_eq!(olga.client.delete(&path).await.status, 204);
    phone
        .client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    olga.client
        .delete(&path)
        .await
        .assert_refused(404, "not-found");
    // Another tenant's session is not there.
    let stranger = app.tenant("other").await;
    let path = format!("/auth/sessions/{}", olga.session);
    stranger
        .client
        .delete(&path)
        .await
        .assert_refused(404, "not-found");
    olga.client.get("/users/me").await.assert_status(200);
    app.stop().await;
}

async fn signing_out_everywhere_ends_every_token(app: TestApp) {
    let olga = app.tenant("acme").await;
    let phone = app.sign_in(&owner("acme"), Some("acme")).await;
    let call = olga
        .client
        .post("/auth/logout-all", &json!({"except_current": true}))
        .await;
    assert_eq!(call.status, 204);
    phone
        .client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    olga.client.get("/users/me").await.assert_status(200);
    let call = olga.client.post("/auth/logout-all", &json!({})).await;
    assert_eq!(call.status, 204);
    olga.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    app.refresh(&olga.refresh)
        .await
        .assert_refused(401, "invalid-refresh-token");
    app.stop().await;
}

async fn another_password_ends_all_other_sessions(app: TestApp) {
    let olga = app.tenant("acme").await;
    let phone = app.sign_in(&owner("acme"), Some("acme")).await;
    let change =
        |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let wrong = olga
        .client
        .post("/users/me/password", &change("wrong wrong wrong", "x"))
        .await;
    wrong.assert_refused(401, "invalid-credentials");
    let new = "another long and windy road";
    let done = olga
        .client
        .post("/users/me/password", &change(PASSWORD, new))
        .await;
    assert_eq!(done.status, 204, "{done:?}");
    phone
        .client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    olga.client.get("/users/me").await.assert_status(200);
    app.login(&owner("acme"), PASSWORD, Some("acme"))
        .await
        .assert_refused(401, "invalid-credentials");
    app.login(&owner("acme"), new, Some("acme"))
        .await
        .assert_status(200);
    app.stop().await;
}

async fn what_has_ended_stays_so_after_a_restart(app: TestApp) {
    let olga = app.tenant("acme").await;
    let kept = app.sign_in(&owner("acme"), Some("acme")).await;
    let left = olga.client.post("/auth/logout", &json!({})).await;
    assert_eq!(left.status, 204);
    let robot = json!({"name": "Robot", "scopes": ["users:read"]});
    let robot = kept.client.post("/clients", &robot).await;
    let robot = robot.assert_status(201);
    let (id, secret) = (text(&robot["client_id"]), text(&robot["client_secret"]));
    let kind = "application/x-www-form-urlencoded";
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let call = Call::new("POST", "/oauth2/token").text(kind, form);
    let granted = app.public().send(call).await.assert_status(200);
    let machine = text(&granted["access_token"]).to_owned();
    let form = format!("token={machine}&client_id={id}&client_secret={secret}");
    let call = Call::new("POST", "/oauth2/revoke").text(kind, form);
    app.public().send(call).await.assert_status(200);
    let app = app.restarted().await;
    for token in [&olga.access, &machine] {
        let late = app.public().bearer(token).get("/users").await;
        late.assert_refused(401, "invalid-token");
    }
    let refused = app.refresh(&olga.refresh).await;
    refused.assert_refused(401, "invalid-refresh-token");
    let here = app.public().bearer(&kept.access);
    here.get("/users/me").await.assert_status(200);
    app.stop().await;
}

async fn a_hundred_guesses_at_once_are_a_hundred(app: TestApp) {
    app.tenant("acme").await;
    app.clock.advance(Duration::from_millis(1));
    let body = json!({"email": owner("acme"), "password": "wrong wrong wrong", "tenant": "acme"});
    let tries = (0..100).map(|_| app.public().post("/auth/login", &body));
    let answers = join_all(tries).await;
    let judged = answers.iter().filter(|answer| answer.status == 401).count();
    let others = answers
        .iter()
        .filter(|answer| [429, 503].contains(&answer.status));
    assert_eq!(others.count() + judged, 100);
    assert!(
        (1..=5).contains(&judged),
        "{judged} passwords were looked at"
    );
    app.stop().await;
}

async fn guesses_lock_an_account_for_a_while(app: TestApp) {
    app.tenant("acme").await;
    for _ in 0..5 {
        let wrong = app
            .login(&owner("acme"), "wrong wrong wrong", Some("acme"))
            .await;
        wrong.assert_refused(401, "invalid-credentials");
    }
    let locked = app.login(&owner("acme"), PASSWORD, Some("acme")).await;
    locked.assert_refused(429, "too-many-attempts");
    assert_eq!(locked.header("retry-after"), Some("30"));
    // The same for somebody who is not there.
    for _ in 0..5 {
        app.login("nobody@acme.example", PASSWORD, Some("acme"))
            .await
            .assert_refused(401, "invalid-credentials");
    }
    let locked = app
        .login("nobody@acme.example", PASSWORD, Some("acme"))
        .await;
    locked.assert_refused(429, "too-many-attempts");
    app.clock.advance(Duration::from_secs(31));
    app.login(&owner("acme"), PASSWORD, Some("acme"))
        .await
        .assert_status(200);
    // A success begins the count anew.
    for _ in 0..5 {
        let wrong = app
            .login(&owner("acme"), "wrong wrong wrong", Some("acme"))
            .await;
        wrong.assert_refused(401, "invalid-credentials");
    }
    app.stop().await;
}

on_both!(
    a_token_is_exchanged_once_and_a_retry_gets_the_same,
    a_grandparent_is_theft_at_once_and_other_sessions_live,
    of_fifty_at_once_all_get_the_same,
    without_grace_one_wins_and_the_session_ends,
    a_session_is_renewed_thirty_times_a_minute_at_most,
    the_eleventh_session_ends_the_one_used_least,
    sessions_are_seen_and_ended_by_their_holder,
    signing_out_everywhere_ends_every_token,
    another_password_ends_all_other_sessions,
    what_has_ended_stays_so_after_a_restart,
    a_hundred_guesses_at_once_are_a_hundred,
    guesses_lock_an_account_for_a_while,
);
