//! Reading the audit log.

use axum::extract::State;
use brisk_db::Paging;
use brisk_http::{Auth, Json, Problem, ProblemBody, Query, RequirePermission as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::home;
use super::user::limit;
use crate::ids::AuditId;
use crate::model::audit::Outcome;
use crate::state::IdentityState;
use crate::store::audit::{AuditFilter, AuditLine, AuditLog};

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The name of the list, which its cursors are bound to.
const LIST: &str = "identity.audit";

/// Which entries.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Rows, 1 to 100; 20 where it is left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` or `prev_cursor` of another page.
    cursor: Option<String>,
    /// The person who did it.
    #[param(value_type = Option<String>)]
    actor: Option<Uuid>,
    /// What was done, such as `user.created`.
    action: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    /// Not before this instant.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Before this instant.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
}

/// An entry.
#[derive(Serialize, utoipa::ToSchema)]
struct AuditItem {
    id: AuditId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(value_type = Option<String>)]
    actor_user_id: Option<Uuid>,
    actor_client_id: Option<String>,
    #[schema(value_type = Option<String>)]
    session_id: Option<Uuid>,
    action: String,
    resource_type: String,
    resource_id: String,
    ip: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    /// `{field: {old, new}}`.
    changes: Value,
    metadata: Value,
    /// `ok`, `denied` or `error`.
    #[schema(value_type = String)]
    outcome: Outcome,
}

impl From<AuditLine> for AuditItem {
    fn from(line: AuditLine) -> Self {
        Self {
            id: line.id,
            at: line.at,
            actor_user_id: line.actor_user_id,
            actor_client_id: line.actor_client_id,
            session_id: line.session_id,
            action: line.action,
            resource_type: line.resource_type,
            resource_id: line.resource_id,
            ip: line.ip,
            user_agent: line.user_agent,
            request_id: line.request_id,
            changes: line.changes.0,
            metadata: line.metadata.0,
            outcome: line.outcome,
        }
    }
}

/// A page of the log.
#[derive(Serialize, utoipa::ToSchema)]
struct AuditPage {
    items: Vec<AuditItem>,
    next_cursor: Option<String>,
    prev_cursor: Option<String>,
    limit: u32,
}

/// Lists what was done in the caller's tenant, the newest first.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    operation_id = "list_audit",
    params(AuditQuery),
    responses(
        (status = 200, body = AuditPage),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn list(
    State(state): State<IdentityState>,
    Auth(caller): Auth,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    caller.permit("audit:read")?;
    let limit = limit(query.limit)?;
    let session = state.db.session(caller.scope(home(&caller)?));
    let filter = AuditFilter {
        actor: query.actor,
        action: query.action,
        resource_type: query.resource_type,
        resource_id: query.resource_id,
        from: query.from,
        to: query.to,
    };
    let asked = Paging {
        key: &state.cursor,
        list: LIST,
        filter: &filter,
        limit,
        skip: 0,
        cursor: query.cursor.as_deref(),
    };
    let page = AuditLog(&session).page(asked).await?;
    Ok(Json(AuditPage {
        items: page.items.into_iter().map(AuditItem::from).collect(),
        next_cursor: page.next_cursor,
        prev_cursor: page.previous_cursor,
        limit,
    }))
}
