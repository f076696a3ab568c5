//! Routes of the audit log.

use axum::extract::State;
use brisk_http::{Json, ListParams, Numbered, Path, Problem, ProblemBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::known::Known;
use crate::ids::ActionId;
use crate::logic::audit::{self, LIST};
use crate::model::action::{Action, Outcome};
use crate::rights::may;
use crate::state::CatalogState;

pub(super) fn router() -> OpenApiRouter<CatalogState> {
    OpenApiRouter::new()
        .routes(routes!(page))
        .routes(routes!(get))
        .routes(routes!(of_user))
}

/// A page of the audit log, the newest entries first.
#[utoipa::path(
    get,
    path = "/audit-logs",
    tag = "audit-logs",
    operation_id = "list_audit_logs",
    params(
        ("page" = Option<u64>, Query, description = "its number, from 1"),
        ("per_page" = Option<u32>, Query, description = "1 to 100; 20 where it is left out"),
        ("cursor" = Option<String>, Query, description = "where to go on, in place of a number"),
        ("user_id" = Option<String>, Query, description = "whose"),
        ("username" = Option<String>, Query, description = "the name that goes with it"),
        ("action_type" = Option<String>, Query, description = "the HTTP method"),
        ("resource" = Option<String>, Query, description = "the path"),
        ("outcome" = Option<Outcome>, Query, description = "what came of it"),
        ("start_date" = Option<String>, Query, description = "a day or an instant; entries from then on"),
        ("end_date" = Option<String>, Query, description = "a day or an instant; entries up to then"),
    ),
    responses(
        (status = 200, body = Numbered<Action>),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn page(
    State(state): State<CatalogState>,
    Known(scope): Known,
    params: ListParams,
) -> Result<Json<Numbered<Action>>, Problem> {
    let session = state.session(scope, may::READ_AUDIT_LOGS)?;
    let asked = params.of(&LIST)?;
    Ok(Json(audit::page(&state.lists, &session, &asked).await?))
}

/// Reads an entry of the audit log.
#[utoipa::path(
    get,
    path = "/audit-logs/{id}",
    tag = "audit-logs",
    operation_id = "get_audit_log",
    params(
        ("id" = i64, Path, description = "the entry"),
    ),
    responses(
        (status = 200, body = Action),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Path(id): Path<ActionId>,
) -> Result<Json<Action>, Problem> {
    let session = state.session(scope, may::READ_AUDIT_LOGS)?;
    Ok(Json(audit::get(&session, id).await?))
}

/// A page of what one user did, the newest first.
#[utoipa::path(
    get,
    path = "/audit-logs/user/{user_id}",
    tag = "audit-logs",
    operation_id = "list_audit_logs_of_user",
    params(
        ("user_id" = String, Path, description = "whose"),
        ("page" = Option<u64>, Query, description = "its number, from 1"),
        ("per_page" = Option<u32>, Query, description = "1 to 100; 20 where it is left out"),
        ("cursor" = Option<String>, Query, description = "where to go on, in place of a number"),
        ("start_date" = Option<String>, Query, description = "a day or an instant; entries from then on"),
        ("end_date" = Option<String>, Query, description = "a day or an instant; entries up to then"),
    ),
    responses(
        (status = 200, body = Numbered<Action>),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn of_user(
    State(state): State<CatalogState>,
    Known(scope): Known,
    Path(user): Path<String>,
    params: ListParams,
) -> Result<Json<Numbered<Action>>, Problem> {
    let session = state.session(scope, may::READ_AUDIT_LOGS)?;
    let asked = params.and("user_id", user).of(&LIST)?;
    Ok(Json(audit::page(&state.lists, &session, &asked).await?))
}
