//! Who has which role.

use axum::extract::State;
use brisk_http::{Auth, Json, Path, Problem, ProblemBody};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::allowed;
use super::super::device::From as Device;
use crate::ids::{RoleId, UserId};
use crate::logic::user;
use crate::model::user::UserDetail;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(set))
        .routes(routes!(add, take))
}

/// All roles that somebody is to have.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct RolesBody {
    role_ids: Vec<RoleId>,
}

/// Gives somebody exactly these roles.
#[utoipa::path(
    put,
    path = "/users/{id}/roles",
    tag = "users",
    operation_id = "set_user_roles",
    params(("id" = String, Path, description = "the user")),
    request_body = RolesBody,
    responses(
        (status = 200, body = UserDetail),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn set(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<UserId>,
    Json(body): Json<RolesBody>,
) -> Result<Json<UserDetail>, Problem> {
    let scope = allowed(&caller, "roles:assign")?;
    let detail = user::set_roles(&state, &scope, id, &body.role_ids, &device).await?;
    Ok(Json(detail))
}

/// Gives somebody one more role.
#[utoipa::path(
    put,
    path = "/users/{id}/roles/{role_id}",
    tag = "users",
    operation_id = "add_user_role",
    params(
        ("id" = String, Path, description = "the user"),
        ("role_id" = String, Path, description = "the role"),
    ),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn add(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path((id, role)): Path<(UserId, RoleId)>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "roles:assign")?;
    user::add_role(&state, &scope, id, role, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes one role from somebody.
#[utoipa::path(
    delete,
    path = "/users/{id}/roles/{role_id}",
    tag = "users",
    operation_id = "take_user_role",
    params(
        ("id" = String, Path, description = "the user"),
        ("role_id" = String, Path, description = "the role"),
    ),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn take(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path((id, role)): Path<(UserId, RoleId)>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "roles:assign")?;
    user::take_role(&state, &scope, id, role, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
