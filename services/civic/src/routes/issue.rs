//! One issue: reading it with its reports, changing it, its history.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use brisk_core::{Role, TenantId};
use brisk_http::json_with_etag;
use brisk_http::{Json, Path, Problem, ProblemBody, RequireRole as _, TenantScope};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actor;
use super::report::ReportBody;
use crate::error::Error;
use crate::ids::IssueId;
use crate::logic::workflow::IssuePatch;
use crate::model::priority::shown_priority;
use crate::model::workflow::{CloseReason, HoldReason, Status, allowed_transitions};
use crate::model::{Category, FieldError, FieldErrors, Severity};
use crate::state::CivicState;
use crate::store::issue::{IssueRow, Issues};
use crate::store::report::Reports;
use crate::store::sla::{SlaRow, Slas};

/// Reports shown with an issue; further ones come by the list of reports.
const REPORTS_SHOWN: i64 = 50;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(get, patch))
        .routes(routes!(bulk))
        .routes(routes!(reopen))
        .routes(routes!(merge))
}

/// The promise of an issue and how it stands.
#[derive(Serialize, ToSchema)]
struct SlaBody {
    state: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    ack_due_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    resolve_due_at: Option<Timestamp>,
    met_ack: Option<bool>,
    met_sla: Option<bool>,
    #[schema(value_type = Option<String>, format = DateTime)]
    breached_at: Option<Timestamp>,
    paused_seconds: i64,
    resolution_time_hours: Option<f64>,
    business_hours_used: Option<f64>,
    excluded: bool,
    #[schema(value_type = Object)]
    policy: crate::model::sla::PolicySnapshot,
}

impl From<SlaRow> for SlaBody {
    fn from(row: SlaRow) -> Self {
        Self {
            state: row.state.as_str(),
            ack_due_at: row.ack_due_at,
            resolve_due_at: row.resolve_due_at,
            met_ack: row.met_ack,
            met_sla: row.met_sla,
            breached_at: row.breached_at,
            paused_seconds: row.paused_seconds,
            resolution_time_hours: row.resolution_time_hours,
            business_hours_used: row.business_hours_used,
            excluded: row.excluded,
            policy: row.policy_snapshot.0,
        }
    }
}

/// A whole issue.
#[derive(Serialize, ToSchema)]
struct IssueBody {
    #[schema(value_type = i64)]
    id: IssueId,
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    area_id: Option<i64>,
    #[schema(value_type = String)]
    category: Category,
    #[schema(value_type = String)]
    severity: Severity,
    #[schema(value_type = String)]
    status: Status,
    title: String,
    summary: Option<String>,
    location: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
    report_count: i64,
    reporter_count: i64,
    priority: f64,
    sensitive: bool,
    public: bool,
    assignee: Option<String>,
    #[schema(value_type = Option<String>)]
    close_reason: Option<CloseReason>,
    #[schema(value_type = Option<String>)]
    hold_reason: Option<HoldReason>,
    #[schema(value_type = Option<i64>)]
    merged_into_id: Option<IssueId>,
    reopened_count: i32,
    archived: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_report_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    acknowledged_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    resolved_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: i64,
    sla: Option<SlaBody>,
    #[schema(value_type = Vec<String>)]
    allowed_transitions: Vec<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reports: Option<Vec<ReportBody>>,
}

impl IssueBody {
    fn new(issue: IssueRow, sla: Option<SlaRow>, role: crate::model::workflow::ActorRole) -> Self {
        let allowed = if issue.archived || issue.merged_into_id.is_some() {
            Vec::new()
        } else {
            allowed_transitions(issue.status, role)
        };
        Self {
            id: issue.id,
            tenant_id: issue.tenant_id,
            area_id: issue.area_id,
            category: issue.category,
            severity: issue.severity,
            status: issue.status,
            title: issue.title,
            summary: issue.summary,
            location: issue.location,
            lat: issue.lat,
            lon: issue.lon,
            report_count: issue.report_count,
            reporter_count: issue.reporter_count,
            priority: shown_priority(issue.priority, issue.severity),
            sensitive: issue.sensitive,
            public: issue.public,
            assignee: issue.assignee,
            close_reason: issue.close_reason,
            hold_reason: issue.hold_reason,
            merged_into_id: issue.merged_into_id,
            reopened_count: issue.reopened_count,
            archived: issue.archived,
            created_at: issue.created_at,
            last_report_at: issue.last_report_at,
            acknowledged_at: issue.acknowledged_at,
            resolved_at: issue.resolved_at,
            closed_at: issue.closed_at,
            updated_at: issue.updated_at,
            version: issue.version,
            sla: sla.map(SlaBody::from),
            allowed_transitions: allowed,
            reports: None,
        }
    }
}

/// One issue with its clock and its newest fifty reports.
#[utoipa::path(
    get,
    path = "/v1/issues/{id}",
    tag = "issues",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = IssueBody),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody),
    )
)]
async fn get(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    scope.require(Role::Agent)?;
    let role = actor(&scope).role;
    let session = state.db.session(scope);
    let id = IssueId(id);
    let (issues, slas, all) = (Issues(&session), Slas(&session), Reports(&session));
    // Three independent reads, which travel together.
    let (issue, sla, reports) = futures::try_join!(
        issues.get(id),
        slas.get(id),
        all.page_of_issue(id, None, REPORTS_SHOWN)
    )
    .map_err(Error::from)?;
    let issue = issue.ok_or(Error::NotFound { what: "issue" })?;
    let mut body = IssueBody::new(issue, sla, role);
    body.reports = Some(
        reports
            .into_iter()
            .map(|row| ReportBody::new(session.tenant(), row))
            .collect(),
    );
    Ok(json_with_etag(&headers, &body))
}

/// A field that may be absent, null or a value.
#[expect(
    clippy::option_option,
    reason = "absent and null mean different things in a patch"
)]
fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

/// What may be changed; what is absent stays.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PatchBody {
    status: Option<String>,
    close_reason: Option<String>,
    hold_reason: Option<String>,
    severity: Option<String>,
    category: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    #[expect(
        clippy::option_option,
        reason = "absent and null mean different things in a patch"
    )]
    area_id: Option<Option<i64>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    #[expect(
        clippy::option_option,
        reason = "absent and null mean different things in a patch"
    )]
    assignee: Option<Option<String>>,
    title: Option<String>,
    note: Option<String>,
    /// The version that you saw; another one is 412.
    version: Option<i64>,
}

/// Characters of notes and updates, and of titles and names, at most.
pub(super) const MAX_NOTE: usize = 4_000;
const MAX_TITLE: usize = 255;

impl PatchBody {
    fn check(self, if_match: Option<i64>) -> Result<IssuePatch, FieldErrors> {
        let mut wrong = Vec::new();
        let mut bad = |field: &str, code: &'static str, message: String| {
            wrong.push(FieldError {
                field: field.to_owned(),
                code,
                message,
            });
        };
        let status = word(
            self.status
                .as_deref()
                .map(|s| s.replace("in_progress", "in-progress")),
            Status::parse,
        );
        if let Err(text) = &status {
            bad(
                "status",
                "status_unknown",
                format!("{text:?} is not a status"),
            );
        }
        let close_reason = word(self.close_reason, CloseReason::parse);
        if let Err(text) = &close_reason {
            bad(
                "close_reason",
                "close_reason_unknown",
                format!("{text:?} is not a reason to close"),
            );
        }
        let hold_reason = word(self.hold_reason, HoldReason::parse);
        if let Err(text) = &hold_reason {
            bad(
                "hold_reason",
                "hold_reason_unknown",
                format!("{text:?} is not a reason to wait"),
            );
        }
        let severity = word(self.severity, Severity::parse);
        if let Err(text) = &severity {
            bad(
                "severity",
                "severity_unknown",
                format!("{text:?} is not a severity"),
            );
        }
        let category = word(self.category, Category::parse);
        if let Err(text) = &category {
            bad(
                "category",
                "category_unknown",
                format!("{text:?} is not a base category"),
            );
        }
        let title = self
            .title
            .map(|t| crate::model::text::clean(&t).trim().to_owned());
        if title
            .as_ref()
            .is_some_and(|t| t.is_empty() || t.chars().count() > MAX_TITLE)
        {
            bad(
                "title",
                "title_invalid",
                "has 1 to 255 characters".to_owned(),
            );
        }
        let assignee = self.assignee.map(|name| {
            name.map(|name| crate::model::text::clean(&name).into_owned())
                .filter(|name| !name.is_empty())
        });
        if assignee.as_ref().is_some_and(|a| {
            a.as_ref()
                .is_some_and(|name| name.chars().count() > MAX_TITLE)
        }) {
            bad(
                "assignee",
                "assignee_invalid",
                "has at most 255 characters".to_owned(),
            );
        }
        let note = self
            .note
            .map(|note| crate::model::text::clean(&note).into_owned());
        if note
            .as_ref()
            .is_some_and(|n| n.is_empty() || n.chars().count() > MAX_NOTE)
        {
            bad(
                "note",
                "note_invalid",
                "has 1 to 4,000 characters".to_owned(),
            );
        }
        let (Ok(status), Ok(close_reason), Ok(hold_reason), Ok(severity), Ok(category)) =
            (status, close_reason, hold_reason, severity, category)
        else {
            return Err(FieldErrors(wrong));
        };
        if !wrong.is_empty() {
            return Err(FieldErrors(wrong));
        }
        Ok(IssuePatch {
            status,
            close_reason,
            hold_reason,
            severity,
            category,
            area_id: self.area_id,
            assignee,
            title,
            note,
            version: self.version.or(if_match),
        })
    }
}

/// The meaning of a word, or the word itself when it has none.
fn word<T>(text: Option<String>, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    match text {
        None => Ok(None),
        Some(text) => parse(&text).map(Some).ok_or(text),
    }
}

/// Changes one issue by the rules of the workflow.
#[utoipa::path(
    patch,
    path = "/v1/issues/{id}",
    tag = "issues",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header, description = "The version that you saw")),
    request_body = PatchBody,
    responses(
        (status = 200, body = IssueBody),
        (status = 404, body = ProblemBody),
        (status = 409, description = "The status cannot go there; `allowed` says where it can", body = ProblemBody),
        (status = 412, description = "Somebody else changed it first", body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn patch(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Json(body): Json<PatchBody>,
) -> Result<Response, Problem> {
    scope.require(Role::Agent)?;
    let patch = body.check(if_match(&headers)?).map_err(Error::from)?;
    let actor = actor(&scope);
    let session = state.db.session(scope);
    let (issue, sla) = state
        .workflow
        .patch(&session, IssueId(id), &patch, &actor)
        .await?;
    let mut response = Json(IssueBody::new(issue, Some(sla), actor.role)).into_response();
    if patch.version.is_none() {
        let warning = axum::http::HeaderValue::from_static(
            "199 - \"no version given: the last writer wins\"",
        );
        response
            .headers_mut()
            .insert(axum::http::header::WARNING, warning);
    }
    Ok(response)
}

/// The version in `If-Match`, which is a number here, quoted or not; `*` asks for nothing.
fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(axum::http::header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.trim_matches('"').parse();
    version.map(Some).map_err(|_not_a_number| {
        Error::field("If-Match", "version_invalid", "is the issue's version").into()
    })
}

/// One change for many issues.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkBody {
    /// 1 to 500 issues.
    ids: Vec<i64>,
    set: PatchBody,
}

/// What became of one issue of a bulk change.
#[derive(Serialize, ToSchema)]
struct BulkItem {
    id: i64,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What became of a bulk change.
#[derive(Serialize, ToSchema)]
struct BulkAnswer {
    results: Vec<BulkItem>,
}

/// Changes many issues alike; each by itself.
#[utoipa::path(
    post,
    path = "/v1/issues/bulk",
    tag = "issues",
    request_body = BulkBody,
    responses((status = 200, body = BulkAnswer), (status = 422, body = ProblemBody))
)]
async fn bulk(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Json(body): Json<BulkBody>,
) -> Result<Json<BulkAnswer>, Problem> {
    use brisk_core::Failure as _;
    scope.require(Role::Manager)?;
    if body.ids.is_empty() || body.ids.len() > 500 {
        return Err(Error::field("ids", "batch_size", "holds 1 to 500 issues").into());
    }
    let patch = body.set.check(None).map_err(Error::from)?;
    let actor = actor(&scope);
    let session = state.db.session(scope);
    let mut results = Vec::with_capacity(body.ids.len());
    for id in body.ids {
        let result = state
            .workflow
            .patch(&session, IssueId(id), &patch, &actor)
            .await;
        results.push(match result {
            Ok(_) => BulkItem {
                id,
                ok: true,
                code: None,
                detail: None,
            },
            Err(e) if e.class() == brisk_core::Class::Unavailable => return Err(e.into()),
            Err(e) => BulkItem {
                id,
                ok: false,
                code: Some(e.code().to_owned()),
                detail: Some(e.detail().into_owned()),
            },
        });
    }
    Ok(Json(BulkAnswer { results }))
}

/// Opens a resolved or closed issue again.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/reopen",
    tag = "issues",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = IssueBody),
        (status = 404, body = ProblemBody),
        (status = 409, description = "It cannot be reopened, or not any more", body = ProblemBody),
    )
)]
async fn reopen(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
) -> Result<Json<IssueBody>, Problem> {
    scope.require(Role::Agent)?;
    let actor = actor(&scope);
    let session = state.db.session(scope);
    let patch = IssuePatch {
        status: Some(Status::Open),
        ..IssuePatch::default()
    };
    let (issue, sla) = state
        .workflow
        .patch(&session, IssueId(id), &patch, &actor)
        .await?;
    Ok(Json(IssueBody::new(issue, Some(sla), actor.role)))
}

/// Into which issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MergeBody {
    into: i64,
}

/// Where the reports are now.
#[derive(Serialize, ToSchema)]
struct MergedBody {
    /// The issue that has them.
    #[schema(value_type = i64)]
    id: IssueId,
    /// The issue that points to it from now on.
    #[schema(value_type = i64)]
    merged: IssueId,
}

/// Joins an issue into another one about the same thing.
#[utoipa::path(
    post,
    path = "/v1/issues/{id}/merge",
    tag = "issues",
    params(("id" = i64, Path)),
    request_body = MergeBody,
    responses(
        (status = 200, body = MergedBody),
        (status = 404, body = ProblemBody),
        (status = 409, description = "One of them is merged or closed already", body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn merge(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
    Json(body): Json<MergeBody>,
) -> Result<Json<MergedBody>, Problem> {
    scope.require(Role::Manager)?;
    let actor = actor(&scope);
    let session = state.db.session(scope);
    state
        .workflow
        .merge(&session, IssueId(id), IssueId(body.into), &actor)
        .await?;
    Ok(Json(MergedBody {
        id: IssueId(body.into),
        merged: IssueId(id),
    }))
}
