//! Faults of the founding application that must not come back; 3 and 12 stand with people and isolation, 6 with sessions.

use std::time::{Duration, Instant};

use brisk_testkit::services::Call;
use serde_json::json;

use crate::on_both;
use crate::world::{PASSWORD, TestApp, owner, text};

/// Pairs of attempts that are timed.
const PAIRS: usize = 20;

/// Fault 4: for somebody who is not there it hashed and verified, twice the work.
async fn time_does_not_tell_who_is_there(app: TestApp) {
    let app = app
        .with(&[
            ("auth.hash.m_kib", "2048"),
            ("identity.login_limit_per_min", "0"),
        ])
        .await;
    app.tenant("acme").await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let mut costs = Vec::new();
    for round in 0..PAIRS {
        // So that no count of guesses gets in the way.
        app.clock.advance(Duration::from_hours(1));
        // In turn first and second: the hour that has passed wakes up work in the background.
        for who in 0..2 {
            let (email, times) = if (round + who) % 2 == 0 {
                (owner("acme"), &mut known)
            } else {
                ("nobody@acme.example".to_owned(), &mut unknown)
            };
            let began = Instant::now();
            let answer = app.login(&email, "wrong wrong wrong", Some("acme")).await;
            times.push(began.elapsed());
            answer.assert_refused(401, "invalid-credentials");
            costs.push(answer.statements());
        }
    }
    costs.dedup();
    assert_eq!(costs.len(), 1, "{costs:?}");
    // The best of each: whatever else the machine does only ever adds to it.
    let best = |times: &[Duration]| times.iter().min().unwrap().as_secs_f64();
    let ratio = best(&unknown) / best(&known);
    // The fault showed as 2.
    assert!((0.67..1.5).contains(&ratio), "{ratio}");
    app.stop().await;
}

/// Fault 8: whoever sent the header chose the address that limits count by.
async fn addresses_are_not_taken_from_strangers(app: TestApp) {
    app.tenant("acme").await;
    app.clock.advance(Duration::from_millis(1));
    let body = json!({"email": owner("acme"), "password": PASSWORD, "tenant": "acme"});
    let call = Call::new("POST", "/auth/login").header("x-forwarded-for", "203.0.113.9");
    let granted = app.public().send(call.json(&body)).await.assert_status(200);
    let me = app.public().bearer(text(&granted["access_token"]));
    let list = me.get("/auth/sessions").await.assert_status(200);
    for session in list["sessions"].as_array().unwrap() {
        assert_eq!(session["ip"], "127.0.0.1");
    }
    app.stop().await;
}

on_both!(
    time_does_not_tell_who_is_there,
    addresses_are_not_taken_from_strangers,
);
