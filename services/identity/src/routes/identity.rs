//! Routes by which people see with which providers they sign in.

use axum::extract::State;
use brisk_http::{Auth, Json, Path, Problem, ProblemBody};
use http::StatusCode;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::device::From as Device;
use super::home;
use crate::logic::me::own;
use crate::logic::oauth as logic;
use crate::model::oauth::Identity;
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(delete))
}

/// The providers that somebody signs in with.
#[derive(Serialize, utoipa::ToSchema)]
struct IdentityList {
    items: Vec<Identity>,
}

/// The providers that the caller signs in with.
#[utoipa::path(
    get,
    path = "/users/me/identities",
    tag = "me",
    operation_id = "list_own_identities",
    responses(
        (status = 200, body = IdentityList),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
) -> Result<Json<IdentityList>, Problem> {
    own(caller.principal())?;
    let scope = caller.scope(home(&caller)?);
    let items = logic::identities(&state, &scope).await?;
    Ok(Json(IdentityList { items }))
}

/// Takes a provider from the caller's account, unless it is the only way left to sign in.
#[utoipa::path(
    delete,
    path = "/users/me/identities/{id}",
    tag = "me",
    operation_id = "delete_own_identity",
    params(("id" = String, Path, description = "the identity's id")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody),
    )
)]
async fn delete(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    own(caller.principal())?;
    let scope = caller.scope(home(&caller)?);
    logic::unlink(&state, &scope, id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
