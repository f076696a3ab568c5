use axum::body::Body;
use brisk_http::EdgeConfig;
use http::Request;
use std::time::Duration;

use crate::{app, app_with, parts};

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    app().get("/nowhere").await.problem(404, "route_not_found");
    let answer = app()
        .send(Request::delete("/things/1").body(Body::empty()).unwrap())
        .await;
    answer.problem(405, "method_not_allowed");
    assert!(
        answer.header("allow").contains("GET"),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn a_body_of_another_type_broken_or_of_the_wrong_shape_says_what_to_mend() {
    let app = app();
    let plain = Request::post("/things")
        .header("content-type", "text/plain")
        .body(Body::from("{}"))
        .unwrap();
    app.send(plain).await.problem(415, "unsupported_media_type");
    app.send(Request::post("/things").body(Body::from("{}")).unwrap())
        .await
        .problem(415, "unsupported_media_type");
    app.post("/things", "{\"name\": ")
        .await
        .problem(400, "malformed_json");
    app.post("/things", "{\"name\": \"a\"} x")
        .await
        .problem(400, "malformed_json");
    for (body, code, field) in [
        ("{}", "missing_field", "name"),
        ("{\"name\": 7}", "wrong_type", "name"),
        ("{\"name\": \"a\", \"nmae\": 1}", "unknown_field", "nmae"),
        (
            "{\"name\": \"a\", \"contact\": {}}",
            "missing_field",
            "contact.email",
        ),
        (
            "{\"name\": \"a\", \"contact\": {\"email\": true}}",
            "wrong_type",
            "contact.email",
        ),
    ] {
        let json = app.post("/things", body).await.problem(422, code);
        assert_eq!(json["errors"][0]["field"], field, "{json}");
    }
    assert_eq!(
        app.post("/things", "{\"name\": \"bench\"}").await.json()["name"],
        "bench"
    );
}

#[tokio::test]
async fn every_broken_rule_of_a_body_is_in_one_answer() {
    let json = app()
        .post(
            "/valid",
            r#"{"name": " a ", "contact": {"email": "nobody"}}"#,
        )
        .await;
    let json = json.problem(422, "too_short");
    assert_eq!(json["errors"].as_array().unwrap().len(), 2);
    assert_eq!(json["errors"][1]["field"], "contact.email");
}

#[tokio::test]
async fn parameters_are_strict() {
    let app = app();
    let json = app
        .get("/search?statsu=open")
        .await
        .problem(422, "unknown_parameter");
    assert_eq!(json["errors"][0]["field"], "statsu");
    assert_eq!(
        app.get("/search?status=open&tenant_id=1").await.text(),
        "open"
    );
    let json = app.get("/things/abc").await.problem(422, "wrong_type");
    assert!(json["detail"].as_str().unwrap().contains("i64"), "{json}");
    app.get("/list?limit=0").await.problem(422, "out_of_range");
    app.get("/list?sort=x")
        .await
        .problem(422, "unknown_parameter");
    let list = app.get("/list?limit=5&status=open").await.json();
    assert_eq!(
        (list["things"][0].as_str(), list["limit"].as_u64()),
        (Some("open"), Some(5))
    );
}

#[tokio::test]
async fn failures_and_panics_tell_the_client_nothing() {
    let app = app();
    let json = app.get("/things/500").await.problem(500, "things.broken");
    assert_eq!(json["detail"], "something went wrong on our side");
    let answer = app.get("/things/501").await;
    answer.problem(500, "internal");
    assert!(!answer.text().contains("tripped"));
    assert_eq!(
        app.get("/things/1").await.json()["id"],
        1,
        "the next request is served"
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_request_and_a_rule_may_shorten_it() {
    app().get("/things/504").await.problem(504, "timeout");
    let mut parts = parts();
    parts.rules.push(brisk_http::RouteRule {
        prefix: "/things".to_owned(),
        deadline: Some(Duration::from_millis(50)),
        ..Default::default()
    });
    let started = tokio::time::Instant::now();
    app_with(EdgeConfig::default(), parts)
        .get("/things/504")
        .await
        .problem(504, "timeout");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_service_adds_its_own_members_to_every_problem_of_its_paths() {
    let mut parts = parts();
    parts.rules.push(brisk_http::RouteRule {
        prefix: "/things".to_owned(),
        max_body: Some(brisk_config::ByteSize::kib(1)),
        members: Some(brisk_http::OwnMembers(|problem, id| {
            let own =
                serde_json::json!({"code": problem.status().as_u16(), "id": id.map(|id| &*id.0)});
            serde_json::Map::from_iter([("error".to_owned(), own)])
        })),
        ..Default::default()
    });
    let app = app_with(EdgeConfig::default(), parts);
    // The handler's, the panic's, and that of a path that no route fits.
    for (path, status) in [
        ("/things/500", 500),
        ("/things/501", 500),
        ("/things/1/nowhere", 404),
    ] {
        let answer = app.get(path).await.json();
        assert_eq!(answer["error"]["code"], status, "{path}: {answer}");
        assert_eq!(answer["error"]["id"], answer["request_id"], "{answer}");
    }
    let other = app.get("/nowhere").await.json();
    assert!(other.get("error").is_none(), "{other}");
}

#[tokio::test]
async fn tenants_and_roles_are_enforced() {
    let app = app();
    assert_eq!(app.get_as("agent@2", "/scope").await.text(), "2");
    assert_eq!(
        app.get_as("agent@2", "/scope?tenant_id=2").await.text(),
        "2"
    );
    app.get_as("agent@2", "/scope?tenant_id=1")
        .await
        .problem(403, "forbidden");
    assert_eq!(
        app.get_as("platform_admin", "/scope?tenant_id=3")
            .await
            .text(),
        "3"
    );
    app.get_as("platform_admin", "/scope?tenant_id=9")
        .await
        .problem(422, "unknown_tenant");
    assert_eq!(app.get("/scope?tenant_id=1").await.text(), "1");
    app.get("/scope").await.problem(422, "missing_field");
    app.get("/scope?tenant_id=x")
        .await
        .problem(422, "wrong_type");
    app.get("/scope?tenant_id=1&tenant_id=2")
        .await
        .problem(422, "repeated");

    assert_eq!(app.get_as("manager@1", "/managers").await.text(), "hello");
    let json = app
        .get_as("agent@1", "/managers")
        .await
        .problem(403, "forbidden");
    assert_eq!(json["required"], "manager");
    let answer = app.get("/managers?tenant_id=1").await;
    answer.problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="brisk""#);
    app.get_as("bad", "/who")
        .await
        .problem(401, "unauthenticated");
}
