//! What anybody may read: public pages, issues and hints.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use brisk_core::FieldError;
use brisk_http::{
    Caller, Json, ListQuery, PageLimits, PageQuery, Path, Problem, ProblemBody, Query, TenantScope,
    json_with_etag,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{Reader, envelope};
use super::score::PeriodQuery;
use crate::error::Error;
use crate::ids::IssueId;
use crate::logic::lists;
use crate::logic::nearby::{self, Ask, Near};
use crate::logic::public::{self, MapView, PublicDetail, PublicIssue, PublicView};
use crate::model::geo::Point;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};
use crate::settings::TenantSettings;
use crate::state::CivicState;
use crate::store::listing::{COUNT_CAP, IssueFilter};

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(dashboard))
        .routes(routes!(issues))
        .routes(routes!(map))
        .routes(routes!(issue))
        .routes(routes!(near))
}

/// How long a public page may be kept by browsers and proxies.
const CACHED: HeaderValue =
    HeaderValue::from_static("public, max-age=30, stale-while-revalidate=120");

/// The tenant of a public page; 404 where there is none.
async fn open_to_all(state: &CivicState, slug: &str) -> Result<Arc<TenantSettings>, Problem> {
    let found = state.settings.by_slug(slug).await?;
    let found = found.filter(|settings| settings.config.public.enabled);
    Ok(found.ok_or(Error::NotFound {
        what: "public page",
    })?)
}

fn cached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, CACHED);
    response
}

/// A tenant's figures for everybody: cells with few reports are merged, and nothing tells of staff or reporters.
#[utoipa::path(
    get,
    path = "/v1/public/{slug}/dashboard",
    tag = "public",
    params(("slug" = String, Path), PeriodQuery),
    responses((status = 200, body = PublicView), (status = 304), (status = 404, body = ProblemBody))
)]
async fn dashboard(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Path(slug): Path<String>,
    Query(query): Query<PeriodQuery>,
) -> Result<Response, Problem> {
    let settings = open_to_all(&state, &slug).await?;
    let session = state.db.session(caller.scope(settings.tenant.id));
    let period = query.period.unwrap_or_default();
    let view = Box::pin(public::view(&session, &settings, &state.clock, period)).await?;
    let view = view.ok_or(Error::NotFound {
        what: "public page",
    })?;
    Ok(cached(json_with_etag(&headers, &view)))
}

/// Which public issues.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PublicQuery {
    /// One status or several, separated by commas.
    status: Option<String>,
    category: Option<String>,
    severity: Option<String>,
    area_id: Option<i64>,
    /// `min_lat,min_lon,max_lat,max_lon` in degrees.
    bbox: Option<String>,
}

impl PublicQuery {
    fn filter(self) -> Result<IssueFilter, Problem> {
        let mut read = Reader::default();
        let filter = IssueFilter {
            statuses: read.words("status", self.status, Status::parse),
            category: read.word("category", self.category, Category::parse),
            severity: read.word("severity", self.severity, Severity::parse),
            area_id: self.area_id,
            bbox: read.bbox(self.bbox),
            ..IssueFilter::default()
        };
        read.end().map(|()| filter)
    }
}

/// A page of public issues.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the envelope in the API's document")]
struct PublicList {
    issues: Vec<PublicIssue>,
    total: Option<u64>,
    total_is_estimate: Option<bool>,
    skip: u32,
    limit: u32,
    has_more: bool,
    next_cursor: Option<String>,
    previous_cursor: Option<String>,
}

/// A tenant's public issues, the newest first.
#[utoipa::path(
    get,
    path = "/v1/public/{slug}/issues",
    tag = "public",
    params(("slug" = String, Path), PageQuery, PublicQuery),
    responses((status = 200, body = PublicList), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody))
)]
async fn issues(
    State(state): State<CivicState>,
    caller: Caller,
    Path(slug): Path<String>,
    query: ListQuery<PublicQuery>,
) -> Result<Response, Problem> {
    let settings = open_to_all(&state, &slug).await?;
    let page = query.page.within(PageLimits::default())?;
    let filter = query.filter.filter()?;
    let session = state.db.session(caller.scope(settings.tenant.id));
    let (now, count) = (state.clock.now(), page.count.up_to(COUNT_CAP));
    let asked = page.of(&state.cursor, lists::ISSUES, &filter);
    let listed = public::page(&session, &settings, asked, count, now).await?;
    Ok(cached(envelope("issues", listed, &page, None, |i| i)))
}

/// A tenant's public issues on a map: points, or numbers by square when more than 500 are in view.
#[utoipa::path(
    get,
    path = "/v1/public/{slug}/map",
    tag = "public",
    params(("slug" = String, Path), PublicQuery),
    responses((status = 200, body = MapView), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody))
)]
async fn map(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Path(slug): Path<String>,
    Query(query): Query<PublicQuery>,
) -> Result<Response, Problem> {
    let settings = open_to_all(&state, &slug).await?;
    let filter = query.filter()?;
    let session = state.db.session(caller.scope(settings.tenant.id));
    let view = public::map(&session, &settings, filter, state.clock.now()).await?;
    Ok(cached(json_with_etag(&headers, &view)))
}

/// One public issue with its public history.
#[utoipa::path(
    get,
    path = "/v1/public/{slug}/issues/{id}",
    tag = "public",
    params(("slug" = String, Path), ("id" = i64, Path)),
    responses((status = 200, body = PublicDetail), (status = 304), (status = 404, body = ProblemBody))
)]
async fn issue(
    State(state): State<CivicState>,
    caller: Caller,
    headers: HeaderMap,
    Path((slug, id)): Path<(String, i64)>,
) -> Result<Response, Problem> {
    let settings = open_to_all(&state, &slug).await?;
    let session = state.db.session(caller.scope(settings.tenant.id));
    let detail = public::detail(&session, &settings, IssueId(id), state.clock.now()).await?;
    Ok(cached(json_with_etag(&headers, &detail)))
}

/// Where somebody is about to report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct NearQuery {
    lat: f64,
    lon: f64,
    category: Option<String>,
    /// What is about to be reported; then the answer says how alike each issue is.
    q: Option<String>,
    /// Issues at most, 1 to 50.
    limit: Option<usize>,
}

/// What is known there.
#[derive(Debug, Serialize, ToSchema)]
struct NearBody {
    issues: Vec<Near>,
}

/// Public issues within 250 m that somebody still works on: perhaps there is no need for another report.
#[utoipa::path(
    get,
    path = "/v1/nearby",
    tag = "public",
    params(NearQuery),
    responses((status = 200, body = NearBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody))
)]
async fn near(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Query(query): Query<NearQuery>,
) -> Result<Response, Problem> {
    let mut read = Reader::default();
    let category = read.word("category", query.category, Category::parse);
    let q = read.text("q", query.q);
    read.end()?;
    let wrong = |field, message: String| {
        Problem::fields(vec![FieldError::new(field, "out_of_range", message)])
    };
    let point = Point::new(query.lat, query.lon).map_err(|e| wrong("lat", e.to_string()))?;
    let limit = query.limit.unwrap_or(5);
    if !(1..=50).contains(&limit) {
        return Err(wrong("limit", "must be from 1 to 50".to_owned()));
    }
    let settings = state.settings.of(scope.tenant()).await?;
    // The hint tells no more than the public list does; where that is closed, it is for people of the tenant.
    let at_home = scope.principal().tenant == Some(scope.tenant());
    if !settings.config.public.enabled && !at_home {
        return Err(Error::NotFound { what: "tenant" }.into());
    }
    let session = state.db.session(scope);
    let ask = Ask {
        point,
        category,
        q: q.as_deref(),
        limit,
    };
    let issues = nearby::find(&session, &settings, &ask, state.clock.now()).await?;
    Ok(Json(NearBody { issues }).into_response())
}
