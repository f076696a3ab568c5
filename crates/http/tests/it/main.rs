//! The edge through whole requests: refusals, order, limits, the kit's own routes and the server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod kept;
mod kit_routes;
mod limits;
mod logs;
mod order;
mod problems;
mod server;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use brisk_core::{Class, Failure, FieldError, Principal, PrincipalKind, Role, TenantId};
use brisk_http::{
    Authenticate, Caller, Check, Edge, EdgeConfig, Json, List, ListQuery, Parts, Path, Problem,
    Query, RequireRole, TenantDirectory, TenantScope, Total, Valid,
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode, request};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Keys are `role` or `role@tenant`; `slow` takes an hour, `bad` is refused, `boom` panics.
#[derive(Debug)]
pub(crate) struct Keys;

impl Authenticate for Keys {
    fn authenticate<'a>(
        &'a self,
        parts: &'a request::Parts,
        _: &'a brisk_core::Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, Problem>> {
        Box::pin(async move {
            let key = parts
                .headers
                .get("x-api-key")
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default();
            if key == "slow" {
                tokio::time::sleep(Duration::from_hours(1)).await;
            }
            assert_ne!(key, "boom", "the key exploded");
            let (role, tenant) = key.split_once('@').unwrap_or((key, ""));
            let role = Role::parse(role).ok_or_else(Problem::unauthenticated)?;
            Ok(Arc::new(Principal {
                kind: PrincipalKind::ApiKey,
                id: Uuid::from_u128(key.bytes().map(u128::from).sum()),
                subject: key.to_owned(),
                tenant: tenant.parse().ok(),
                role: Some(role),
                ..Principal::anonymous()
            }))
        })
    }
}

struct ThreeTenants;

impl TenantDirectory for ThreeTenants {
    fn exists(&self, tenant: TenantId) -> BoxFuture<'_, Result<bool, Problem>> {
        Box::pin(std::future::ready(Ok((1..=3).contains(&tenant.get()))))
    }
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
    contact: Option<Contact>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Contact {
    email: String,
}

impl Check for Thing {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if self.name.trim().len() < 3 {
            errors.push(FieldError::new(
                "name",
                "too_short",
                "needs at least 3 characters",
            ));
        }
        if self
            .contact
            .as_ref()
            .is_some_and(|c| !c.email.contains('@'))
        {
            errors.push(FieldError::new(
                "contact.email",
                "not_an_email",
                "needs an @",
            ));
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read thing {0}")]
struct Broken(i64, #[source] std::io::Error);

impl Failure for Broken {
    fn class(&self) -> Class {
        Class::Internal
    }

    fn code(&self) -> &'static str {
        "things.broken"
    }
}

#[utoipa::path(post, path = "/things", request_body = Thing, responses((status = 200, body = Thing)))]
async fn create(Json(thing): Json<Thing>) -> Json<Thing> {
    Json(thing)
}

#[utoipa::path(post, path = "/valid", request_body = Thing, responses((status = 200, body = Thing)))]
async fn create_valid(Valid(thing): Valid<Thing>) -> Json<Thing> {
    Json(thing)
}

#[utoipa::path(get, path = "/things/{id}", params(("id" = i64, Path)), responses((status = 200)))]
async fn get_thing(Path(id): Path<i64>) -> Result<Json<Value>, Problem> {
    match id {
        500 => Err(Broken(id, std::io::Error::other("disk on fire")))?,
        501 => panic!("the handler tripped"),
        504 => std::future::pending().await,
        id => Ok(Json(serde_json::json!({"id": id}))),
    }
}

#[derive(Deserialize)]
struct Filter {
    status: Option<String>,
}

#[utoipa::path(get, path = "/search", responses((status = 200)))]
async fn search(Query(filter): Query<Filter>) -> String {
    filter.status.unwrap_or_default()
}

#[utoipa::path(get, path = "/list", responses((status = 200)))]
async fn list(query: ListQuery<Filter>) -> Result<List<String>, Problem> {
    let page = query.page.within(brisk_http::PageLimits::default())?;
    Ok(List {
        name: "things",
        items: query.filter.status.into_iter().collect(),
        total: Total::Exact(1),
        skip: page.skip,
        limit: page.limit,
        next_cursor: None,
        previous_cursor: None,
        has_more: false,
    })
}

#[utoipa::path(get, path = "/scope", responses((status = 200)))]
async fn scope(TenantScope(scope): TenantScope) -> String {
    scope
        .ledger()
        .statement("things.get", 1, Duration::from_millis(2));
    scope.tenant().to_string()
}

#[utoipa::path(get, path = "/managers", responses((status = 200)))]
async fn managers(scope: TenantScope) -> Result<&'static str, Problem> {
    scope.require(Role::Manager)?;
    Ok("hello")
}

#[utoipa::path(get, path = "/who", responses((status = 200)))]
async fn who(caller: Caller) -> String {
    format!("{} from {}", caller.principal().subject, caller.0.client)
}

#[utoipa::path(get, path = "/big", responses((status = 200)))]
async fn big(headers: HeaderMap) -> Response {
    brisk_http::json_with_etag(&headers, &"brisk ".repeat(1_000))
}

#[utoipa::path(post, path = "/bytes", responses((status = 200)))]
async fn bytes(body: bytes::Bytes) -> String {
    body.len().to_string()
}

pub(crate) fn router() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(create_valid))
        .routes(routes!(get_thing))
        .routes(routes!(search))
        .routes(routes!(list))
        .routes(routes!(scope))
        .routes(routes!(managers))
        .routes(routes!(who))
        .routes(routes!(big))
        .routes(routes!(bytes))
}

pub(crate) fn parts() -> Parts {
    Parts {
        authenticate: Arc::new(Keys),
        tenants: Some(Arc::new(ThreeTenants)),
        ..Parts::default()
    }
}

pub(crate) fn app_with(config: EdgeConfig, parts: Parts) -> App {
    App::of(config, parts, router())
}

pub(crate) fn app() -> App {
    app_with(EdgeConfig::default(), parts())
}

pub(crate) struct App(Router);

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Checks the shape of a problem document, which is the same for all.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status.as_u16(), self.json()["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text()
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], status);
        assert_eq!(json["type"], format!("urn:brisk:problem:{code}"));
        assert_eq!(json["request_id"], self.header("x-request-id"));
        assert!(
            json["title"].is_string() && json["detail"].is_string() && json["errors"].is_array()
        );
        json
    }
}

impl App {
    pub(crate) fn of(config: EdgeConfig, parts: Parts, router: OpenApiRouter) -> Self {
        Self(Edge::new(config, parts).wrap(router))
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let from = SocketAddr::from(([127, 0, 0, 1], 9));
        if request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .is_none()
        {
            request.extensions_mut().insert(ConnectInfo(from));
        }
        let (parts, body) = self.0.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn get_as(&self, key: &str, path: &str) -> Answer {
        self.send(
            Request::get(path)
                .header("x-api-key", key)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn get_from(&self, ip: &str, path: &str) -> Answer {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let ip: IpAddr = ip.parse().unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::from((ip, 9))));
        self.send(request).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }
}
