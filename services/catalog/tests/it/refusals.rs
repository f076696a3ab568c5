//! Every negative case of the contract, with its exact code.

use brisk_testkit::services::{Answer, Call};
use serde_json::json;

use crate::on_both;
use crate::world::TestApp;

on_both!(
    what_is_wrong_is_told_in_the_words_of_the_contract,
    who_may_not_is_told_which_role_is_missing,
    every_known_fault_of_the_older_service_is_none_here,
);

/// The envelope of a refusal, which agrees with the document around it.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> serde_json::Value {
    let body = answer.assert_status(status);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let error = &body["error"];
    assert_eq!(error["code"], code, "{body}");
    assert_eq!(error["msg"], body["detail"], "{body}");
    assert_eq!(error["request_id"], body["request_id"], "{body}");
    assert!(
        error["request_id"].is_string() && error.get("details").is_some(),
        "{body}"
    );
    body
}

async fn what_is_wrong_is_told_in_the_words_of_the_contract(app: TestApp) {
    let (_, client) = app.librarian().await;
    let page = "/catalog/authors/paginated";
    let get = async |query: &str| client.get(&format!("{page}{query}")).await;
    refused(&get("?nmae=x").await, 400, "unknown_filter");
    refused(&get("?name__like=x").await, 422, "invalid_data");
    refused(&get("?email__contains=x").await, 422, "invalid_data");
    refused(&get("?eager_load=cats").await, 400, "unknown_relation");
    refused(&get("?sort=email").await, 400, "unknown_sort");
    refused(&get("?cursor=nonsense").await, 400, "invalid_cursor");
    refused(&get("?status=gone").await, 422, "invalid_data");
    refused(&get("?id=x").await, 422, "invalid_data");
    refused(&get("?name=%00").await, 422, "invalid_data");
    refused(&client.get("/catalog/authors/x").await, 422, "invalid_data");
    refused(
        &client.get("/catalog/authors/1?eager_load=cats").await,
        400,
        "unknown_relation",
    );
    refused(&client.get("/catalog/authors/9").await, 404, "not_found");
    refused(&client.get("/catalog/books/9").await, 404, "not_found");
    refused(&client.delete("/catalog/reviews/9").await, 404, "not_found");
    refused(&client.get("/catalog/nowhere").await, 404, "not_found");
    refused(
        &client.send(Call::new("PUT", "/catalog/authors")).await,
        405,
        "method_not_allowed",
    );
    let post = async |body: &str| {
        let call = Call::new("POST", "/catalog/authors").text("application/json", body.to_owned());
        client.send(call).await
    };
    for body in [
        "",
        "{",
        "[]",
        "{}",
        "{\"name\": 1}",
        "{\"name\": \"\"}",
        "{\"name\": \" \"}",
        "{\"name\": \"a\", \"x\": 1}",
        "{\"name\": \"a\\u0000\"}",
        "{\"name\": \"a\", \"email\": \"x\"}",
        "{\"name\": \"a\", \"status\": \"gone\"}",
    ] {
        refused(&post(body).await, 422, "invalid_data");
    }
    refused(
        &post(&json!({"name": "x".repeat(201)}).to_string()).await,
        422,
        "invalid_data",
    );
    let text = Call::new("POST", "/catalog/authors").text("text/plain", "{}");
    refused(&client.send(text).await, 415, "invalid_data");
    refused(&post(&" ".repeat(2 << 20)).await, 413, "payload_too_large");
    client
        .post("/catalog/authors", &json!({"name": "Ann"}))
        .await
        .assert_status(201);
    refused(
        &client
            .post("/catalog/authors", &json!({"name": "Ann"}))
            .await,
        409,
        "conflict",
    );
    let orphan = client
        .post("/catalog/books", &json!({"author_id": 99, "title": "T"}))
        .await;
    let told = refused(&orphan, 422, "invalid_data");
    assert_eq!(told["error"]["details"]["errors"][0]["field"], "author_id");
    let orphan = client
        .post("/catalog/reviews", &json!({"author_id": 99, "rating": 3}))
        .await;
    refused(&orphan, 422, "invalid_data");
    let rating = client
        .post("/catalog/reviews", &json!({"author_id": 1, "rating": 6}))
        .await;
    refused(&rating, 422, "invalid_data");
    app.stop().await;
}

async fn who_may_not_is_told_which_role_is_missing(app: TestApp) {
    let tenant = app.tenant("library").await;
    let public = app.public();
    let answer = public.get("/catalog/authors").await;
    refused(&answer, 401, "authentication_failed");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    for token in ["nonsense", "a.b.c", ""] {
        let answer = public.bearer(token).get("/catalog/authors").await;
        refused(&answer, 401, "authentication_failed");
    }
    let reader = app.person(tenant, "reader", "authors:read");
    reader.get("/catalog/authors").await.assert_status(200);
    let answer = reader
        .post("/catalog/authors", &json!({"name": "Ann"}))
        .await;
    let told = refused(&answer, 403, "permission_denied");
    assert_eq!(told["required"], "authors:create");
    let details = json!({"missing_roles": ["create-author"], "required": "authors:create"});
    assert_eq!(told["error"]["details"], details);
    // Nobody may read what is none of theirs; what is there and what is not look the same.
    refused(
        &reader.get("/catalog/audit-logs/1").await,
        403,
        "permission_denied",
    );
    app.clock.advance(std::time::Duration::from_hours(2));
    refused(
        &reader.get("/catalog/authors").await,
        401,
        "authentication_failed",
    );
    app.stop().await;
}

async fn every_known_fault_of_the_older_service_is_none_here(app: TestApp) {
    let (_, client) = app.librarian().await;
    for query in ["page=0", "per_page=0", "page=-1", "page=x", "per_page=1.5"] {
        let answer = client
            .get(&format!("/catalog/authors/paginated?{query}"))
            .await;
        refused(&answer, 422, "invalid_data");
    }
    refused(
        &client.get("/catalog/authors/paginated?cursor=%2A%2A").await,
        400,
        "invalid_cursor",
    );
    refused(
        &client.get("/catalog/audit-logs/987654").await,
        404,
        "not_found",
    );
    let dated = "/catalog/audit-logs?start_date=2020-01-01&end_date=2999-12-31&outcome=success&user_id=librarian";
    client.get(dated).await.assert_status(200);
    refused(
        &client.get("/catalog/audit-logs?per_page=101").await,
        422,
        "invalid_data",
    );
    refused(
        &client.get("/catalog/audit-logs?start_date=soon").await,
        422,
        "invalid_data",
    );
    app.stop().await;
}
