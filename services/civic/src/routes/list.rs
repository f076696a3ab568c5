//! The lists of issues and reports, with all filters.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use brisk_core::{FieldError, Role, TenantId};
use brisk_http::{
    List, ListQuery, Page, PageLimits, PageQuery, Problem, ProblemBody, RequireRole as _,
    TenantScope,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::report::ReportBody;
use crate::ids::IssueId;
use crate::logic::lists::{self, Listed};
use crate::model::priority::shown_priority;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};
use crate::state::CivicState;
use crate::store::listing::{
    BBox, COUNT_CAP, IssueFilter, IssueLine, IssueSort, Order, ReportFilter,
};

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(issues))
        .routes(routes!(reports))
}

/// Longest text to look for, in characters.
const MAX_Q: usize = 255;

/// Gathers what is wrong with a filter, so that the answer names all of it.
#[derive(Debug, Default)]
pub(super) struct Reader(Vec<FieldError>);

impl Reader {
    pub(super) fn word<T>(
        &mut self,
        field: &'static str,
        text: Option<String>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = text?;
        let found = parse(&text);
        if found.is_none() {
            self.bad(field, format!("{text:?} is not known here"));
        }
        found
    }

    pub(super) fn words<T>(
        &mut self,
        field: &'static str,
        text: Option<String>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let text = text.unwrap_or_default();
        let words = text.split(',').map(str::trim).filter(|w| !w.is_empty());
        words
            .filter_map(|word| self.word(field, Some(word.to_owned()), &parse))
            .collect()
    }

    pub(super) fn bbox(&mut self, text: Option<String>) -> Option<BBox> {
        let text = text?;
        let numbers: Vec<f64> = text
            .split(',')
            .filter_map(|part| part.trim().parse().ok())
            .filter(|n: &f64| n.is_finite())
            .collect();
        let commas = text.matches(',').count();
        match <[f64; 4]>::try_from(numbers) {
            Ok(bbox) if commas == 3 && bbox[0] <= bbox[2] && bbox[1] <= bbox[3] => Some(bbox),
            _ => {
                self.bad(
                    "bbox",
                    "must be min_lat,min_lon,max_lat,max_lon in degrees".to_owned(),
                );
                None
            }
        }
    }

    pub(super) fn text(&mut self, field: &'static str, text: Option<String>) -> Option<String> {
        let text = text?.trim().to_owned();
        if text.chars().count() > MAX_Q {
            self.bad(field, format!("has at most {MAX_Q} characters"));
        }
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn bad(&mut self, field: &'static str, message: String) {
        self.0
            .push(FieldError::new(field, "invalid_value", message));
    }

    pub(super) fn end(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::fields(self.0))
        }
    }
}

/// Which issues.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct IssueQuery {
    /// One status or several, separated by commas.
    status: Option<String>,
    category: Option<String>,
    severity: Option<String>,
    area_id: Option<i64>,
    assignee: Option<String>,
    /// Whether the promise to resolve is missed and not kept yet.
    overdue: Option<bool>,
    /// Unfinished, and due before this instant.
    #[param(value_type = Option<String>)]
    due_before: Option<Timestamp>,
    sensitive: Option<bool>,
    /// What the title or the place begins with, in any case.
    q: Option<String>,
    /// `min_lat,min_lon,max_lat,max_lon` in degrees.
    bbox: Option<String>,
    #[param(value_type = Option<String>)]
    created_after: Option<Timestamp>,
    #[param(value_type = Option<String>)]
    created_before: Option<Timestamp>,
    #[param(value_type = Option<String>)]
    updated_after: Option<Timestamp>,
    /// `created_at`, `updated_at`, `priority`, `due` or `report_count`.
    #[param(value_type = Option<String>)]
    sort_by: Option<IssueSort>,
    /// `asc` or `desc`.
    #[param(value_type = Option<String>)]
    sort_order: Option<Order>,
    /// Members that are wanted, separated by commas; all when absent.
    fields: Option<String>,
}

impl IssueQuery {
    fn filter(self) -> Result<IssueFilter, Problem> {
        let mut read = Reader::default();
        let filter = IssueFilter {
            statuses: read.words("status", self.status, Status::parse),
            category: read.word("category", self.category, Category::parse),
            severity: read.word("severity", self.severity, Severity::parse),
            area_id: self.area_id,
            assignee: self.assignee,
            overdue: self.overdue,
            due_before: self.due_before,
            sensitive: self.sensitive,
            q: read.text("q", self.q),
            bbox: read.bbox(self.bbox),
            created_after: self.created_after,
            created_before: self.created_before,
            updated_after: self.updated_after,
            public: false,
            shown_until: None,
        };
        read.end().map(|()| filter)
    }
}

/// An issue in a list.
#[derive(Debug, Serialize, ToSchema)]
struct IssueItem {
    id: i64,
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
    assignee: Option<String>,
    sensitive: bool,
    merged_into_id: Option<i64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    resolve_due_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    breached_at: Option<Timestamp>,
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
}

impl IssueItem {
    fn new(tenant_id: TenantId, line: IssueLine) -> Self {
        Self {
            id: line.id.get(),
            tenant_id,
            area_id: line.area_id,
            category: line.category,
            severity: line.severity,
            status: line.status,
            title: line.title,
            summary: line.summary,
            location: line.location,
            lat: line.lat,
            lon: line.lon,
            report_count: line.report_count,
            reporter_count: line.reporter_count,
            priority: shown_priority(line.priority, line.severity),
            assignee: line.assignee,
            sensitive: line.sensitive,
            merged_into_id: line.merged_into_id.map(IssueId::get),
            resolve_due_at: line.resolve_due_at,
            breached_at: line.breached_at,
            created_at: line.created_at,
            last_report_at: line.last_report_at,
            acknowledged_at: line.acknowledged_at,
            resolved_at: line.resolved_at,
            closed_at: line.closed_at,
            updated_at: line.updated_at,
            version: line.version,
        }
    }
}

/// A page of issues.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the envelope in the API's document")]
struct IssueList {
    issues: Vec<IssueItem>,
    total: Option<u64>,
    total_is_estimate: Option<bool>,
    skip: u32,
    limit: u32,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// A page of reports.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the envelope in the API's document")]
struct ReportList {
    reports: Vec<ReportBody>,
    total: Option<u64>,
    total_is_estimate: Option<bool>,
    skip: u32,
    limit: u32,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// The issues of the tenant, the newest first unless sorted otherwise.
///
/// The total is exact where category, severity, area and status decide, and up to 10,000 otherwise; beyond that it is an
/// estimate from below, and the answer says so.
#[utoipa::path(
    get,
    path = "/v1/issues",
    tag = "issues",
    params(PageQuery, IssueQuery),
    responses(
        (status = 200, body = IssueList),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn issues(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    query: ListQuery<IssueQuery>,
) -> Result<Response, Problem> {
    scope.require(Role::Agent)?;
    let page = query.page.within(PageLimits::default())?;
    let wanted = query.filter.fields.clone();
    let order = (
        query.filter.sort_by.unwrap_or_default(),
        query.filter.sort_order.unwrap_or_default(),
    );
    let filter = query.filter.filter()?;
    let session = state.db.session(scope);
    let (now, count) = (state.clock.now(), page.count.up_to(COUNT_CAP));
    let asked = page.of(&state.cursor, lists::ISSUES, &filter);
    let listed = lists::issues(&session, order, asked, count, now).await?;
    let tenant = session.tenant();
    Ok(envelope(
        "issues",
        listed,
        &page,
        wanted.as_deref(),
        |line| IssueItem::new(tenant, line),
    ))
}

/// Which reports.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    issue_id: Option<i64>,
    area_id: Option<i64>,
    category: Option<String>,
    severity: Option<String>,
    /// One status or several, separated by commas.
    status: Option<String>,
    channel: Option<String>,
    /// What the summary or the place begins with, in any case.
    q: Option<String>,
    /// `min_lat,min_lon,max_lat,max_lon` in degrees.
    bbox: Option<String>,
    #[param(value_type = Option<String>)]
    created_after: Option<Timestamp>,
    #[param(value_type = Option<String>)]
    created_before: Option<Timestamp>,
    processed: Option<bool>,
    /// `asc` or `desc`, by the time of submission.
    #[param(value_type = Option<String>)]
    sort_order: Option<Order>,
    /// Members that are wanted, separated by commas; all when absent.
    fields: Option<String>,
}

/// What a report's status and channel can be.
const REPORT_STATUSES: [&str; 5] = ["received", "classified", "linked", "held", "rejected"];
const CHANNELS: [&str; 7] = ["web", "api", "open311", "import", "email", "phone", "sms"];

impl ReportQuery {
    fn filter(self) -> Result<ReportFilter, Problem> {
        let one_of = |known: &'static [&'static str]| {
            move |word: &str| known.contains(&word).then(|| word.to_owned())
        };
        let mut read = Reader::default();
        let filter = ReportFilter {
            issue_id: self.issue_id.map(IssueId),
            area_id: self.area_id,
            category: read.word("category", self.category, Category::parse),
            severity: read.word("severity", self.severity, Severity::parse),
            statuses: read.words("status", self.status, one_of(&REPORT_STATUSES)),
            channel: read.word("channel", self.channel, one_of(&CHANNELS)),
            q: read.text("q", self.q),
            bbox: read.bbox(self.bbox),
            created_after: self.created_after,
            created_before: self.created_before,
            processed: self.processed,
        };
        read.end().map(|()| filter)
    }
}

/// The reports of the tenant by the time of their submission, the newest first.
///
/// The total is exact up to 10,000; beyond that it is an estimate, and the answer says so.
#[utoipa::path(
    get,
    path = "/v1/reports",
    tag = "reports",
    params(PageQuery, ReportQuery),
    responses(
        (status = 200, body = ReportList),
        (status = 400, body = ProblemBody),
        (status = 401, body = ProblemBody),
        (status = 422, body = ProblemBody),
    )
)]
async fn reports(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    query: ListQuery<ReportQuery>,
) -> Result<Response, Problem> {
    scope.require(Role::Agent)?;
    let page = query.page.within(PageLimits::default())?;
    let wanted = query.filter.fields.clone();
    let order = query.filter.sort_order.unwrap_or_default();
    let filter = query.filter.filter()?;
    let session = state.db.session(scope);
    let asked = page.of(&state.cursor, lists::REPORTS, &filter);
    let count = page.count.up_to(COUNT_CAP);
    let listed = lists::reports(&session, order, asked, count).await?;
    let tenant = session.tenant();
    Ok(envelope(
        "reports",
        listed,
        &page,
        wanted.as_deref(),
        |row| ReportBody::new(tenant, row),
    ))
}

/// The answer of a list; with `fields` only those members of each row.
pub(super) fn envelope<T, B: Serialize>(
    name: &'static str,
    listed: Listed<T>,
    page: &Page,
    fields: Option<&str>,
    body: impl Fn(T) -> B,
) -> Response {
    let (listed, total) = (listed.page.map(body), listed.total);
    let Some(fields) = fields else {
        return List::new(name, listed, total, page).into_response();
    };
    let wanted: Vec<&str> = fields.split(',').map(str::trim).collect();
    let trim = |item: B| {
        let mut value = serde_json::to_value(item).unwrap_or_default();
        if let Value::Object(members) = &mut value {
            members.retain(|name, _| wanted.contains(&name.as_str()));
        }
        value
    };
    List::new(name, listed.map(trim), total, page).into_response()
}
