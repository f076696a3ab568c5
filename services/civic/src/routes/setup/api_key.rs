//! Routes of API keys.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_auth::{ApiKey, ApiKeyId};
use brisk_core::FieldError;
use brisk_http::{Json, List, ListQuery, PageLimits, PageQuery, Path, Problem, ProblemBody, Total};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::admin::Admin;
use super::list::{NoFilter, location};
use crate::logic::api_key as logic;
use crate::model::setup::ApiKeyFields;
use crate::state::CivicState;

const LIST: &str = "api_keys";

pub(super) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(delete))
}

#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
struct ApiKeyBody {
    id: String,
    tenant_id: Option<i64>,
    name: String,
    role: String,
    /// The first 8 random characters, by which people recognise the key.
    prefix: String,
    rate_per_min: Option<i32>,
    expires_at: Option<String>,
    /// When it was taken back.
    revoked_at: Option<String>,
    /// When it was last used, to about a minute.
    last_used_at: Option<String>,
    created_at: String,
}

#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its shape is used")]
struct ApiKeyList {
    /// The keys, oldest first, without their secrets.
    api_keys: Vec<ApiKeyBody>,
    skip: u32,
    limit: u32,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// A key just made; its secret is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct MadeKey {
    /// The whole key, to be sent as `X-API-Key`. It is stored nowhere.
    key: String,
    /// The key as lists show it.
    #[serde(flatten)]
    #[schema(value_type = ApiKeyBody)]
    row: ApiKey,
}

/// Lists the tenant's keys, those taken back included.
#[utoipa::path(
    get,
    path = "/v1/api-keys",
    tag = "setup",
    operation_id = "list_api_keys",
    params(PageQuery),
    responses(
        (status = 200, body = ApiKeyList),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<CivicState>,
    Admin(setup): Admin,
    query: ListQuery<NoFilter>,
) -> Result<List<ApiKey>, Problem> {
    let page = query.page.within(PageLimits {
        max_skip: 0,
        ..PageLimits::default()
    })?;
    let after = match &page.cursor {
        Some(text) => state.cursor.open(setup.tenant(), LIST, &(), text)?,
        None => Uuid::nil(),
    };
    let mut items = logic::page(&setup, &state.keys, ApiKeyId(after), page.limit + 1).await?;
    let has_more = items.len() > page.limit as usize;
    items.truncate(page.limit as usize);
    let last = items.last().filter(|_| has_more);
    Ok(List {
        name: LIST,
        previous_cursor: None,
        next_cursor: last.map(|key| state.cursor.seal(setup.tenant(), LIST, &(), &key.id.0)),
        items,
        total: Total::Skipped,
        skip: 0,
        limit: page.limit,
        has_more,
    })
}

/// Makes a key.
#[utoipa::path(
    post,
    path = "/v1/api-keys",
    tag = "setup",
    operation_id = "create_api_key",
    request_body = ApiKeyFields,
    responses(
        (status = 201, body = MadeKey),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<CivicState>,
    Admin(setup): Admin,
    Json(body): Json<Value>,
) -> Result<Response, Problem> {
    let made = logic::create(&setup, &state.keys, &body).await?;
    let location = location("api-keys", made.key.id);
    let body = MadeKey {
        key: made.secret,
        row: made.key,
    };
    let mut response = (StatusCode::CREATED, location, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    Ok(response)
}

/// Takes a key back. It works no more, and stays in the list.
#[utoipa::path(
    delete,
    path = "/v1/api-keys/{id}",
    tag = "setup",
    operation_id = "delete_api_key",
    params(("id" = String, Path, description = "The key's UUID")),
    responses(
        (status = 204, description = "Taken back"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "Not a key of this tenant that still works"),
    )
)]
async fn delete(
    State(state): State<CivicState>,
    Admin(setup): Admin,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let wrong = |_| Problem::fields(vec![FieldError::new("id", "wrong_type", "must be a UUID")]);
    let id = Uuid::parse_str(&id).map_err(wrong)?;
    logic::revoke(&setup, &state.keys, ApiKeyId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
