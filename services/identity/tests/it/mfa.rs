//! The second factor: an app, its codes, and what there is when it is lost.

use std::time::Duration;

use brisk::prelude::*;
use brisk_testkit::services::{Answer, Call};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{PASSWORD, Person, TestApp, owner, text};

/// An authenticator app on somebody's phone.
#[derive(Debug)]
pub(crate) struct Authenticator(Vec<u8>);

impl Authenticator {
    /// Scans the address that the service shows.
    pub(crate) async fn enroll(who: &Person) -> Self {
        let path = "/auth/mfa/totp/enroll";
        let shown = who.client.send(Call::new("POST", path)).await;
        let shown = shown.assert_status(200);
        let typed = text(&shown["secret"]);
        let address = text(&shown["otpauth_uri"]);
        assert!(address.starts_with("otpauth://totp/Brisk:"), "{address}");
        assert!(
            address.contains(&format!("secret={typed}&issuer=Brisk")),
            "{address}"
        );
        Self(
            totp_rs::Secret::try_from_base32(typed)
                .unwrap()
                .as_bytes()
                .to_vec(),
        )
    }

    /// Scans it and shows the first code; half a minute later there is another one.
    pub(crate) async fn confirmed(app: &TestApp, who: &Person) -> Self {
        let phone = Self::enroll(who).await;
        phone.confirm(app, who).await;
        phone
    }

    async fn confirm(&self, app: &TestApp, who: &Person) -> Vec<String> {
        let body = json!({"code": self.code(&app.clock)});
        let codes = who.client.post("/auth/mfa/totp/confirm", &body).await;
        let codes = codes.assert_status(200);
        app.clock.advance(Duration::from_secs(30));
        let codes = codes["recovery_codes"].as_array().unwrap();
        codes.iter().map(|code| text(code).to_owned()).collect()
    }

    /// What the app shows.
    pub(crate) fn code(&self, clock: &Clock) -> String {
        let totp = totp_rs::Builder::new().with_secret(self.0.as_slice());
        let now = u64::try_from(clock.now().as_second()).unwrap();
        let code = totp.build().unwrap().generate(now);
        code.to_string()
    }
}

async fn challenge(app: &TestApp) -> String {
    let asked = app.login(&owner("acme"), PASSWORD, Some("acme")).await;
    let asked = asked.assert_refused(401, "mfa-required");
    assert_eq!(asked["methods"], json!(["totp", "recovery_code"]));
    text(&asked["mfa_token"]).to_owned()
}

async fn show(app: &TestApp, mfa_token: &str, code: &str) -> Answer {
    let body = json!({"mfa_token": mfa_token, "code": code});
    app.public().post("/auth/login/mfa", &body).await
}

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    let bytes = data_encoding::BASE64URL_NOPAD.decode(body.as_bytes());
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

async fn an_app_is_asked_for_once_it_was_confirmed(app: TestApp) {
    let olga = app.tenant("acme").await;
    let standing = async || olga.client.get("/auth/mfa/totp").await.assert_status(200);
    assert_eq!(
        standing().await,
        json!({"enabled": false, "confirmed_at": null, "recovery_codes": 0})
    );
    let confirm = "/auth/mfa/totp/confirm";
    let early = json!({"code": "000000"});
    let refused = olga.client.post(confirm, &early).await;
    refused.assert_refused(409, "conflict");
    // Begun and not confirmed it changes nothing, and may be begun anew.
    Authenticator::enroll(&olga).await;
    app.sign_in(&owner("acme"), Some("acme")).await;
    let phone = Authenticator::enroll(&olga).await;
    let wrong = olga.client.post(confirm, &early).await;
    let wrong = wrong.assert_refused(422, "validation");
    assert_eq!(wrong["errors"][0]["field"], "code");
    let used = phone.code(&app.clock);
    let recovery = phone.confirm(&app, &olga).await;
    assert_eq!(recovery.len(), 10);
    let now = standing().await;
    assert_eq!(
        (&now["enabled"], &now["recovery_codes"]),
        (&json!(true), &json!(10))
    );
    let again = Call::new("POST", "/auth/mfa/totp/enroll");
    let again = olga.client.send(again).await;
    again.assert_refused(409, "conflict");
    // The code that confirmed the app was used by that.
    let token = challenge(&app).await;
    show(&app, &token, &used)
        .await
        .assert_refused(401, "invalid-code");
    let granted = show(&app, &token, &phone.code(&app.clock)).await;
    let granted = granted.assert_status(200);
    let claims = claims(text(&granted["access_token"]));
    assert_eq!(claims["amr"], json!(["pwd", "otp"]));
    // What was between the password and the code counts once.
    app.clock.advance(Duration::from_secs(30));
    let late = show(&app, &token, &phone.code(&app.clock)).await;
    late.assert_refused(401, "invalid-token");
    // Removed, the password is enough again.
    let gone = olga.client.delete("/auth/mfa/totp").await;
    assert_eq!(gone.status, 204, "{gone:?}");
    app.sign_in(&owner("acme"), Some("acme")).await;
    let left = "SELECT count(*) FROM identity_recovery_codes";
    assert_eq!(app.place.number(left), 0);
    app.stop().await;
}

async fn a_code_lets_one_in_however_many_show_it(app: TestApp) {
    let olga = app.tenant("acme").await;
    let phone = Authenticator::enroll(&olga).await;
    let recovery = phone.confirm(&app, &olga).await;
    let token = challenge(&app).await;
    let code = phone.code(&app.clock);
    let tries = (0..4).map(|_| show(&app, &token, &code));
    let statuses = join_all(tries).await.into_iter().map(|a| a.status);
    let mut statuses: Vec<_> = statuses.collect();
    statuses.sort_unstable();
    // The others come too late for the code or for the token.
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert!(
        statuses[1..].iter().all(|s| [400, 401].contains(s)),
        "{statuses:?}"
    );
    // With the next password the same code is still used up.
    let token = challenge(&app).await;
    show(&app, &token, &code)
        .await
        .assert_refused(401, "invalid-code");
    let lost = &recovery[0].to_uppercase().replace('-', "");
    show(&app, &token, lost).await.assert_status(200);
    let token = challenge(&app).await;
    show(&app, &token, lost)
        .await
        .assert_refused(401, "invalid-code");
    show(&app, &token, &recovery[1]).await.assert_status(200);
    let left = "SELECT count(*) FROM identity_recovery_codes WHERE used_at IS NULL";
    assert_eq!(app.place.number(left), 8);
    app.stop().await;
}

async fn guesses_at_a_code_are_counted_apart_from_those_at_a_password(app: TestApp) {
    let olga = app.tenant("acme").await;
    let phone = Authenticator::confirmed(&app, &olga).await;
    let token = challenge(&app).await;
    for _ in 0..5 {
        show(&app, &token, "000000")
            .await
            .assert_refused(401, "invalid-code");
    }
    // Not even the right one helps now, and a fresh challenge neither.
    let locked = show(&app, &token, &phone.code(&app.clock)).await;
    locked.assert_refused(429, "too-many-attempts");
    let token = challenge(&app).await;
    let locked = show(&app, &token, &phone.code(&app.clock)).await;
    locked.assert_refused(429, "too-many-attempts");
    assert!(locked.headers.contains_key("retry-after"));
    // An owner beside it opens the door again.
    let vera = app
        .person_with(&olga, "vera@acme.example", &["owner"])
        .await;
    let unlock = format!("/users/{}/unlock", olga.id);
    assert_eq!(vera.client.post(&unlock, &json!({})).await.status, 204);
    let token = challenge(&app).await;
    let code = phone.code(&app.clock);
    show(&app, &token, &code).await.assert_status(200);
    // Too late after the password.
    let token = challenge(&app).await;
    app.clock.advance(Duration::from_mins(6));
    let late = show(&app, &token, &phone.code(&app.clock)).await;
    late.assert_refused(401, "invalid-token");
    app.stop().await;
}

async fn whoever_has_lost_it_asks_an_administrator(app: TestApp) {
    let olga = app.tenant("acme").await;
    let adam = app
        .person_with(&olga, "adam@acme.example", &["admin"])
        .await;
    let mia = app
        .person_with(&olga, "mia@acme.example", &["member"])
        .await;
    Authenticator::confirmed(&app, &olga).await;
    Authenticator::confirmed(&app, &mia).await;
    let of = |who: &Person| format!("/users/{}/totp", who.id);
    // Nobody takes it from somebody who may more.
    adam.client
        .delete(&of(&olga))
        .await
        .assert_refused(403, "forbidden");
    let gone = adam.client.delete(&of(&mia)).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    adam.client
        .delete(&of(&mia))
        .await
        .assert_refused(404, "not-found");
    app.sign_in("mia@acme.example", Some("acme")).await;
    let audit = olga.client.get("/audit?action=mfa.removed").await;
    let audit = audit.assert_status(200);
    assert_eq!(audit["items"][0]["actor_user_id"], json!(adam.id));
    assert_eq!(audit["items"][0]["resource_id"], json!(mia.id));
    // What is stored opens with the master key only.
    let stored = app
        .place
        .number("SELECT min(length(secret_enc)) FROM identity_totp");
    assert_eq!(stored, 20 + 28);
    app.stop().await;
}

on_both!(
    an_app_is_asked_for_once_it_was_confirmed,
    a_code_lets_one_in_however_many_show_it,
    guesses_at_a_code_are_counted_apart_from_those_at_a_password,
    whoever_has_lost_it_asks_an_administrator,
);
