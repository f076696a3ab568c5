//! Machine clients: their tokens, what may be asked about tokens, and how tokens are made void.

use brisk_testkit::services::{Answer, Call, Client, FRESH, eventually};
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{Person, TestApp, text};

/// A form to an endpoint of OAuth.
async fn form(client: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let kind = "application/x-www-form-urlencoded";
    client
        .send(Call::new("POST", path).text(kind, body.join("&")))
        .await
}

async fn made(olga: &Person, scopes: Value) -> (String, String) {
    let new = json!({"name": "robot", "scopes": scopes});
    let made = olga.client.post("/clients", &new).await.assert_status(201);
    (
        text(&made["client_id"]).to_owned(),
        text(&made["client_secret"]).to_owned(),
    )
}

async fn a_machine_gets_a_token_and_may_what_it_was_given(app: TestApp) {
    let olga = app.tenant("acme").await;
    let (id, secret) = made(&olga, json!(["users:read", "clients:read"])).await;
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &*id),
        ("client_secret", &*secret),
    ];
    let granted = form(app.public(), "/oauth2/token", &fields)
        .await
        .assert_status(200);
    assert_eq!(granted["scope"], "users:read clients:read");
    let robot = app.public().bearer(text(&granted["access_token"]));
    robot.get("/clients").await.assert_status(200);
    eventually(
        "the machine is known, and the list is one statement",
        FRESH,
        async || (robot.get("/clients").await.statements() <= 1).then_some(()),
    )
    .await;
    robot
        .post("/clients", &json!({"name": "x", "scopes": []}))
        .await
        .assert_refused(403, "forbidden");
    robot
        .get("/users/me")
        .await
        .assert_refused(404, "not-found");
    // What it has not, nobody lends it.
    let more = [fields[0], fields[1], fields[2], ("scope", "roles:delete")];
    let refused = form(app.public(), "/oauth2/token", &more)
        .await
        .assert_status(400);
    assert_eq!(refused["error"], "invalid_scope");
    let wrong = [fields[0], fields[1], ("client_secret", "brs_wrong")];
    let refused = form(app.public(), "/oauth2/token", &wrong).await;
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Basic realm=\"brisk\"")
    );
    assert_eq!(refused.assert_status(401)["error"], "invalid_client");
    // Another secret; the one before counts until the next time.
    let path = format!("/clients/{id}/rotate-secret");
    let second = olga.client.post(&path, &json!({})).await.assert_status(200);
    form(app.public(), "/oauth2/token", &fields)
        .await
        .assert_status(200);
    olga.client.post(&path, &json!({})).await.assert_status(200);
    form(app.public(), "/oauth2/token", &fields)
        .await
        .assert_status(401);
    let newer = [
        fields[0],
        fields[1],
        ("client_secret", text(&second["client_secret"])),
    ];
    form(app.public(), "/oauth2/token", &newer)
        .await
        .assert_status(200);
    // Deleted, it is out at once.
    assert_eq!(
        olga.client.delete(&format!("/clients/{id}")).await.status,
        204
    );
    robot
        .get("/clients")
        .await
        .assert_refused(401, "invalid-token");
    app.stop().await;
}

async fn tokens_are_told_about_and_made_void(app: TestApp) {
    let olga = app.tenant("acme").await;
    let (id, secret) = made(&olga, json!(["tokens:introspect"])).await;
    let ask = async |token: &str| {
        let fields = [
            ("token", token),
            ("client_id", &*id),
            ("client_secret", &*secret),
        ];
        form(app.public(), "/oauth2/introspect", &fields).await
    };
    let told = ask(&olga.access).await.assert_status(200);
    assert_eq!(
        (&told["active"], &told["sub"], &told["sid"]),
        (&json!(true), &json!(olga.id), &json!(olga.session))
    );
    eventually(
        "the person is known, and the client is one statement",
        FRESH,
        async || (ask(&olga.access).await.statements() <= 1).then_some(()),
    )
    .await;
    let void = json!({"active": false});
    for nothing in ["x", &*olga.refresh, "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(ask(nothing).await.assert_status(200), void);
    }
    // Another tenant's token is none.
    let stranger = app.tenant("other").await;
    assert_eq!(ask(&stranger.access).await.assert_status(200), void);
    // A client reaches its own tokens only.
    let fields = [
        ("token", &*olga.access),
        ("client_id", &*id),
        ("client_secret", &*secret),
    ];
    form(app.public(), "/oauth2/revoke", &fields)
        .await
        .assert_status(200);
    olga.client.get("/users/me").await.assert_status(200);
    // Whoever holds a token may make it void; the session goes on.
    form(app.public(), "/oauth2/revoke", &[("token", &olga.access)])
        .await
        .assert_status(200);
    olga.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    assert_eq!(ask(&olga.access).await.assert_status(200), void);
    let granted = app.refresh(&olga.refresh).await.assert_status(200);
    let refresh = text(&granted["refresh_token"]);
    form(app.public(), "/oauth2/revoke", &[("token", refresh)])
        .await
        .assert_status(200);
    app.refresh(refresh)
        .await
        .assert_refused(401, "invalid-refresh-token");
    form(app.public(), "/oauth2/revoke", &[("token", "nonsense")])
        .await
        .assert_status(200);
    app.stop().await;
}

async fn the_endpoints_speak_oauth(app: TestApp) {
    for (fields, error) in [
        (&[][..], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
        (
            &[("grant_type", "refresh_token"), ("refresh_token", "brt_x")],
            "invalid_grant",
        ),
        (
            &[("grant_type", "client_credentials"), ("grant_type", "x")],
            "invalid_request",
        ),
    ] {
        let refused = form(app.public(), "/oauth2/token", fields).await;
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        assert_eq!(refused.assert_status(400)["error"], error, "{fields:?}");
    }
    let json = app
        .public()
        .post("/oauth2/token", &json!({"grant_type": "x"}))
        .await;
    assert_eq!(json.assert_status(400)["error"], "invalid_request");
    app.stop().await;
}

on_both!(
    a_machine_gets_a_token_and_may_what_it_was_given,
    tokens_are_told_about_and_made_void,
    the_endpoints_speak_oauth,
);
