//! The setup through HTTP: who may, what a list looks like, versions, keys and tenants.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use brisk_auth::Keys;
use brisk_core::{Principal, Role};
use brisk_http::{Authenticate, Edge, EdgeConfig, Problem};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::testing::{World, on_both};

struct ByKey(Keys);

impl Authenticate for ByKey {
    fn authenticate<'a>(
        &'a self,
        parts: &'a http::request::Parts,
        _: &'a brisk_core::Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, Problem>> {
        Box::pin(async {
            let key = parts.headers["x-api-key"].to_str().unwrap();
            Ok(Arc::new(self.0.authenticate(key).await?))
        })
    }
}

struct Client {
    router: Router,
    openapi: Value,
}

impl Client {
    fn new(world: &World) -> Self {
        let routes = super::router();
        let openapi = serde_json::to_value(routes.get_openapi()).unwrap();
        let parts = brisk_http::Parts {
            authenticate: Arc::new(ByKey(world.state.keys.clone())),
            ..Default::default()
        };
        let edge = Edge::new(EdgeConfig::default(), parts);
        Self {
            router: edge.wrap(routes.with_state(world.state.clone())),
            openapi,
        }
    }

    async fn send(&self, key: &str, call: &str, body: Value) -> (StatusCode, HeaderMap, Value) {
        self.send_with(key, call, body, &[]).await
    }

    async fn send_with(
        &self,
        key: &str,
        call: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, Value) {
        let (method, path) = call.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("content-type", "application/json");
        if !key.is_empty() {
            request = request.header("x-api-key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (parts, body) = self
            .router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (parts.status, parts.headers, json)
    }
}

#[tokio::test]
async fn every_route_asks_for_its_role() {
    on_both(async |world| {
        let client = Client::new(&world);
        let reporter = world.key(Some(world.acme), Role::Reporter).await;
        let agent = world.key(Some(world.acme), Role::Agent).await;
        let mut routes = 0;
        for (path, item) in client.openapi["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if operation.get("responses").is_none() {
                    continue;
                }
                routes += 1;
                let path = path.replace("{id}", &world.acme.to_string());
                let call = format!("{} {path}?tenant_id={}", method.to_uppercase(), world.acme);
                let answer = client.send("", &call, json!({})).await;
                assert_eq!(answer.0, StatusCode::UNAUTHORIZED, "{call} {}", answer.2);
                let answer = client.send(&reporter, &call, json!({})).await;
                assert_eq!(answer.0, StatusCode::FORBIDDEN, "{call} {}", answer.2);
                if !path.ends_with("/classify") {
                    let answer = client.send(&agent, &call, json!({})).await;
                    assert_eq!(answer.0, StatusCode::FORBIDDEN, "{call} {}", answer.2);
                }
            }
        }
        assert_eq!(routes, 4 * 5 + 3 + 3 + 3 + 2);
    })
    .await;
}

#[tokio::test]
async fn a_list_is_paged_by_cursor_and_shows_its_own_tenant_only() {
    on_both(async |world| {
        let client = Client::new(&world);
        let admin = world.key(Some(world.acme), Role::Admin).await;
        for n in 1..=5 {
            let body = json!({"name": format!("Area {n}")});
            let (status, headers, row) = client.send(&admin, "POST /v1/areas", body).await;
            assert_eq!(status, StatusCode::CREATED);
            assert_eq!(headers["location"], format!("areas/{}", row["id"]));
        }
        let (_, _, first) = client
            .send(&admin, "GET /v1/areas?limit=3", json!(null))
            .await;
        assert_eq!(
            (&first["total"], &first["has_more"]),
            (&json!(5), &json!(true))
        );
        let cursor = first["next_cursor"].as_str().unwrap();
        let next = format!("GET /v1/areas?limit=3&count=none&cursor={cursor}");
        let (_, _, rest) = client.send(&admin, &next, json!(null)).await;
        let names: Vec<_> = rest["areas"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| &a["name"])
            .collect();
        assert_eq!(names, ["Area 4", "Area 5"]);
        assert_eq!(rest["next_cursor"], Value::Null);
        assert_eq!(rest["total"], Value::Null);
        let id = &first["areas"][0]["id"];
        let other = world.key(Some(world.other), Role::Admin).await;
        let (_, _, none) = client.send(&other, "GET /v1/areas", json!(null)).await;
        assert_eq!(none["total"], 0);
        for call in ["GET", "PATCH", "DELETE"] {
            let call = format!("{call} /v1/areas/{id}");
            let (status, ..) = client.send(&other, &call, json!({"name": "Mine"})).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{call}");
        }
        let (status, ..) = client.send(&other, &next, json!(null)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let (status, ..) = client
            .send(&admin, "GET /v1/areas?colour=red", json!(null))
            .await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let bad = json!({"code": 1, "colour": 2});
        let (status, _, problem) = client.send(&admin, "POST /v1/areas", bad).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["errors"].as_array().map(Vec::len), Some(3));
        let one = format!("GET /v1/areas/{id}");
        let (_, headers, _) = client.send(&admin, &one, json!(null)).await;
        let tag = headers["etag"].to_str().unwrap();
        let again = client
            .send_with(&admin, &one, json!(null), &[("if-none-match", tag)])
            .await;
        assert_eq!(again.0, StatusCode::NOT_MODIFIED);
    })
    .await;
}

#[tokio::test]
async fn a_configuration_is_changed_under_its_version() {
    on_both(async |world| {
        let client = Client::new(&world);
        let admin = world.key(Some(world.acme), Role::Admin).await;
        let path = format!("/v1/tenants/{}/config", world.acme);
        let (status, headers, whole) = client
            .send(&admin, &format!("GET {path}"), json!(null))
            .await;
        assert_eq!((status, &whole["version"]), (StatusCode::OK, &json!(0)));
        assert_eq!(whole["intake"]["max_description"], 4_000);
        let tag = headers["etag"].to_str().unwrap().to_owned();
        let change = json!({"dedup": {"auto": 0.8}});
        let call = format!("PATCH {path}");
        let written = client
            .send_with(&admin, &call, change.clone(), &[("if-match", &tag)])
            .await;
        assert_eq!(
            (written.0, &written.2["version"]),
            (StatusCode::OK, &json!(1))
        );
        let late = client
            .send_with(&admin, &call, change, &[("if-match", &tag)])
            .await;
        assert_eq!(late.0, StatusCode::PRECONDITION_FAILED);
        let unknown = client
            .send(&admin, &call, json!({"dedup": {"magic": 1}, "x": 2}))
            .await;
        assert_eq!(unknown.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(unknown.2["errors"].as_array().map(Vec::len), Some(2));
        let foreign = format!("GET /v1/tenants/{}/config", world.other);
        assert_eq!(
            client.send(&admin, &foreign, json!(null)).await.0,
            StatusCode::NOT_FOUND
        );
    })
    .await;
}

#[tokio::test]
async fn the_platform_makes_tenants_and_their_admins_make_keys() {
    on_both(async |world| {
        let client = Client::new(&world);
        let platform = world.key(None, Role::PlatformAdmin).await;
        let body = json!({"slug": "boston", "name": "Boston", "type": "city", "timezone": "America/New_York",
            "locale": "en", "jurisdiction_id": "boston.gov"});
        let (status, _, made) = client.send(&platform, "POST /v1/tenants", body.clone()).await;
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!(made["display_name"], "Boston (City)");
        let again = client.send(&platform, "POST /v1/tenants", body).await;
        assert_eq!(again.0, StatusCode::CONFLICT);
        let id = &made["id"];
        let call = format!("POST /v1/api-keys?tenant_id={id}");
        let wanted = json!({"name": "boss", "role": "admin"});
        let (status, headers, boss) = client.send(&platform, &call, wanted).await;
        assert_eq!((status, headers["cache-control"].as_bytes()), (StatusCode::CREATED, &b"no-store"[..]));
        let key = boss["key"].as_str().unwrap();
        let (_, _, keys) = client.send(key, "GET /v1/api-keys", json!(null)).await;
        assert_eq!(keys["api_keys"][0]["name"], "boss");
        assert!(!keys.to_string().contains(key));
        let tenant = format!("PATCH /v1/tenants/{id}");
        let renamed = client.send(key, &tenant, json!({"name": "Boston, MA"})).await;
        assert_eq!((renamed.0, &renamed.2["name"]), (StatusCode::OK, &json!("Boston, MA")));
        let refused = client.send(key, &tenant, json!({"status": "suspended", "slug": "b"})).await;
        assert_eq!(refused.2["errors"].as_array().map(Vec::len), Some(2));
        let paused = client.send(&platform, &tenant, json!({"status": "suspended"})).await;
        assert_eq!((paused.0, &paused.2["status"]), (StatusCode::OK, &json!("suspended")));
        let locked = client.send(key, "GET /v1/areas", json!(null)).await;
        assert_eq!(locked.0, StatusCode::UNAUTHORIZED);
        client.send(&platform, &tenant, json!({"status": "active"})).await;
        assert_eq!(client.send(key, "GET /v1/areas", json!(null)).await.0, StatusCode::OK);
        let revoke = format!("DELETE /v1/api-keys/{}", boss["id"].as_str().unwrap());
        assert_eq!(client.send(key, &revoke, json!(null)).await.0, StatusCode::NO_CONTENT);
        assert_eq!(client.send(key, &revoke, json!(null)).await.0, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn promises_and_texts_can_be_tried_out() {
    on_both(async |world| {
        let client = Client::new(&world);
        let admin = world.key(Some(world.acme), Role::Admin).await;
        let body = json!({"start": "2026-03-06T17:00:00-05:00", "ack_minutes": 60, "resolve_minutes": 1440});
        let (status, _, due) = client.send(&admin, "POST /v1/sla/preview", body).await;
        assert_eq!((status, &due["resolve_due_at"]), (StatusCode::OK, &json!("2026-03-07T22:00:00Z")));
        let body = json!({"texts": ["Large pothole on Main Street, cars swerve to avoid it"]});
        let (_, _, answer) = client.send(&admin, "POST /v1/classify", body).await;
        let class = &answer["results"][0];
        assert_eq!((&class["category"], &class["classified_by"]), (&json!("infrastructure"), &json!("rules")));
        let body = json!({"texts": ["x"], "engine": "llm"});
        let (status, _, problem) = client.send(&admin, "POST /v1/classify", body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["code"], "civic.llm_not_configured");
    })
    .await;
}
