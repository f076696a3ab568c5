//! Routes of profiles.

use axum::extract::State;
use brisk_core::Scope;
use brisk_db::Session;
use brisk_http::{Json, Path, Problem, ProblemBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Body;
use super::known::Known;
use crate::logic::profile;
use crate::model::profile::{NewProfile, Profile};
use crate::rights::may;
use crate::state::CatalogState;

pub(super) fn router() -> OpenApiRouter<CatalogState> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// A session of whoever this is, or of somebody who may do this to others.
fn session(
    state: &CatalogState,
    scope: Scope,
    user: &str,
    may: &'static str,
) -> Result<Session, Problem> {
    if scope.principal().subject == user {
        Ok(state.db.session(scope))
    } else {
        state.session(scope, may)
    }
}

/// Reads a profile: the own one, or that of somebody else.
#[utoipa::path(
    get,
    path = "/users/{user_id}/profile",
    tag = "profiles",
    operation_id = "get_profile",
    params(
        ("user_id" = String, Path, description = "whose: the subject of a token"),
    ),
    responses(
        (status = 200, body = Profile),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Path(user): Path<String>,
) -> Result<Json<Profile>, Problem> {
    let session = session(&state, scope, &user, may::READ_PROFILES)?;
    Ok(Json(profile::get(&session, user).await?))
}

/// Writes all of a profile: the own one, or that of somebody else.
#[utoipa::path(
    put,
    path = "/users/{user_id}/profile",
    tag = "profiles",
    operation_id = "put_profile",
    params(
        ("user_id" = String, Path, description = "whose: the subject of a token"),
    ),
    request_body = NewProfile,
    responses(
        (status = 200, body = Profile),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn put(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Path(user): Path<String>,
    Body(new): Body<NewProfile>,
) -> Result<Json<Profile>, Problem> {
    let session = session(&state, scope, &user, may::UPDATE_PROFILES)?;
    Ok(Json(profile::put(&state, &session, user, new).await?))
}
