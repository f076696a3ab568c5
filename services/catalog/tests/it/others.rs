//! Books, reviews and messages.

use brisk::auth::NewKey;
use brisk::core::{Role, TenantId};
use brisk_testkit::services::{Client, PATIENCE, eventually};
use serde_json::json;

use crate::on_both;
use crate::world::{TestApp, ids};

on_both!(
    a_book_is_made_changed_and_deleted_with_its_reviews,
    books_and_reviews_are_listed_by_filter,
    messages_are_read_from_the_newest_back,
    keys_may_what_their_role_allows,
    who_runs_the_installation_names_the_tenant,
);

async fn a_book_is_made_changed_and_deleted_with_its_reviews(app: TestApp) {
    let (_, client) = app.librarian().await;
    for name in ["Ann", "Bob"] {
        client
            .post("/catalog/authors", &json!({"name": name}))
            .await
            .assert_status(201);
    }
    let body = json!({"author_id": 1, "title": " T ", "isbn": "123", "published_on": "1999-12-31"});
    let book = client
        .post("/catalog/books", &body)
        .await
        .assert_status(201);
    assert_eq!(
        (&book["title"], &book["published_on"]),
        (&json!("T"), &json!("1999-12-31"))
    );
    assert_eq!(
        client.get("/catalog/books/1").await.assert_status(200),
        book
    );
    let again = json!({"author_id": 2, "title": "Other", "isbn": "123"});
    let refused = client
        .post("/catalog/books", &again)
        .await
        .assert_refused(409, "conflict");
    assert_eq!(refused["errors"][0]["field"], "isbn");
    let moved = json!({"author_id": 2, "title": "U", "isbn": " "});
    let moved = client
        .put("/catalog/books/1", &moved)
        .await
        .assert_status(200);
    assert_eq!(
        (&moved["author_id"], &moved["isbn"]),
        (&json!(2), &json!(null))
    );
    let review = json!({"author_id": 2, "book_id": 1, "rating": 5, "body": "good"});
    let review = client
        .post("/catalog/reviews", &review)
        .await
        .assert_status(201);
    assert_eq!(review["reviewer_id"], "librarian");
    assert_eq!(client.delete("/catalog/books/1").await.status, 204);
    assert_eq!(
        client.get("/catalog/reviews").await.json()["meta"]["total"],
        0
    );
    client
        .put("/catalog/books/1", &json!({"author_id": 2, "title": "U"}))
        .await
        .assert_refused(404, "not_found");
    app.stop().await;
}

async fn books_and_reviews_are_listed_by_filter(app: TestApp) {
    let (_, client) = app.librarian().await;
    for name in ["Ann", "Bob"] {
        client
            .post("/catalog/authors", &json!({"name": name}))
            .await
            .assert_status(201);
    }
    for n in 1..=6 {
        let (author, isbn) = (n % 2 + 1, format!("isbn {n}"));
        let body = json!({"author_id": author, "title": format!("Volume {n}"), "isbn": isbn});
        client
            .post("/catalog/books", &body)
            .await
            .assert_status(201);
        let body = json!({"author_id": author, "book_id": n, "rating": n % 5 + 1});
        client
            .post("/catalog/reviews", &body)
            .await
            .assert_status(201);
    }
    for (path, expected) in [
        ("books?author_id=1", vec![2, 4, 6]),
        ("books?author_id__in=1,2&sort=-title&per_page=2", vec![6, 5]),
        ("books?title=UME%203", vec![3]),
        ("books?isbn=isbn%204", vec![4]),
        ("reviews?author_id=2", vec![1, 3, 5]),
        ("reviews?book_id=3", vec![3]),
        ("reviews?rating__gte=4&sort=-rating", vec![4, 3]),
        ("reviews?reviewer_id=nobody", vec![]),
    ] {
        let page = client
            .get(&format!("/catalog/{path}"))
            .await
            .assert_status(200);
        assert_eq!(ids(&page["items"]), expected, "{path}");
    }
    app.stop().await;
}

async fn messages_are_read_from_the_newest_back(app: TestApp) {
    let (_, client) = app.librarian().await;
    for n in 1..=60 {
        let channel = if n % 6 == 0 { "rare" } else { "general" };
        let body = json!({"channel": channel, "body": format!("{n}")});
        client
            .post("/catalog/messages", &body)
            .await
            .assert_status(201);
    }
    let said = client
        .post("/catalog/messages", &json!({"body": "hello"}))
        .await
        .assert_status(201);
    assert_eq!(
        (&said["channel"], &said["sender_id"]),
        (&json!("general"), &json!("librarian"))
    );
    let first = client.get("/catalog/messages").await;
    assert_eq!(first.statements(), 1);
    let first = first.assert_status(200);
    assert_eq!(ids(&first["items"]), (12..=61).rev().collect::<Vec<_>>());
    assert_eq!(
        (&first["meta"]["count_source"], &first["meta"]["total"]),
        (&json!("skipped"), &json!(0))
    );
    let cursor = first["meta"]["next_cursor"].as_str().unwrap();
    let rest = client
        .get(&format!("/catalog/messages?cursor={cursor}"))
        .await
        .assert_status(200);
    assert_eq!(ids(&rest["items"]), (1..=11).rev().collect::<Vec<_>>());
    let rare = client
        .get("/catalog/messages?channel=rare&per_page=3")
        .await
        .assert_status(200);
    assert_eq!(ids(&rare["items"]), [60, 54, 48]);
    for body in [
        json!({"body": ""}),
        json!({"body": "x".repeat(4_001)}),
        json!({"channel": "", "body": "x"}),
    ] {
        client
            .post("/catalog/messages", &body)
            .await
            .assert_refused(422, "invalid_data");
    }
    app.stop().await;
}

/// A client with a key of that role, which is its name too.
async fn key(app: &TestApp, role: Role, tenant: Option<TenantId>) -> Client {
    let kit = app.nodes[0].kit();
    let new = NewKey {
        role,
        tenant,
        name: role.as_str().to_owned(),
        rate_per_min: None,
        expires_at: None,
    };
    let made = kit.keys.create(&kit.platform("test"), new).await.unwrap();
    app.public().with(&made.secret)
}

async fn keys_may_what_their_role_allows(app: TestApp) {
    let tenant = app.tenant("library").await;
    let body = json!({"name": "Ann"});
    let admin = key(&app, Role::Admin, Some(tenant)).await;
    admin
        .post("/catalog/authors", &body)
        .await
        .assert_status(201);
    let auditor = key(&app, Role::Auditor, Some(tenant)).await;
    auditor.get("/catalog/authors").await.assert_status(200);
    auditor.get("/catalog/audit-logs").await.assert_status(200);
    auditor
        .post("/catalog/authors", &body)
        .await
        .assert_refused(403, "forbidden");
    let agent = key(&app, Role::Agent, Some(tenant)).await;
    agent
        .get("/catalog/authors")
        .await
        .assert_refused(403, "forbidden");
    let other = app.tenant("other").await;
    let stranger = key(&app, Role::Admin, Some(other)).await;
    stranger
        .get("/catalog/authors/1")
        .await
        .assert_refused(404, "not_found");
    app.stop().await;
}

async fn who_runs_the_installation_names_the_tenant(app: TestApp) {
    let (tenant, client) = app.librarian().await;
    client
        .post("/catalog/authors", &json!({"name": "Ann"}))
        .await
        .assert_status(201);
    let operator = key(&app, Role::PlatformAdmin, None).await;
    let path = format!("/catalog/authors?tenant_id={}", tenant.get());
    assert_eq!(ids(&operator.get(&path).await.assert_status(200)), [1]);
    operator.get("/catalog/authors").await.assert_status(422);
    // What is done in a tenant stands in its audit log, whoever does it.
    eventually("the entry is written", PATIENCE, async || {
        let page = client
            .get("/catalog/audit-logs?user_id=platform_admin")
            .await
            .json();
        (page["meta"]["total"] == 1).then_some(())
    })
    .await;
    app.stop().await;
}
