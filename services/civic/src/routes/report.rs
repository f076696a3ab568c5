//! Reports: submitting one or many, reading one, moderation.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use brisk_core::{FieldError, PrincipalKind, Role, Scope, TenantId};
use brisk_http::{
    Caller, Json, Path, Problem, ProblemBody, Query, RequireRole as _, TenantScope, json_with_etag,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::ids::{IssueId, ReportId};
use crate::logic::contact::Contact;
use crate::logic::intake::{Accepted, BATCH_MAX, Submitter};
use crate::logic::submission::Submission;
use crate::state::CivicState;
use crate::store::report::{ReportListRow, Reports};

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(submit))
        .routes(routes!(submit_batch))
        .routes(routes!(get))
        .routes(routes!(moderate))
        .routes(routes!(relink))
        .routes(routes!(held))
}

/// How to reach a reporter; everything is optional.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContactBody {
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

/// A report as it is sent.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SubmitBody {
    /// Needed from callers without a tenant of their own.
    tenant_id: Option<i64>,
    /// What it is: 10 to 4,000 characters.
    #[serde(default)]
    description: String,
    /// Where it is, in words; up to 255 characters.
    location: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
    /// One of the six base categories, or a service code of the tenant.
    category: Option<String>,
    severity: Option<String>,
    #[serde(default)]
    media: Vec<String>,
    /// When it was seen; from agents and importers only.
    #[schema(value_type = Option<String>, format = DateTime)]
    submitted_at: Option<Timestamp>,
    contact: Option<ContactBody>,
    /// The client's own reference: sent again, it answers the first id.
    client_ref: Option<String>,
    public: Option<bool>,
}

impl SubmitBody {
    fn into_submission(self, key: Option<&str>) -> Submission {
        Submission {
            description: self.description,
            location: self.location,
            lat: self.lat,
            lon: self.lon,
            category: self.category,
            severity: self.severity,
            media: self.media,
            submitted_at: self.submitted_at,
            contact: self.contact.map(|c| Contact {
                name: c.name,
                email: c.email,
                phone: c.phone,
            }),
            client_ref: self.client_ref.or_else(|| key.map(str::to_owned)),
            public: self.public,
        }
    }
}

/// A report that was taken in.
#[derive(Debug, Serialize, ToSchema)]
struct Submitted {
    message: &'static str,
    #[schema(value_type = i64)]
    id: ReportId,
    status: &'static str,
    /// Follows the report without an account; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_code: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate_of_request: bool,
}

impl From<Accepted> for Submitted {
    fn from(accepted: Accepted) -> Self {
        Self {
            message: "Report submitted",
            id: accepted.id,
            status: "received",
            tracking_code: accepted.tracking_code,
            duplicate_of_request: accepted.repeated,
        }
    }
}

/// Takes one report in; answers after it is durable.
#[utoipa::path(
    post,
    path = "/v1/reports",
    tag = "reports",
    request_body = SubmitBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Used where `client_ref` is absent")),
    responses(
        (status = 201, description = "Stored", body = Submitted),
        (status = 200, description = "The reference was seen before; the id is the first one", body = Submitted),
        (status = 403, description = "The tenant takes no anonymous reports", body = ProblemBody),
        (status = 422, description = "Fields are wrong; all of them are named", body = ProblemBody),
        (status = 503, description = "The database is away or the queue is full", body = ProblemBody),
    )
)]
async fn submit(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<SubmitBody>,
) -> Result<Response, Problem> {
    let scope = tenant_of(&state, &caller, body.tenant_id).await?;
    let who = submitter(&scope);
    let submission = body.into_submission(idempotency_key(&headers)?);
    let accepted = state
        .intake
        .submit(&scope, who, channel(&scope), submission)
        .await?;
    let status = if accepted.repeated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let location = format!("/civic/v1/reports/{}", accepted.id);
    let mut response = (status, Json(Submitted::from(accepted))).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Many reports at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BatchBody {
    tenant_id: Option<i64>,
    /// 1 to 1,000 reports.
    reports: Vec<SubmitBody>,
}

/// What a batch is asked with.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct BatchQuery {
    /// All or none.
    #[serde(default)]
    atomic: bool,
}

/// What became of one report of a batch.
#[derive(Serialize, ToSchema)]
struct BatchItem {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    id: Option<ReportId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_code: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate_of_request: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    errors: Vec<FieldError>,
}

/// What became of a batch.
#[derive(Serialize, ToSchema)]
struct BatchAnswer {
    accepted: usize,
    rejected: usize,
    results: Vec<BatchItem>,
}

/// Takes many reports in with one commit; wrong ones are named and the others stored.
#[utoipa::path(
    post,
    path = "/v1/reports/batch",
    tag = "reports",
    params(BatchQuery),
    request_body = BatchBody,
    responses(
        (status = 200, description = "One result for each report", body = BatchAnswer),
        (status = 401, body = ProblemBody),
        (status = 422, description = "Too many reports, or with `atomic` a wrong one", body = ProblemBody),
    )
)]
async fn submit_batch(
    State(state): State<CivicState>,
    caller: Caller,
    Query(query): Query<BatchQuery>,
    Json(body): Json<BatchBody>,
) -> Result<Json<BatchAnswer>, Problem> {
    let scope = tenant_of(&state, &caller, body.tenant_id).await?;
    scope.require(Role::Reporter)?;
    if body.reports.is_empty() || body.reports.len() > BATCH_MAX {
        return Err(Error::field("reports", "batch_size", "holds 1 to 1,000 reports").into());
    }
    let mut submissions = Vec::with_capacity(body.reports.len());
    for (i, report) in body.reports.into_iter().enumerate() {
        if report
            .tenant_id
            .is_some_and(|t| TenantId(t) != scope.tenant())
        {
            let field = format!("reports[{i}].tenant_id");
            return Err(Error::field(field, "tenant_mixed", "a batch has one tenant").into());
        }
        submissions.push(report.into_submission(None));
    }
    let who = submitter(&scope);
    let results = state
        .intake
        .submit_many(
            &scope,
            who,
            channel(&scope),
            submissions,
            query.atomic,
            &state.queue,
        )
        .await?;
    let results: Vec<_> = results
        .into_iter()
        .enumerate()
        .map(|(index, result)| match result {
            Ok(accepted) => BatchItem {
                index,
                id: Some(accepted.id),
                tracking_code: accepted.tracking_code,
                duplicate_of_request: accepted.repeated,
                errors: Vec::new(),
            },
            Err(wrong) => BatchItem {
                index,
                id: None,
                tracking_code: None,
                duplicate_of_request: false,
                errors: wrong
                    .0
                    .into_iter()
                    .map(|e| FieldError::new(e.field, e.code, e.message))
                    .collect(),
            },
        })
        .collect();
    let rejected = results.iter().filter(|r| r.id.is_none()).count();
    Ok(Json(BatchAnswer {
        accepted: results.len() - rejected,
        rejected,
        results,
    }))
}

/// A report as staff and its owner see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportBody {
    #[schema(value_type = i64)]
    id: ReportId,
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    #[schema(value_type = Option<i64>)]
    issue_id: Option<IssueId>,
    area_id: Option<i64>,
    description: String,
    location: Option<String>,
    lat: Option<f64>,
    lon: Option<f64>,
    #[schema(value_type = Option<String>)]
    category: Option<crate::model::Category>,
    #[schema(value_type = Option<String>)]
    severity: Option<crate::model::Severity>,
    summary: Option<String>,
    status: String,
    channel: String,
    external_id: Option<String>,
    processed: bool,
    public: bool,
    #[schema(value_type = String, format = DateTime)]
    submitted_at: Timestamp,
}

impl ReportBody {
    pub(crate) fn new(tenant_id: TenantId, row: ReportListRow) -> Self {
        Self {
            id: row.id,
            tenant_id,
            issue_id: row.issue_id,
            area_id: row.area_id,
            description: row.description,
            location: row.location,
            lat: row.lat,
            lon: row.lon,
            category: row.category,
            severity: row.severity,
            summary: row.summary,
            status: row.status,
            channel: row.channel,
            external_id: row.external_id,
            processed: row.processed,
            public: row.public,
            submitted_at: row.submitted_at,
        }
    }
}

/// One report.
#[utoipa::path(
    get,
    path = "/v1/reports/{id}",
    tag = "reports",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = ReportBody),
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
    let session = state.db.session(scope);
    let row = Reports(&session)
        .get(ReportId(id))
        .await
        .map_err(Error::from)?;
    let row = row.ok_or(Error::NotFound { what: "report" })?;
    Ok(json_with_etag(
        &headers,
        &ReportBody::new(session.tenant(), row),
    ))
}

/// What a moderator decides about a held report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ModerateBody {
    /// `released` lets it go its way, `rejected` refuses it.
    status: String,
    public: Option<bool>,
}

/// Releases or rejects a report that was held back.
#[utoipa::path(
    patch,
    path = "/v1/reports/{id}",
    tag = "reports",
    params(("id" = i64, Path)),
    request_body = ModerateBody,
    responses(
        (status = 200, body = ReportBody),
        (status = 404, body = ProblemBody),
        (status = 409, description = "It is not held", body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn moderate(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
    Json(body): Json<ModerateBody>,
) -> Result<Json<ReportBody>, Problem> {
    scope.require(Role::Manager)?;
    let released = match body.status.as_str() {
        "released" => true,
        "rejected" => false,
        _ => {
            return Err(Error::field("status", "status_unknown", "is released or rejected").into());
        }
    };
    let session = state.db.session(scope);
    let row = state
        .moderation
        .decide(&session, ReportId(id), released, body.public)
        .await?;
    Ok(Json(ReportBody::new(session.tenant(), row)))
}

/// Where a report belongs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RelinkBody {
    issue_id: Option<i64>,
    /// A new issue of its own.
    #[serde(default)]
    new: bool,
}

/// The issue of a report after a move.
#[derive(Serialize, ToSchema)]
struct Relinked {
    #[schema(value_type = i64)]
    id: ReportId,
    #[schema(value_type = i64)]
    issue_id: IssueId,
}

/// Moves a report to another issue, or to a new one.
#[utoipa::path(
    post,
    path = "/v1/reports/{id}/relink",
    tag = "reports",
    params(("id" = i64, Path)),
    request_body = RelinkBody,
    responses(
        (status = 200, body = Relinked),
        (status = 404, body = ProblemBody),
        (status = 409, description = "The issue is closed", body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn relink(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
    Json(body): Json<RelinkBody>,
) -> Result<Json<Relinked>, Problem> {
    scope.require(Role::Manager)?;
    let to = match (body.issue_id, body.new) {
        (Some(id), false) => Some(IssueId(id)),
        (None, true) => None,
        _ => {
            return Err(
                Error::field("issue_id", "target_required", "give either issue_id or new").into(),
            );
        }
    };
    let actor = super::actor(&scope);
    let session = state.db.session(scope);
    let issue_id = state
        .workflow
        .relink(&session, ReportId(id), to, &actor)
        .await?;
    Ok(Json(Relinked {
        id: ReportId(id),
        issue_id,
    }))
}

/// Reports that wait for a moderator.
#[derive(Serialize, ToSchema)]
struct HeldList {
    reports: Vec<ReportBody>,
}

/// The oldest hundred reports that were held back.
#[utoipa::path(
    get,
    path = "/v1/moderation/queue",
    tag = "reports",
    responses((status = 200, body = HeldList), (status = 403, body = ProblemBody))
)]
async fn held(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
) -> Result<Json<HeldList>, Problem> {
    scope.require(Role::Manager)?;
    let session = state.db.session(scope);
    let rows = Reports(&session).held(100).await.map_err(Error::from)?;
    let reports = rows
        .into_iter()
        .map(|row| ReportBody::new(session.tenant(), row))
        .collect();
    Ok(Json(HeldList { reports }))
}

/// The tenant that a submission is for: the caller's own, or the one that the body names.
async fn tenant_of(
    state: &CivicState,
    caller: &Caller,
    named: Option<i64>,
) -> Result<Scope, Problem> {
    let own = caller.principal().tenant;
    let named = named.map(TenantId);
    match (own, named) {
        (Some(own), Some(named)) if own != named => Err(Problem::forbidden(
            "the field `tenant_id` names another tenant",
        )),
        (Some(own), _) => Ok(caller.scope(own)),
        (None, None) => {
            Err(Error::field("tenant_id", "tenant_required", "say which tenant it is for").into())
        }
        (None, Some(named)) => match state.settings.of(named).await {
            Ok(_) => Ok(caller.scope(named)),
            Err(Error::NotFound { .. }) => {
                Err(Error::field("tenant_id", "tenant_unknown", "there is no such tenant").into())
            }
            Err(e) => Err(e.into()),
        },
    }
}

fn submitter(scope: &Scope) -> Submitter {
    let caller = scope.principal();
    let trusted =
        caller.may(Role::Agent, scope.tenant()) || caller.may(Role::Importer, scope.tenant());
    Submitter {
        anonymous: caller.is_anonymous(),
        trusted,
    }
}

fn channel(scope: &Scope) -> &'static str {
    match scope.principal().kind {
        PrincipalKind::ApiKey | PrincipalKind::Client | PrincipalKind::System => "api",
        PrincipalKind::Anonymous | PrincipalKind::Person => "web",
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_not_ascii| {
        Error::field(
            "Idempotency-Key",
            "client_ref_invalid",
            "is 1 to 128 printable ASCII characters",
        )
    })?;
    Ok(Some(text))
}
