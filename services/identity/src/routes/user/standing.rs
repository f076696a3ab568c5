//! Who may come in, and whose sessions end.

use axum::extract::State;
use brisk_http::{Auth, FreshAuth, Json, Path, Problem, ProblemBody, RequirePermission as _};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::device::From as Device;
use super::super::session::{SessionBody, SessionList};
use super::super::{allowed, home};
use crate::ids::{SessionId, UserId};
use crate::logic::{mfa, user};
use crate::model::user::UserDetail;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(activate))
        .routes(routes!(deactivate))
        .routes(routes!(unlock))
        .routes(routes!(remove_totp))
        .routes(routes!(invite))
        .routes(routes!(sessions, end_sessions))
}

/// Lets somebody in again.
#[utoipa::path(
    post,
    path = "/users/{id}/activate",
    tag = "users",
    operation_id = "activate_user",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 200, body = UserDetail),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn activate(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<UserId>,
) -> Result<Json<UserDetail>, Problem> {
    let scope = allowed(&caller, "users:update")?;
    Ok(Json(user::activate(&state, &scope, id, &device).await?))
}

/// Locks somebody out; its sessions end at once.
#[utoipa::path(
    post,
    path = "/users/{id}/deactivate",
    tag = "users",
    operation_id = "deactivate_user",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 200, body = UserDetail),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn deactivate(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<UserId>,
) -> Result<Json<UserDetail>, Problem> {
    let scope = allowed(&caller, "users:update")?;
    Ok(Json(user::deactivate(&state, &scope, id, &device).await?))
}

/// Forgets the wrong guesses at somebody's password.
#[utoipa::path(
    post,
    path = "/users/{id}/unlock",
    tag = "users",
    operation_id = "unlock_user",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn unlock(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "users:update")?;
    user::unlock(&state, &scope, id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes somebody's second factor away, for who has lost it. The password alone signs in until another is set up.
#[utoipa::path(
    delete,
    path = "/users/{id}/totp",
    tag = "users",
    operation_id = "delete_user_totp",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn remove_totp(
    State(state): State<IdentityState>,
    FreshAuth(caller): FreshAuth,
    Device(device): Device,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "users:update")?;
    mfa::remove_of(&state, &scope, id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mails an invitation once more to somebody who has not come yet; those before it end. At most 3 in an hour are sent.
#[utoipa::path(
    post,
    path = "/users/{id}/invite",
    tag = "users",
    operation_id = "invite_user",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 202, description = "It is on its way"),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody, description = "The user has come already"),
    )
)]
async fn invite(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "users:create")?;
    user::invite(&state, &scope, id, &device).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Lists somebody's live sessions.
#[utoipa::path(
    get,
    path = "/users/{id}/sessions",
    tag = "users",
    operation_id = "list_user_sessions",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 200, body = SessionList),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn sessions(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Path(id): Path<UserId>,
) -> Result<Json<SessionList>, Problem> {
    caller.permit("sessions:read")?;
    let own = caller.principal().sign_in.as_ref();
    let own = own.and_then(|sign_in| sign_in.session).map(SessionId);
    let scope = caller.scope(home(&caller)?);
    let rows = user::sessions(&state, &scope, id).await?;
    let sessions = rows.into_iter().map(|row| SessionBody::new(row, own));
    Ok(Json(SessionList {
        sessions: sessions.collect(),
    }))
}

/// Ends all sessions of somebody.
#[utoipa::path(
    delete,
    path = "/users/{id}/sessions",
    tag = "users",
    operation_id = "end_user_sessions",
    params(("id" = String, Path, description = "the user")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn end_sessions(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let scope = allowed(&caller, "sessions:revoke")?;
    user::end_sessions(&state, &scope, id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
