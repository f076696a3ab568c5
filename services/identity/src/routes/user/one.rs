//! One person: made, read, changed, deleted.

use axum::extract::{FromRequestParts as _, State};
use axum::response::{IntoResponse, Response};
use brisk_http::{
    Auth, FreshAuth, Json, Path, Problem, ProblemBody, RequirePermission as _, json_with_etag,
};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::device::From as Device;
use super::super::precondition::{IfMatch, location};
use super::super::{allowed, home};
use crate::ids::{RoleId, UserId};
use crate::logic::user::{self, NewPerson, UserChange};
use crate::model::user::UserDetail;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(get, update, delete))
}

/// Somebody to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUserBody {
    email: String,
    full_name: String,
    /// 12 to 128 characters. Without one the user is invited and has to set one.
    password: Option<String>,
    /// The tenant's defaults where it is left out; needs `roles:assign`.
    role_ids: Option<Vec<RoleId>>,
    /// An object of at most 4 KiB.
    metadata: Option<Value>,
    /// Whether to mail an invitation; only without a password.
    send_invite: Option<bool>,
}

/// Makes somebody in the caller's tenant.
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    operation_id = "create_user",
    request_body = NewUserBody,
    responses(
        (status = 201, body = UserDetail),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "One of the roles is not there"),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn create(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Json(body): Json<NewUserBody>,
) -> Result<Response, Problem> {
    caller.permit("users:create")?;
    if body.role_ids.as_ref().is_some_and(|ids| !ids.is_empty()) {
        caller.permit("roles:assign")?;
    }
    let scope = caller.scope(home(&caller)?);
    let new = NewPerson {
        email: body.email,
        full_name: body.full_name,
        password: body.password,
        role_ids: body.role_ids,
        metadata: body.metadata,
        is_written_to: body.send_invite.unwrap_or_default(),
    };
    let made = user::create(&state, &scope, new, &device).await?;
    let at = location("/users", made.user.id);
    Ok((StatusCode::CREATED, at, Json(made)).into_response())
}

/// Reads somebody, with its roles.
#[utoipa::path(
    get,
    path = "/users/{id}",
    tag = "users",
    operation_id = "get_user",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 200, body = UserDetail),
        (status = 304),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    headers: HeaderMap,
    Path(id): Path<UserId>,
) -> Result<Response, Problem> {
    let session = state.db.session(allowed(&caller, "users:read")?);
    let found = user::get(&session, id).await?;
    Ok(json_with_etag(&headers, &found))
}

/// A change; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChangeBody {
    full_name: Option<String>,
    /// Another address has to be proved again.
    email: Option<String>,
    /// An object of at most 4 KiB.
    metadata: Option<Value>,
    /// Whether the user may do everything in the tenant; only superusers who have just signed in say so.
    is_superuser: Option<bool>,
}

/// Changes somebody. `If-Match` makes it depend on the version that the caller has read.
#[utoipa::path(
    patch,
    path = "/users/{id}",
    tag = "users",
    operation_id = "update_user",
    params(("id" = String, Path, description = "the user")),
    request_body = UserChangeBody,
    responses(
        (status = 200, body = UserDetail),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn update(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    expected: IfMatch,
    Path(id): Path<UserId>,
    mut parts: Parts,
    Json(body): Json<UserChangeBody>,
) -> Result<Response, Problem> {
    caller.permit("users:update")?;
    if body.is_superuser.is_some() {
        FreshAuth::from_request_parts(&mut parts, &state).await?;
    }
    let scope = caller.scope(home(&caller)?);
    let change = UserChange {
        full_name: body.full_name,
        email: body.email,
        metadata: body.metadata,
        is_superuser: body.is_superuser,
    };
    let is_expected = |detail: &UserDetail| expected.is_met(detail);
    let changed = user::update(&state, &scope, id, change, &is_expected, &device).await?;
    Ok(json_with_etag(&HeaderMap::new(), &changed))
}

/// Takes somebody out of the tenant. Its sessions end at once and its address is free; what is left of it is erased after a
/// while.
#[utoipa::path(
    delete,
    path = "/users/{id}",
    tag = "users",
    operation_id = "delete_user",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn delete(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "users:delete")?;
    user::delete(&state, &scope, id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
