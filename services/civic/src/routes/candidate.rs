//! Pairs of report and issue that may belong together: the list, and the decision.

use axum::extract::State;
use brisk_core::Role;
use brisk_http::{
    Json, List, PageLimits, PageQuery, Path, Problem, ProblemBody, Query, RequireRole as _,
    TenantScope, Total,
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor;
use crate::error::Error;
use crate::ids::{IssueId, ReportId};
use crate::state::CivicState;
use crate::store::candidate::{CandidateRow, Candidates};

const LIST: &str = "civic.candidates";

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(confirm))
        .routes(routes!(reject))
}

/// A pair with the parts of its likeness.
#[derive(Serialize, ToSchema)]
struct CandidateBody {
    id: i64,
    #[schema(value_type = i64)]
    report_id: ReportId,
    #[schema(value_type = i64)]
    issue_id: IssueId,
    score: f64,
    text_sim: f64,
    geo_sim: Option<f64>,
    time_sim: f64,
    distance_m: Option<f64>,
    source: String,
    state: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<CandidateRow> for CandidateBody {
    fn from(row: CandidateRow) -> Self {
        Self {
            id: row.id,
            report_id: row.report_id,
            issue_id: row.issue_id,
            score: row.score,
            text_sim: row.text_sim,
            geo_sim: row.geo_sim,
            time_sim: row.time_sim,
            distance_m: row.distance_m,
            source: row.source,
            state: row.state,
            created_at: row.created_at,
        }
    }
}

/// Pairs that wait.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the envelope in the API's document")]
struct CandidateList {
    candidates: Vec<CandidateBody>,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// Pairs that wait for a decision, oldest first.
#[utoipa::path(
    get,
    path = "/v1/dedup/candidates",
    tag = "dedup",
    params(PageQuery),
    responses((status = 200, body = CandidateList), (status = 403, body = ProblemBody))
)]
async fn list(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Query(page): Query<PageQuery>,
) -> Result<List<CandidateBody>, Problem> {
    scope.require(Role::Manager)?;
    let asked = page.within(PageLimits {
        max_skip: 0,
        ..PageLimits::default()
    })?;
    let session = state.db.session(scope);
    let page = Candidates(&session)
        .pending(asked.of(&state.cursor, LIST, &()))
        .await
        .map_err(Error::from)?;
    let page = page.map(CandidateBody::from);
    Ok(List::new("candidates", page, Total::Skipped, &asked))
}

/// Says that the two belong together: the report's issue is joined into the other one.
#[utoipa::path(
    post,
    path = "/v1/dedup/candidates/{id}/confirm",
    tag = "dedup",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = CandidateBody),
        (status = 404, body = ProblemBody),
        (status = 409, description = "It is decided already", body = ProblemBody),
    )
)]
async fn confirm(
    state: State<CivicState>,
    scope: TenantScope,
    id: Path<i64>,
) -> Result<Json<CandidateBody>, Problem> {
    judge(state, scope, id, true).await
}

/// Says that the two are different things; the pair is never proposed again.
#[utoipa::path(
    post,
    path = "/v1/dedup/candidates/{id}/reject",
    tag = "dedup",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = CandidateBody),
        (status = 404, body = ProblemBody),
        (status = 409, description = "It is decided already", body = ProblemBody),
    )
)]
async fn reject(
    state: State<CivicState>,
    scope: TenantScope,
    id: Path<i64>,
) -> Result<Json<CandidateBody>, Problem> {
    judge(state, scope, id, false).await
}

async fn judge(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
    confirmed: bool,
) -> Result<Json<CandidateBody>, Problem> {
    scope.require(Role::Manager)?;
    let actor = actor(&scope);
    let session = state.db.session(scope);
    let row = state
        .workflow
        .judge(&session, id, confirmed, &actor)
        .await?;
    Ok(Json(row.into()))
}
