//! The running service over HTTP, on both engines.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod world;

use brisk_testkit::services::{FRESH, eventually};
use serde_json::json;

use crate::world::TestApp;

/// Runs each of the named tests on an app on SQLite and on one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::world::TestApp::sqlite().await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::world::TestApp::postgres().await).await;
                }
            )*
        }
    };
}

on_both!(
    every_statement_fits_the_tables,
    a_note_is_made_and_listed,
    every_wrong_field_is_named,
    another_tenant_sees_nothing,
    who_has_no_key_is_refused,
    a_warm_list_costs_no_statement,
);

async fn every_statement_fits_the_tables(app: TestApp) {
    assert_eq!(app.misfits().await, []);
    app.stop().await;
}

async fn a_note_is_made_and_listed(app: TestApp) {
    let acme = app.client("acme").await;
    for text in ["Buy milk", "Buy bread"] {
        let made = acme.post("/notes", &json!({ "text": text })).await;
        assert_eq!(made.assert_status(201)["text"], text);
        assert_eq!(made.statements(), 1, "{text}");
    }
    // The newest first; below the service's name, too.
    let page = acme.get("/hello/notes").await.assert_status(200);
    assert_eq!(page["items"][0]["text"], "Buy bread");
    assert_eq!(page["items"][1]["text"], "Buy milk");
    let page = acme.get("/notes?text__contains=milk").await;
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 1);
    // One after the other, by cursor.
    let page = acme.get("/notes?per_page=1").await.json();
    let cursor = page["meta"]["next_cursor"].as_str().unwrap();
    let path = format!("/notes?per_page=1&cursor={cursor}");
    let page = acme.get(&path).await.assert_status(200);
    assert_eq!(page["items"][0]["text"], "Buy milk");
    app.stop().await;
}

async fn every_wrong_field_is_named(app: TestApp) {
    let acme = app.client("acme").await;
    for text in ["", &"x".repeat(501), "a\0b"] {
        let refused = acme.post("/notes", &json!({ "text": text })).await;
        let problem = refused.assert_status(422);
        assert_eq!(problem["errors"][0]["field"], "text", "{problem}");
    }
    let unknown = acme.post("/notes", &json!({"text": "a", "txt": 1})).await;
    assert_eq!(unknown.status, 422, "{unknown:?}");
    app.stop().await;
}

async fn another_tenant_sees_nothing(app: TestApp) {
    let (acme, other) = (app.client("acme").await, app.client("other").await);
    acme.post("/notes", &json!({"text": "ours"}))
        .await
        .assert_status(201);
    let page = other.get("/notes").await.assert_status(200);
    assert_eq!(page["items"], json!([]));
    app.stop().await;
}

async fn who_has_no_key_is_refused(app: TestApp) {
    let public = app.public();
    let path = format!("/notes?tenant_id={}", app.tenant("acme").await);
    assert_eq!(public.get(&path).await.status, 401);
    let post = public.post(&path, &json!({"text": "a"})).await;
    assert_eq!(post.status, 401);
    app.stop().await;
}

async fn a_warm_list_costs_no_statement(app: TestApp) {
    let acme = app.client("acme").await;
    for n in 0..3 {
        let text = format!("note {n}");
        let made = acme.post("/notes", &json!({ "text": text })).await;
        made.assert_status(201);
        // Who has just written reads it at once, and from then on it costs nothing.
        let page = eventually("the page is known", FRESH, async || {
            let page = acme.get("/notes").await;
            assert_eq!(page.json()["items"][0]["text"], text);
            (page.statements() == 0).then_some(page)
        })
        .await;
        assert_eq!(page.status, 200);
    }
    app.stop().await;
}
