//! Routes of the tenant's own sign-in providers.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_http::{Auth, Json, Path, Problem, ProblemBody};
use http::StatusCode;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::allowed;
use super::device::From as Device;
use crate::logic::oauth::{self as logic, ProviderChange};
use crate::model::provider::{OwnProvider, ProviderSpec};
use crate::state::IdentityState;

const READ: &str = "oauth_providers:read";
const WRITE: &str = "oauth_providers:write";

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
}

/// The tenant's own providers.
#[derive(Serialize, utoipa::ToSchema)]
struct ProviderList {
    items: Vec<OwnProvider>,
}

/// Lists the tenant's own providers; secrets are never shown.
#[utoipa::path(
    get,
    path = "/oauth-providers",
    tag = "oauth providers",
    operation_id = "list_oauth_providers",
    responses(
        (status = 200, body = ProviderList),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
) -> Result<Json<ProviderList>, Problem> {
    let scope = allowed(&caller, READ)?;
    let items = logic::list(&state, &scope).await?;
    Ok(Json(ProviderList { items }))
}

/// Sets up a provider for the tenant. `auto_link` needs every permission: it lets the provider say who is who.
#[utoipa::path(
    post,
    path = "/oauth-providers",
    tag = "oauth providers",
    operation_id = "create_oauth_provider",
    request_body = ProviderSpec,
    responses(
        (status = 201, body = OwnProvider),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<ProviderSpec>,
) -> Result<Response, Problem> {
    let scope = allowed(&caller, WRITE)?;
    let made = logic::create(&state, &scope, body, &device).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// One of the tenant's own providers.
#[utoipa::path(
    get,
    path = "/oauth-providers/{id}",
    tag = "oauth providers",
    operation_id = "get_oauth_provider",
    params(("id" = String, Path, description = "the provider's id")),
    responses(
        (status = 200, body = OwnProvider),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Path(id): Path<Uuid>,
) -> Result<Json<OwnProvider>, Problem> {
    let scope = allowed(&caller, READ)?;
    Ok(Json(logic::get(&state, &scope, id).await?))
}

/// Changes a provider; whom it speaks of stays.
#[utoipa::path(
    patch,
    path = "/oauth-providers/{id}",
    tag = "oauth providers",
    operation_id = "update_oauth_provider",
    params(("id" = String, Path, description = "the provider's id")),
    request_body = ProviderChange,
    responses(
        (status = 200, body = OwnProvider),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<Uuid>,
    Json(body): Json<ProviderChange>,
) -> Result<Json<OwnProvider>, Problem> {
    let scope = allowed(&caller, WRITE)?;
    let changed = logic::update(&state, &scope, id, body, &device).await?;
    Ok(Json(changed))
}

/// Takes a provider away, with what people have linked to it.
#[utoipa::path(
    delete,
    path = "/oauth-providers/{id}",
    tag = "oauth providers",
    operation_id = "delete_oauth_provider",
    params(("id" = String, Path, description = "the provider's id")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn delete(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, WRITE)?;
    logic::delete(&state, &scope, id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
