//! The dashboard, scores, rankings and analytics.

use std::sync::Arc;

use axum::extract::State;
use brisk_core::{FieldError, Role, TenantId};
use brisk_http::{Caller, Json, Path, Problem, ProblemBody, Query, RequireRole as _, TenantScope};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::Reader;
use crate::error::Error;
use crate::logic::analytics::{self, Interval, Metric, SeriesPoint};
use crate::logic::dashboard::{self, Dashboard};
use crate::logic::scores::{self, Leader, Scored};
use crate::model::score::{Grade, Period, Trend, percentile};
use crate::model::{Category, Severity};
use crate::settings::TenantSettings;
use crate::state::CivicState;
use crate::store::figures::Narrow;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .routes(routes!(dashboard))
        .routes(routes!(tenant_score))
        .routes(routes!(area_score))
        .routes(routes!(leaderboard))
        .routes(routes!(series))
        .routes(routes!(categories))
}

/// Which span of days.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PeriodQuery {
    /// `last_7_days`, `last_30_days`, `last_90_days` or `all_time`.
    #[param(value_type = Option<String>)]
    pub(super) period: Option<Period>,
}

/// Everything that the staff's start page shows, in one call.
#[utoipa::path(
    get,
    path = "/v1/dashboard",
    tag = "figures",
    params(PeriodQuery),
    responses((status = 200, body = Dashboard), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody))
)]
async fn dashboard(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Query(query): Query<PeriodQuery>,
) -> Result<Json<Dashboard>, Problem> {
    scope.require(Role::Agent)?;
    let settings = state.settings.of(scope.tenant()).await?;
    let session = state.db.session(scope);
    let period = query.period.unwrap_or_default();
    Ok(Json(
        Box::pin(dashboard::read(&session, &settings, &state.clock, period)).await?,
    ))
}

/// The numbers of a score.
#[derive(Debug, Serialize, ToSchema)]
struct ScoreNumbers {
    overall: Option<f64>,
    sla_compliance: Option<f64>,
    ack_compliance: Option<f64>,
    average_resolution_hours: Option<f64>,
    /// Approximate, from a histogram, as is the next.
    p50_resolution_hours: Option<f64>,
    p90_resolution_hours: Option<f64>,
    open_issues: i64,
    resolved_issues: i64,
    total_reports: i64,
}

/// The score of a tenant or an area.
#[derive(Debug, Serialize, ToSchema)]
struct ScoreBody {
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<i64>,
    scores: ScoreNumbers,
    #[schema(value_type = Option<String>)]
    grade: Option<Grade>,
    insufficient_data: bool,
    /// Percent of the scores compared with that are not above this one.
    percentile: Option<f64>,
    #[schema(value_type = Option<String>)]
    trend: Option<Trend>,
    #[schema(value_type = String)]
    period: Period,
    #[schema(value_type = Option<String>, format = DateTime)]
    calculated_at: Option<Timestamp>,
}

impl ScoreBody {
    fn new(tenant_id: TenantId, area_id: Option<i64>, period: Period, scored: Scored) -> Self {
        let standing = scored.standing;
        Self {
            tenant_id,
            area_id,
            scores: ScoreNumbers {
                overall: scored.score,
                sla_compliance: standing.sla_compliance,
                ack_compliance: standing.ack_compliance,
                average_resolution_hours: standing.average_resolution_hours,
                p50_resolution_hours: standing.p50_resolution_hours,
                p90_resolution_hours: standing.p90_resolution_hours,
                open_issues: standing.open_issues,
                resolved_issues: standing.resolved_issues,
                total_reports: standing.total_reports,
            },
            grade: standing.grade,
            insufficient_data: standing.insufficient_data,
            percentile: standing.percentile,
            trend: standing.trend,
            period,
            calculated_at: scored.calculated_at,
        }
    }
}

/// The settings of a tenant whose scores the caller may read: its staff, and anybody where it has public pages.
async fn readable(
    state: &CivicState,
    caller: &brisk_core::Principal,
    tenant: TenantId,
) -> Result<Arc<TenantSettings>, Problem> {
    let settings = state.settings.of(tenant).await?;
    if caller.may(Role::Agent, tenant) || settings.config.public.enabled {
        Ok(settings)
    } else if caller.tenant == Some(tenant) {
        Err(Problem::forbidden("this needs the role agent"))
    } else {
        Err(Error::NotFound { what: "tenant" }.into())
    }
}

/// How a tenant keeps its promises.
#[utoipa::path(
    get,
    path = "/v1/scores/tenant/{id}",
    tag = "figures",
    params(("id" = i64, Path), PeriodQuery),
    responses((status = 200, body = ScoreBody), (status = 404, body = ProblemBody))
)]
async fn tenant_score(
    State(state): State<CivicState>,
    caller: Caller,
    Path(id): Path<TenantId>,
    Query(query): Query<PeriodQuery>,
) -> Result<Json<ScoreBody>, Problem> {
    let settings = readable(&state, caller.principal(), id).await?;
    let period = query.period.unwrap_or_default();
    let session = state.db.session(caller.scope(id));
    let (mut scored, leaders) = futures::try_join!(
        scores::get(&session, &settings, 0, period),
        scores::tenant_leaders(&session, period)
    )?;
    let own = scored.score;
    let others = leaders.iter().filter(|l| l.tenant_id != id);
    let compared: Vec<f64> = others.map(|l| l.score).chain(own).collect();
    scored.standing.percentile = own.map(|own| percentile(own, &compared));
    Ok(Json(ScoreBody::new(id, None, period, scored)))
}

/// How an area's promises are kept.
#[utoipa::path(
    get,
    path = "/v1/scores/area/{id}",
    tag = "figures",
    params(("id" = i64, Path), PeriodQuery),
    responses((status = 200, body = ScoreBody), (status = 404, body = ProblemBody))
)]
async fn area_score(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Path(id): Path<i64>,
    Query(query): Query<PeriodQuery>,
) -> Result<Json<ScoreBody>, Problem> {
    let tenant = scope.tenant();
    let settings = readable(&state, scope.principal(), tenant).await?;
    if settings.area(id).is_none() {
        return Err(Error::NotFound { what: "area" }.into());
    }
    let period = query.period.unwrap_or_default();
    let session = state.db.session(scope);
    let scored = scores::get(&session, &settings, id, period).await?;
    Ok(Json(ScoreBody::new(tenant, Some(id), period, scored)))
}

/// Which ranking.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LeaderQuery {
    /// The areas of this tenant; without it, the tenants that take part.
    tenant_id: Option<i64>,
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    /// Lines at most, 1 to 1,000.
    limit: Option<usize>,
}

/// One line of a ranking.
#[derive(Debug, Serialize, ToSchema)]
struct LeaderBody {
    rank: u32,
    #[schema(value_type = i64)]
    tenant_id: TenantId,
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<i64>,
    name: String,
    score: f64,
    sla_compliance: Option<f64>,
}

impl From<Leader> for LeaderBody {
    fn from(leader: Leader) -> Self {
        Self {
            rank: leader.rank,
            tenant_id: leader.tenant_id,
            area_id: leader.area_id,
            name: leader.name,
            score: leader.score,
            sla_compliance: leader.sla_compliance,
        }
    }
}

/// A ranking.
#[derive(Debug, Serialize, ToSchema)]
struct LeaderboardBody {
    leaderboard: Vec<LeaderBody>,
    #[schema(value_type = String)]
    period: Period,
    metric: &'static str,
}

/// Tenants that take part, or the areas of one, by score: ties share a rank and the next rank follows.
#[utoipa::path(
    get,
    path = "/v1/scores/leaderboard",
    tag = "figures",
    params(LeaderQuery),
    responses((status = 200, body = LeaderboardBody), (status = 404, body = ProblemBody))
)]
async fn leaderboard(
    State(state): State<CivicState>,
    caller: Caller,
    Query(query): Query<LeaderQuery>,
) -> Result<Json<LeaderboardBody>, Problem> {
    let period = query.period.unwrap_or_default();
    let limit = query.limit.unwrap_or(100);
    if !(1..=1_000).contains(&limit) {
        let wrong = FieldError::new("limit", "out_of_range", "must be from 1 to 1000");
        return Err(Problem::fields(vec![wrong]));
    }
    let leaders = if let Some(tenant) = query.tenant_id.map(TenantId) {
        readable(&state, caller.principal(), tenant).await?;
        let session = state.db.session(caller.scope(tenant));
        scores::area_leaders(&session, period).await?
    } else {
        let session = state.db.session(caller.scope(TenantId::PLATFORM));
        scores::tenant_leaders(&session, period).await?
    };
    let lines = leaders.into_iter().take(limit);
    Ok(Json(LeaderboardBody {
        leaderboard: lines.map(LeaderBody::from).collect(),
        period,
        metric: "overall_score",
    }))
}

/// Which series.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SeriesQuery {
    /// A daily counter such as `reports`, `opened`, `resolved` or `breached`, or `sla_compliance`, `ack_compliance`,
    /// `average_resolution_hours`.
    metric: Option<String>,
    /// `day`, `week` (from Monday) or `month`.
    #[param(value_type = Option<String>)]
    interval: Option<Interval>,
    /// The first day; 30 days before the last when absent.
    #[param(value_type = Option<String>)]
    from: Option<Date>,
    /// The last day; today when absent.
    #[param(value_type = Option<String>)]
    to: Option<Date>,
    /// Whether each value is the mean of up to seven.
    smooth: Option<bool>,
    area_id: Option<i64>,
    category: Option<String>,
    severity: Option<String>,
}

/// A series.
#[derive(Debug, Serialize, ToSchema)]
struct SeriesBody {
    metric: &'static str,
    #[schema(value_type = String)]
    interval: Interval,
    series: Vec<SeriesPoint>,
}

/// A figure over time.
#[utoipa::path(
    get,
    path = "/v1/analytics/series",
    tag = "figures",
    params(SeriesQuery),
    responses((status = 200, body = SeriesBody), (status = 422, body = ProblemBody))
)]
async fn series(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Query(query): Query<SeriesQuery>,
) -> Result<Json<SeriesBody>, Problem> {
    scope.require(Role::Agent)?;
    let mut read = Reader::default();
    let metric = read.word("metric", query.metric, Metric::parse);
    let narrow = Narrow {
        area_id: query.area_id,
        category: read.word("category", query.category, Category::parse),
        severity: read.word("severity", query.severity, Severity::parse),
    };
    let settings = state.settings.of(scope.tenant()).await?;
    let today = scores::today(&settings, state.clock.now());
    let range = analytics::range(query.from, query.to, today);
    if range.is_none() {
        read.bad(
            "from",
            "must not be after `to`, and at most ten years before it".to_owned(),
        );
    }
    read.end()?;
    let (metric, range) = (metric.unwrap_or_default(), range.unwrap_or((today, today)));
    let interval = query.interval.unwrap_or_default();
    let session = state.db.session(scope);
    let points = analytics::series(&session, metric, interval, range, narrow).await?;
    let series = if query.smooth.unwrap_or_default() {
        analytics::smoothed(points)
    } else {
        points
    };
    Ok(Json(SeriesBody {
        metric: metric.as_str(),
        interval,
        series,
    }))
}

/// Which counts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CategoriesQuery {
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    area_id: Option<i64>,
    category: Option<String>,
    severity: Option<String>,
}

/// Counts of a period by category, severity and area.
#[utoipa::path(
    get,
    path = "/v1/analytics/categories",
    tag = "figures",
    params(CategoriesQuery),
    responses((status = 200, body = analytics::Breakdown), (status = 422, body = ProblemBody))
)]
async fn categories(
    State(state): State<CivicState>,
    TenantScope(scope): TenantScope,
    Query(query): Query<CategoriesQuery>,
) -> Result<Json<analytics::Breakdown>, Problem> {
    scope.require(Role::Agent)?;
    let mut read = Reader::default();
    let narrow = Narrow {
        area_id: query.area_id,
        category: read.word("category", query.category, Category::parse),
        severity: read.word("severity", query.severity, Severity::parse),
    };
    read.end()?;
    let settings = state.settings.of(scope.tenant()).await?;
    let period = query.period.unwrap_or_default();
    let today = scores::today(&settings, state.clock.now());
    let session = state.db.session(scope);
    Ok(Json(
        analytics::breakdown(&session, &settings, period, today, narrow).await?,
    ))
}
