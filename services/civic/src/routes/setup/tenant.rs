//! Routes of tenants and their configuration.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_auth::Tenant;
use brisk_core::{FieldError, Role, TenantId};
use brisk_http::{
    Caller, Json, Path, Problem, ProblemBody, RequireRole, json_with_etag, matches_etag,
};
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin::{of_path, work};
use super::list::location;
use crate::logic::config::{self, VersionedConfig, Write};
use crate::logic::tenant as logic;
use crate::model::setup::TenantFields;
use crate::state::CivicState;

pub(super) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(get, update))
        .routes(routes!(get_config, put_config, patch_config))
}

/// A tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TenantBody {
    #[schema(value_type = i64)]
    id: TenantId,
    /// Name and kind: `Springfield (City)`.
    display_name: String,
    #[serde(flatten)]
    fields: TenantFields,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Tenant> for TenantBody {
    fn from(tenant: Tenant) -> Self {
        let fields = logic::fields_of(&tenant);
        Self {
            id: tenant.id,
            display_name: fields.kind.display_name(&tenant.name),
            fields,
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

/// Makes a tenant; for platform administrators.
#[utoipa::path(
    post,
    path = "/v1/tenants",
    tag = "setup",
    operation_id = "create_tenant",
    request_body = TenantFields,
    responses(
        (status = 201, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "Another tenant has the slug or jurisdiction"),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<CivicState>,
    caller: Caller,
    Json(body): Json<Value>,
) -> Result<Response, Problem> {
    let scope = caller.scope(TenantId::PLATFORM);
    scope.require(Role::PlatformAdmin)?;
    let tenant = logic::create(&work(&state, scope), &body).await?;
    let location = location("tenants", tenant.id);
    Ok((
        StatusCode::CREATED,
        location,
        Json(TenantBody::from(tenant)),
    )
        .into_response())
}

/// Reads a tenant.
#[utoipa::path(
    get,
    path = "/v1/tenants/{id}",
    tag = "setup",
    operation_id = "get_tenant",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = TenantBody),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let setup = of_path(&caller, &state, id)?;
    let tenant = logic::get(&setup).await?;
    Ok(json_with_etag(&headers, &TenantBody::from(tenant)))
}

/// Changes a tenant; slug, type and status are for platform administrators.
#[utoipa::path(
    patch,
    path = "/v1/tenants/{id}",
    tag = "setup",
    operation_id = "update_tenant",
    params(("id" = i64, Path)),
    request_body(content = Object, description = "Any of the fields"),
    responses(
        (status = 200, body = TenantBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "Another tenant has the slug or jurisdiction"),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    State(state): State<CivicState>,
    caller: Caller,
    Path(id): Path<i64>,
    Json(change): Json<Value>,
) -> Result<Json<TenantBody>, Problem> {
    let setup = of_path(&caller, &state, id)?;
    let tenant = logic::update(&setup, &change).await?;
    Ok(Json(tenant.into()))
}

fn with_version(headers: &HeaderMap, config: &VersionedConfig) -> Response {
    let text = format!("\"{}\"", config.version);
    let fresh = matches_etag(headers, &text);
    let tag = HeaderValue::try_from(text).expect("digits in quotes may stand in a header");
    if fresh {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    ([(ETAG, tag)], Json(config.to_json())).into_response()
}

/// The version that `If-Match` asks for; none for `*` and without the header.
fn expected_version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let bare = text.trim_start_matches("W/").trim_matches('"');
    bare.parse().map(Some).map_err(|_no_number| {
        let message = "must be the version as answered in ETag";
        Problem::fields(vec![FieldError::new("if-match", "wrong_type", message)])
    })
}

/// Reads the configuration in force, defaults included, with its `version`.
#[utoipa::path(
    get,
    path = "/v1/tenants/{id}/config",
    tag = "setup",
    operation_id = "get_tenant_config",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = Object, description = "The configuration; `ETag` holds its version"),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get_config(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let setup = of_path(&caller, &state, id)?;
    let config = config::get(&setup).await?;
    Ok(with_version(&headers, &config))
}

/// Sets the configuration; what is left out has its default.
///
/// The version seen before may be sent in `If-Match` or as the member `version`.
#[utoipa::path(
    put,
    path = "/v1/tenants/{id}/config",
    tag = "setup",
    operation_id = "put_tenant_config",
    params(("id" = i64, Path)),
    request_body(content = Object, description = "The settings, nested by their dotted names"),
    responses(
        (status = 200, body = Object, description = "The configuration in force"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 412, body = ProblemBody, description = "Another version is the current one"),
        (status = 422, body = ProblemBody),
    )
)]
async fn put_config(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Json(document): Json<Value>,
) -> Result<Response, Problem> {
    let setup = of_path(&caller, &state, id)?;
    let expected = expected_version(&headers)?;
    let config = config::write(&setup, Write::Put, document, expected).await?;
    Ok(with_version(&HeaderMap::new(), &config))
}

/// Changes parts of the configuration by JSON merge patch (RFC 7386); `null` gives a setting its default back.
///
/// The version seen before may be sent in `If-Match` or as the member `version`.
#[utoipa::path(
    patch,
    path = "/v1/tenants/{id}/config",
    tag = "setup",
    operation_id = "patch_tenant_config",
    params(("id" = i64, Path)),
    request_body(content = Object, description = "The settings to change"),
    responses(
        (status = 200, body = Object, description = "The configuration in force"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 412, body = ProblemBody, description = "Another version is the current one"),
        (status = 422, body = ProblemBody),
    )
)]
async fn patch_config(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Json(patch): Json<Value>,
) -> Result<Response, Problem> {
    let setup = of_path(&caller, &state, id)?;
    let expected = expected_version(&headers)?;
    let config = config::write(&setup, Write::Patch, patch, expected).await?;
    Ok(with_version(&HeaderMap::new(), &config))
}
