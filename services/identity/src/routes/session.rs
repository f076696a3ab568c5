//! Routes of the caller's own sessions.

use axum::extract::State;
use brisk_http::{Auth, Json, Path, Problem, ProblemBody};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::device::From as Device;
use super::home;
use crate::ids::SessionId;
use crate::logic::me::{self, own};
use crate::state::IdentityState;
use crate::store::session::{SessionRow, Sessions};

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(delete))
}

/// A session as its holder sees it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SessionBody {
    id: SessionId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// When it ends if nobody uses it.
    #[schema(value_type = String, format = DateTime)]
    idle_expires_at: Timestamp,
    /// When it ends in any case.
    #[schema(value_type = String, format = DateTime)]
    absolute_expires_at: Timestamp,
    ip: Option<String>,
    user_agent: Option<String>,
    device_label: Option<String>,
    /// Whether this call belongs to it.
    current: bool,
}

impl SessionBody {
    pub(super) fn new(row: SessionRow, current: Option<SessionId>) -> Self {
        Self {
            current: Some(row.id) == current,
            id: row.id,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            idle_expires_at: row.idle_expires_at,
            absolute_expires_at: row.absolute_expires_at,
            ip: row.ip,
            user_agent: row.user_agent,
            device_label: row.device_label,
        }
    }
}

/// Live sessions, the one used last first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SessionList {
    pub(super) sessions: Vec<SessionBody>,
}

/// Lists the caller's live sessions.
#[utoipa::path(
    get,
    path = "/auth/sessions",
    tag = "me",
    operation_id = "list_my_sessions",
    responses(
        (status = 200, body = SessionList),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
) -> Result<Json<SessionList>, Problem> {
    let (user, current) = own(caller.principal())?;
    let session = state.db.session(caller.scope(home(&caller)?));
    let rows = Sessions(&session).page(user, state.clock.now()).await?;
    let sessions = rows
        .into_iter()
        .map(|row| SessionBody::new(row, Some(current)));
    Ok(Json(SessionList {
        sessions: sessions.collect(),
    }))
}

/// Ends one of the caller's sessions.
#[utoipa::path(
    delete,
    path = "/auth/sessions/{id}",
    tag = "me",
    operation_id = "end_my_session",
    params(("id" = String, Path, description = "the session")),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn delete(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Device(device): Device,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    let scope = caller.scope(home(&caller)?);
    me::end_session(&state, &scope, id, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}
