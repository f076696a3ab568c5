//! Authors from their making to their end.

use brisk_testkit::services::Call;
use serde_json::json;

use crate::on_both;
use crate::world::{TestApp, ids};

on_both!(
    an_author_is_made_read_changed_and_deleted,
    a_name_and_an_address_belong_to_one_author,
    a_batch_is_stored_whole_or_not_at_all,
    authors_are_found_without_pages,
);

async fn an_author_is_made_read_changed_and_deleted(app: TestApp) {
    let (_, client) = app.librarian().await;
    let body = json!({"name": "  Ann Other ", "email": "ann@example.org"});
    let made = client
        .post("/catalog/authors", &body)
        .await
        .assert_status(201);
    assert_eq!(
        (&made["name"], &made["status"]),
        (&json!("Ann Other"), &json!("active"))
    );
    assert!(made.get("tenant_id").is_none(), "{made}");
    let path = format!("/catalog/authors/{}", made["id"]);
    assert_eq!(client.get(&path).await.assert_status(200), made);
    let body = json!({"name": "Ann Else"});
    let written = client.put(&path, &body).await.assert_status(200);
    assert_eq!(
        (&written["name"], &written["email"]),
        (&json!("Ann Else"), &json!(null))
    );
    let body = json!({"status": "archived"});
    let archived = client.patch(&format!("{path}/status"), &body).await;
    assert_eq!(archived.assert_status(200)["status"], "archived");
    assert_eq!(
        client.get(&path).await.assert_status(200)["status"],
        "archived"
    );
    let gone = client.delete(&path).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    for answer in [
        client.get(&path).await,
        client.put(&path, &json!({"name": "Ann"})).await,
        client.delete(&path).await,
    ] {
        let refused = answer.assert_refused(404, "not_found");
        let told = format!("Author with ID {} not found", made["id"]);
        assert_eq!(refused["error"]["msg"], told);
    }
    app.stop().await;
}

async fn a_name_and_an_address_belong_to_one_author(app: TestApp) {
    let (_, client) = app.librarian().await;
    let ann = json!({"name": "Ann", "email": "ann@example.org"});
    client
        .post("/catalog/authors", &ann)
        .await
        .assert_status(201);
    let bob = client
        .post("/catalog/authors", &json!({"name": "Bob"}))
        .await
        .assert_status(201);
    let again = client
        .post("/catalog/authors", &json!({"name": " Ann"}))
        .await;
    let refused = again.assert_refused(409, "conflict");
    assert_eq!(
        refused["error"]["msg"],
        "Author with name 'Ann' already exists"
    );
    assert_eq!(refused["errors"][0]["field"], "name");
    let same = json!({"name": "Carl", "email": "ann@example.org"});
    let refused = client
        .post("/catalog/authors", &same)
        .await
        .assert_refused(409, "conflict");
    assert_eq!(refused["errors"][0]["field"], "email");
    let path = format!("/catalog/authors/{}", bob["id"]);
    client
        .put(&path, &json!({"name": "Ann"}))
        .await
        .assert_refused(409, "conflict");
    // Eight at once: the index decides, not a look before.
    let tries = (0..8).map(|_| client.post("/catalog/authors", &json!({"name": "Dora"})));
    let answers = futures::future::join_all(tries).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((made, refused), (1, 7));
    app.stop().await;
}

async fn a_batch_is_stored_whole_or_not_at_all(app: TestApp) {
    let (_, client) = app.librarian().await;
    let path = "/catalog/authors/batch";
    let three =
        json!([{"name": "Ann", "email": "a@example.org"}, {"name": "Bob"}, {"name": "Carl"}]);
    let made = client.post(path, &three).await;
    let created = made.assert_status(201);
    assert_eq!(created["created"], 3);
    let all = client.get("/catalog/authors").await.assert_status(200);
    assert_eq!(json!(ids(&all)), created["ids"]);
    let clash = json!([
        {"name": "Dora"}, {"name": "Bob"}, {"name": "Eve", "email": "a@example.org"}, {"name": "Fay"},
    ]);
    let refused = client
        .post(path, &clash)
        .await
        .assert_refused(409, "conflict");
    let fields: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["field"])
        .collect();
    assert_eq!(fields, ["[1].name", "[2].email"]);
    let twice = json!([{"name": "Dora"}, {"name": "Dora"}]);
    let refused = client
        .post(path, &twice)
        .await
        .assert_refused(409, "conflict");
    assert_eq!(refused["errors"][0]["field"], "[1].name");
    let wrong = json!([{"name": "Dora"}, {"name": " "}, {"name": "Eve", "email": "x"}]);
    let refused = client
        .post(path, &wrong)
        .await
        .assert_refused(422, "invalid_data");
    let fields: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["field"])
        .collect();
    assert_eq!(fields, ["[1].name", "[2].email"]);
    client
        .post(path, &json!([]))
        .await
        .assert_refused(422, "invalid_data");
    let many: Vec<_> = (0..1_001)
        .map(|n| json!({"name": format!("N{n}")}))
        .collect();
    client
        .post(path, &json!(many))
        .await
        .assert_refused(422, "invalid_data");
    let many: Vec<_> = (0..1_000)
        .map(|n| json!({"name": format!("N{n}")}))
        .collect();
    let made = client.post(path, &json!(many)).await;
    assert_eq!(made.assert_status(201)["created"], 1_000);
    assert!(made.statements() <= 3, "{}", made.statements());
    assert_eq!(
        app.place.number("SELECT count(*) FROM catalog_authors"),
        1_003
    );
    app.stop().await;
}

async fn authors_are_found_without_pages(app: TestApp) {
    let (_, client) = app.librarian().await;
    let names: Vec<_> = (0..1_002)
        .map(|n| json!({"name": format!("Author {n}")}))
        .collect();
    for chunk in names.chunks(501) {
        client
            .post("/catalog/authors/batch", &json!(chunk))
            .await
            .assert_status(201);
    }
    let all = client.get("/catalog/authors").await;
    assert_eq!(
        (ids(&all.json()).len(), all.header("x-truncated")),
        (1_000, Some("true"))
    );
    let one = client.get("/catalog/authors?name=Author%2010").await;
    assert_eq!(
        (ids(&one.json()).len(), one.header("x-truncated")),
        (1, None)
    );
    assert_eq!(one.statements(), 1);
    let part = client
        .get("/catalog/authors?search=OR%20100&name=Nobody")
        .await
        .json();
    assert_eq!(ids(&part).len(), 3, "{part}");
    let none = client.get("/catalog/authors?search=%25").await.json();
    assert_eq!(none, json!([]));
    let call = Call::new("GET", "/catalog/authors?nmae=x");
    client
        .send(call)
        .await
        .assert_refused(400, "unknown_filter");
    app.stop().await;
}
