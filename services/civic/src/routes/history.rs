//! The history of an issue: reading it, and adding notes and public updates.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_core::Role;
use brisk_http::{
    Json, List, PageLimits, PageQuery, Path, Problem, ProblemBody, Query, RequireRole as _,
    TenantScope, Total,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor;
use super::issue::MAX_NOTE;
use crate::error::Error;
use crate::ids::IssueId;
use crate::state::CivicState;
use crate::store::event::{EventRow, Events};
use crate::store::issue::Issues;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(add_note))
        .routes(routes!(add_update))
}

/// One line of an issue's history.
#[derive(Serialize, ToSchema)]
struct EventBody {
    id: i64,
    kind: String,
    actor: String,
    actor_role: Option<String>,
    from_value: Option<String>,
    to_value: Option<String>,
    body: Option<String>,
    public: bool,
    #[schema(value_type = Option<Object>)]
    data: Option<serde_json::Value>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<EventRow> for EventBody {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            actor: row.actor,
            actor_role: row.actor_role,
            from_value: row.from_value,
            to_value: row.to_value,
            body: row.body,
            public: row.public,
            data: row.data.map(|d| d.0),
            at: row.at,
        }
    }
}

/// The history of an issue.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the envelope in the API's document")]
struct EventList {
    events: Vec<EventBody>,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// The history of an issue, oldest first.
#[utoipa::path(
    get,
    path = "/v1/issues/{id}/events",
    tag = "issues",
    params(("id" = i64, Path), PageQuery),
    responses((status = 200, body = EventList), (status = 404, body = ProblemBody))
)]
async fn events(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
    Query(page): Query<PageQuery>,
) -> Result<List<EventBody>, Problem> {
    scope.require(Role::Agent)?;
    let asked = page.within(PageLimits {
        max_skip: 0,
        ..PageLimits::default()
    })?;
    let session = state.db.session(scope);
    let id = IssueId(id);
    let (issues, history) = (Issues(&session), Events(&session));
    let page = history.page(asked.of(&state.cursor, "civic.events", &id));
    let (issue, page) = futures::try_join!(issues.get(id), page).map_err(Error::from)?;
    issue.ok_or(Error::NotFound { what: "issue" })?;
    let page = page.map(EventBody::from);
    Ok(List::new("events", page, Total::Skipped, &asked))
}

/// A note or an update.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    /// 1 to 4,000 characters.
    body: String,
}

/// What was noted.
#[derive(Serialize, ToSchema)]
struct Noted {
    #[schema(value_type = i64)]
    id: IssueId,
    message: &'static str,
}

/// Adds a note for staff.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/notes",
    tag = "issues",
    params(("id" = i64, Path)),
    request_body = NoteBody,
    responses((status = 201, body = Noted), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody))
)]
async fn add_note(
    state: State<CivicState>,
    scope: TenantScope,
    id: Path<i64>,
    body: Json<NoteBody>,
) -> Result<Response, Problem> {
    note(state, scope, id, body, false).await
}

/// Adds an update that everybody may read.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/updates",
    tag = "issues",
    params(("id" = i64, Path)),
    request_body = NoteBody,
    responses((status = 201, body = Noted), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody))
)]
async fn add_update(
    state: State<CivicState>,
    scope: TenantScope,
    id: Path<i64>,
    body: Json<NoteBody>,
) -> Result<Response, Problem> {
    note(state, scope, id, body, true).await
}

async fn note(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
    Json(body): Json<NoteBody>,
    public: bool,
) -> Result<Response, Problem> {
    scope.require(Role::Agent)?;
    let text = crate::model::text::clean(&body.body).trim().to_owned();
    if text.is_empty() || text.chars().count() > MAX_NOTE {
        return Err(Error::field("body", "note_invalid", "has 1 to 4,000 characters").into());
    }
    let actor = actor(&scope);
    let session = state.db.session(scope);
    state
        .workflow
        .note(&session, IssueId(id), &text, public, &actor)
        .await?;
    let noted = Json(Noted {
        id: IssueId(id),
        message: "noted",
    });
    Ok((axum::http::StatusCode::CREATED, noted).into_response())
}
