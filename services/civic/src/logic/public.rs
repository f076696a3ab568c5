//! What anybody may see: figures without small cells, issues without exact places of delicate kinds.

use brisk_core::Clock;
use brisk_db::{Count, Paging, Session};
use futures::TryFutureExt as _;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::dashboard::{
    AreaFigures, Counts, ScoreFigures, SeriesDay, TenantBrief, drawn, series, sum_days, whole,
};
use super::lists::{self, Listed};
use super::scores::{Standing, today};
use crate::error::Error;
use crate::ids::IssueId;
use crate::model::config::{Public, ShowText};
use crate::model::rollup::DayDelta;
use crate::model::score::{Period, Trend, compliance};
use crate::model::workflow::Status;
use crate::model::{Category, Severity, TenantKind};
use crate::settings::TenantSettings;
use crate::store::figures::{DayRow, Figures, Narrow, NowRow, PeriodRow};
use crate::store::issue::{IssueRow, Issues};
use crate::store::listing::{
    IssueFilter, IssueLine, IssueLists, IssueSort, MapCluster, MapPoint, Order,
};
use crate::store::public::PublicReads;
use crate::store::score::{ScoreRow, Scores};

/// Decimals of coordinates that need no protection: about a metre.
const EXACT: i32 = 5;
/// Issues shown on the public page.
const NEWEST: u32 = 10;
/// Reports and lines of history shown with a public issue.
const SHOWN: i64 = 20;
/// Points drawn on a map; more are gathered into squares.
const POINTS: u64 = 500;
/// Squares along the longer side of a map.
const SQUARES: f64 = 16.0;
/// A cell of the grid in degrees.
const CELL_DEGREES: f64 = 0.0025;

/// An issue as anybody may see it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PublicIssue {
    /// Its number.
    pub id: i64,
    /// What it is, unless the tenant shows no texts.
    pub title: Option<String>,
    /// One sentence, unless the tenant shows no texts.
    pub summary: Option<String>,
    /// What kind of thing it is.
    #[schema(value_type = String)]
    pub category: Category,
    /// How bad it is.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// Where it stands.
    #[schema(value_type = String)]
    pub status: Status,
    /// The area it lies in.
    pub area_id: Option<i64>,
    /// The name of that area.
    pub area: Option<String>,
    /// Where it is in words; withheld for delicate kinds.
    pub location: Option<String>,
    /// Degrees north, rounded for delicate kinds.
    pub lat: Option<f64>,
    /// Degrees east, rounded likewise.
    pub lon: Option<f64>,
    /// How many reports it has.
    pub report_count: i64,
    /// When the first of them was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Whole hours since then.
    pub age_hours: i64,
    /// When it was resolved.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Timestamp>,
    /// When its resolution is promised.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expected_at: Option<Timestamp>,
}

/// Figures of one category; `other` holds small ones too.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PublicShare {
    /// The category.
    pub name: &'static str,
    /// Issues that somebody still has to do something about.
    pub active: i64,
    /// Reports of the period.
    pub reports: i64,
    /// Issues created in it.
    pub opened: i64,
    /// Issues resolved in it.
    pub resolved: i64,
    /// Share resolved in time, 0 to 1.
    pub sla_compliance: Option<f64>,
}

/// Everything on a public page.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PublicView {
    /// Whose page it is.
    pub tenant: TenantBrief,
    /// The zone in which its days begin.
    #[serde(skip)]
    pub time_zone: jiff::tz::TimeZone,
    /// The span of days.
    #[schema(value_type = String)]
    pub period: Period,
    /// Issues by status.
    pub counts: Counts,
    /// What promises were worth.
    pub scores: ScoreFigures,
    /// Active issues whose promised time has passed.
    pub overdue: i64,
    /// How reports move against the period before; none for a period without a beginning.
    #[schema(value_type = Option<String>)]
    pub trend: Option<Trend>,
    /// Day by day.
    pub series: Vec<SeriesDay>,
    /// By category, without small cells.
    pub by_category: Vec<PublicShare>,
    /// By area, without small cells.
    pub areas: Vec<AreaFigures>,
    /// The newest issues that are shown.
    pub newest: Vec<PublicIssue>,
    /// How far the figures are behind the writes.
    pub freshness_ms: u64,
    /// When this was read.
    #[schema(value_type = String, format = DateTime)]
    pub calculated_at: Timestamp,
}

/// Whether the exact place of such an issue is nobody's business.
///
/// Only what lies open in public space is shown exactly: streets, dirt and repairs. Anything inside a house is not.
const fn is_delicate(kind: TenantKind, category: Category) -> bool {
    let inside = match kind {
        TenantKind::Building | TenantKind::Hotel | TenantKind::Facility => true,
        TenantKind::City | TenantKind::Campus => false,
    };
    match category {
        Category::Infrastructure | Category::Sanitation | Category::Maintenance => inside,
        Category::Safety | Category::Noise | Category::Other => true,
    }
}

fn rounded(degrees: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (degrees * scale).round() / scale
}

/// Decimals that coordinates of such an issue are shown with.
fn decimals(kind: TenantKind, category: Category, rules: &Public) -> i32 {
    if is_delicate(kind, category) {
        i32::try_from(rules.coord_decimals)
            .unwrap_or(EXACT)
            .min(EXACT)
    } else {
        EXACT
    }
}

/// Issues created later are not shown yet.
pub(crate) fn shown_until(settings: &TenantSettings, now: Timestamp) -> Timestamp {
    let delay = SignedDuration::from_mins(i64::from(settings.config.public.delay_minutes));
    now.checked_sub(delay).unwrap_or(now)
}

/// An issue's line as anybody may see it.
pub(crate) fn disclose(line: IssueLine, settings: &TenantSettings, now: Timestamp) -> PublicIssue {
    let rules = &settings.config.public;
    let decimals = decimals(settings.kind, line.category, rules);
    let with_text = match rules.show_text {
        ShowText::Redacted | ShowText::Summary => true,
        ShowText::None => false,
    };
    let area = line.area_id.and_then(|id| settings.area(id));
    PublicIssue {
        id: line.id.get(),
        title: with_text.then_some(line.title),
        summary: line.summary.filter(|_| with_text),
        category: line.category,
        severity: line.severity,
        status: line.status,
        area_id: line.area_id,
        area: area.map(|a| a.name.clone()),
        location: line
            .location
            .filter(|_| !is_delicate(settings.kind, line.category)),
        lat: line.lat.map(|d| rounded(d, decimals)),
        lon: line.lon.map(|d| rounded(d, decimals)),
        report_count: line.report_count,
        created_at: line.created_at,
        age_hours: now.duration_since(line.created_at).as_hours(),
        resolved_at: line.resolved_at,
        expected_at: line.resolve_due_at,
    }
}

fn public_filter(settings: &TenantSettings, filter: IssueFilter, now: Timestamp) -> IssueFilter {
    IssueFilter {
        public: true,
        shown_until: Some(shown_until(settings, now)),
        ..filter
    }
}

/// Reads a public page, in five statements that travel together; `None` when the tenant has none.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn view(
    session: &Session,
    settings: &TenantSettings,
    clock: &Clock,
    period: Period,
) -> Result<Option<PublicView>, Error> {
    let rules = &settings.config.public;
    if !rules.enabled {
        return Ok(None);
    }
    let now = clock.now();
    let today = today(settings, now);
    let range = period.range(today);
    let drawn = drawn(period, today);
    let first = period
        .previous(today)
        .map_or(drawn.0, |(from, _)| from.min(drawn.0));
    let (figures, scores, lists) = (Figures(session), Scores(session), IssueLists(session));
    let shown = public_filter(settings, IssueFilter::default(), now);
    let (current, sums, days, areas, newest) = futures::try_join!(
        figures.now(now, now).err_into::<Error>(),
        figures.period(range).err_into::<Error>(),
        figures
            .days((first, today), Narrow::default())
            .err_into::<Error>(),
        scores.of_period(period.as_str()),
        lists
            .first(&shown, (IssueSort::CreatedAt, Order::Desc), NEWEST, now)
            .err_into::<Error>(),
    )?;
    let sum = whole(&sums);
    let counts = Counts::of(&current, &sum);
    let (overall, standing) = Standing::of(&sum, None, counts.open, &settings.config.score);
    let newest = newest
        .into_iter()
        .map(|line| disclose(line, settings, now))
        .collect();
    let min = i64::from(rules.min_cell);
    Ok(Some(PublicView {
        tenant: TenantBrief::of(settings),
        time_zone: settings.zone.clone(),
        period,
        counts,
        scores: ScoreFigures::of(overall, &standing),
        series: series(&days, drawn),
        overdue: current
            .iter()
            .find(|row| row.what == "overdue")
            .map_or(0, |row| row.n),
        trend: trend(&days, period, today),
        by_category: categories(&current, &sums, min),
        areas: large_areas(&areas, min),
        newest,
        freshness_ms: 0,
        calculated_at: now,
    }))
}

/// Splits off cells with fewer than `min` reports. If what was split off is itself too small to be told, the smallest of
/// the others goes with it, so that it cannot be found by subtraction.
fn split_small<K: Copy>(mut cells: Vec<(K, DayDelta)>, min: i64) -> (Vec<(K, DayDelta)>, DayDelta) {
    cells.sort_by_key(|(_, sum)| sum.reports);
    let mut small = DayDelta::default();
    let mut taken = 0;
    for (_, sum) in &cells {
        let is_small = sum.reports < min;
        let needs_company = taken > 0 && small.reports > 0 && small.reports < min;
        if !is_small && !needs_company {
            break;
        }
        small.merge(sum, 1);
        taken += 1;
    }
    (cells.split_off(taken), small)
}

/// How reports move against the period before, as far as the drawn days reach.
fn trend(days: &[DayRow], period: Period, today: Date) -> Option<Trend> {
    let (from, to) = period.range(today);
    let before = period.previous(today)?;
    Some(Trend::of(
        sum_days(days, (from, to)).reports,
        sum_days(days, before).reports,
    ))
}

/// Active issues of a category.
fn active_in(current: &[NowRow], category: Category) -> i64 {
    let of = current.iter().filter(|row| row.category == Some(category));
    of.filter(|row| row.status.is_some_and(Status::is_active))
        .map(|row| row.n)
        .sum()
}

fn categories(current: &[NowRow], rows: &[PeriodRow], min: i64) -> Vec<PublicShare> {
    let sum_of = |category| {
        let mut sum = DayDelta::default();
        for row in rows.iter().filter(|r| r.category == Some(category)) {
            sum.merge(&row.sums(), 1);
        }
        (category, sum)
    };
    let (named, rest): (Vec<_>, Vec<_>) = Category::ALL
        .map(sum_of)
        .into_iter()
        .filter(|(_, sum)| !sum.is_zero())
        .partition(|(category, _)| *category != Category::Other);
    let (mut shown, mut other) = split_small(named, min);
    for (_, sum) in &rest {
        other.merge(sum, 1);
    }
    // "Other" holds the category of that name too; when even both are few, the smallest of the rest joins them.
    while !other.is_zero() && other.reports < min && !shown.is_empty() {
        let (_, sum) = shown.remove(0);
        other.merge(&sum, 1);
    }
    shown.sort_by_key(|(category, _)| *category);
    if other.reports >= min && !other.is_zero() {
        shown.push((Category::Other, other));
    }
    let named: i64 = shown
        .iter()
        .filter(|(category, _)| *category != Category::Other)
        .map(|(category, _)| active_in(current, *category))
        .sum();
    let all: i64 = Category::ALL
        .into_iter()
        .map(|category| active_in(current, category))
        .sum();
    shown
        .into_iter()
        .map(|(category, sum)| PublicShare {
            active: match category {
                Category::Other => all - named,
                category => active_in(current, category),
            },
            name: category.as_str(),
            reports: sum.reports,
            opened: sum.opened,
            resolved: sum.resolved,
            sla_compliance: compliance(sum.sla_met, sum.sla_missed),
        })
        .collect()
}

/// Areas with enough reports; the rest as one line without a number of its own, if it is large enough together.
fn large_areas(rows: &[ScoreRow], min: i64) -> Vec<AreaFigures> {
    let (mut large, small): (Vec<_>, Vec<_>) = rows
        .iter()
        .filter_map(AreaFigures::of)
        .partition(|a| a.total_reports >= min);
    let reports = small.iter().map(|a| a.total_reports).sum::<i64>();
    if reports >= min {
        large.push(AreaFigures {
            area_id: 0,
            name: "other".to_owned(),
            score: None,
            grade: None,
            sla_compliance: None,
            open_issues: small.iter().map(|a| a.open_issues).sum(),
            total_reports: reports,
        });
    }
    large
}

/// A page of public issues, the newest first.
///
/// # Errors
///
/// As [`lists::issues`].
pub(crate) async fn page(
    session: &Session,
    settings: &TenantSettings,
    asked: Paging<'_, IssueFilter>,
    count: Count,
    now: Timestamp,
) -> Result<Listed<PublicIssue>, Error> {
    let filter = public_filter(settings, asked.filter.clone(), now);
    let asked = Paging {
        filter: &filter,
        ..asked
    };
    let order = (IssueSort::CreatedAt, Order::Desc);
    let listed = lists::issues(session, order, asked, count, now).await?;
    Ok(Listed {
        page: listed.page.map(|line| disclose(line, settings, now)),
        total: listed.total,
    })
}

/// A map: points, or squares where there are too many.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct MapView {
    pub(crate) points: Vec<PointBody>,
    pub(crate) clusters: Vec<ClusterBody>,
}

/// One issue on a map.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct PointBody {
    pub(crate) id: i64,
    #[schema(value_type = String)]
    pub(crate) category: Category,
    #[schema(value_type = String)]
    pub(crate) severity: Severity,
    #[schema(value_type = String)]
    pub(crate) status: Status,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

/// Issues of one square, at their middle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ClusterBody {
    pub(crate) count: i64,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

/// The public issues in view: at most [`POINTS`], or how many there are in each square.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn map(
    session: &Session,
    settings: &TenantSettings,
    filter: IssueFilter,
    now: Timestamp,
) -> Result<MapView, Error> {
    let filter = public_filter(settings, filter, now);
    let lists = IssueLists(session);
    let points = lists.points(&filter, POINTS + 1, now).await?;
    let rules = &settings.config.public;
    if points.len() as u64 <= POINTS {
        let point = |p: MapPoint| {
            let decimals = decimals(settings.kind, p.category, rules);
            PointBody {
                id: p.id.get(),
                category: p.category,
                severity: p.severity,
                status: p.status,
                lat: rounded(p.lat, decimals),
                lon: rounded(p.lon, decimals),
            }
        };
        return Ok(MapView {
            points: points.into_iter().map(point).collect(),
            clusters: Vec::new(),
        });
    }
    let span = filter.bbox.map_or(360.0, |[south, west, north, east]| {
        (north - south).max(east - west)
    });
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most 360 degrees, so at most 9,000 cells"
    )]
    let cells = (span / SQUARES / CELL_DEGREES).ceil().max(1.0) as i64;
    let clusters = lists.clusters(&filter, cells, now).await?;
    let decimals = i32::try_from(rules.coord_decimals).unwrap_or(EXACT).min(3);
    let cluster = |c: MapCluster| ClusterBody {
        count: c.n,
        lat: rounded(c.lat, decimals),
        lon: rounded(c.lon, decimals),
    };
    Ok(MapView {
        points: Vec::new(),
        clusters: clusters.into_iter().map(cluster).collect(),
    })
}

/// A line of an issue's public history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PublicEvent {
    pub(crate) kind: String,
    pub(crate) to: Option<String>,
    pub(crate) body: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
}

/// A report of a public issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PublicReport {
    pub(crate) description: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) submitted_at: Timestamp,
}

/// A public issue with its public history.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct PublicDetail {
    #[serde(flatten)]
    pub(crate) issue: PublicIssue,
    pub(crate) updates: Vec<PublicEvent>,
    /// The newest reports in their redacted form, where the tenant shows it.
    pub(crate) reports: Vec<PublicReport>,
}

/// One public issue, in three statements that travel together.
///
/// # Errors
///
/// [`Error::NotFound`] when there is none that the public may see, at this time.
pub(crate) async fn detail(
    session: &Session,
    settings: &TenantSettings,
    id: IssueId,
    now: Timestamp,
) -> Result<PublicDetail, Error> {
    let until = shown_until(settings, now);
    let (issues, reads) = (Issues(session), PublicReads(session));
    let (row, events, reports) = futures::try_join!(
        issues.get(id),
        reads.events(id, SHOWN),
        reads.reports(id, until, SHOWN),
    )?;
    let row = row
        .filter(|r| r.public && r.merged_into_id.is_none() && r.created_at <= until)
        .ok_or(Error::NotFound { what: "issue" })?;
    let updates = events.into_iter().map(|e| PublicEvent {
        kind: e.kind,
        to: e.to_value,
        body: e.body,
        at: e.at,
    });
    let full_text = settings.config.public.show_text == ShowText::Redacted;
    let reports = reports.into_iter().filter(|_| full_text).filter_map(|r| {
        Some(PublicReport {
            description: r.description_public?,
            submitted_at: r.submitted_at,
        })
    });
    Ok(PublicDetail {
        updates: updates.collect(),
        reports: reports.collect(),
        issue: disclose(line_of(row), settings, now),
    })
}

fn line_of(row: IssueRow) -> IssueLine {
    IssueLine {
        id: row.id,
        area_id: row.area_id,
        category: row.category,
        severity: row.severity,
        status: row.status,
        title: row.title,
        summary: row.summary,
        location: row.location,
        lat: row.lat,
        lon: row.lon,
        report_count: row.report_count,
        reporter_count: row.reporter_count,
        priority: row.priority,
        assignee: None,
        sensitive: row.sensitive,
        merged_into_id: row.merged_into_id,
        created_at: row.created_at,
        last_report_at: row.last_report_at,
        acknowledged_at: row.acknowledged_at,
        resolved_at: row.resolved_at,
        closed_at: row.closed_at,
        updated_at: row.updated_at,
        version: row.version,
        resolve_due_at: None,
        breached_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(reports: i64) -> DayDelta {
        DayDelta {
            reports,
            ..DayDelta::default()
        }
    }

    fn row(category: Category, reports: i64) -> PeriodRow {
        PeriodRow {
            category: Some(category),
            severity: Some(Severity::Low),
            bucket: None,
            n: 0,
            reports,
            opened: 0,
            acknowledged: 0,
            resolved: 0,
            closed: 0,
            reopened: 0,
            breached: 0,
            sla_met: 0,
            sla_missed: 0,
            ack_met: 0,
            ack_missed: 0,
            merged: 0,
            resolution_seconds: 0,
            ack_seconds: 0,
        }
    }

    #[test]
    fn small_cells_go_together_and_are_never_told_apart() {
        let (large, small) = split_small(vec![('a', cell(9)), ('b', cell(2)), ('c', cell(4))], 5);
        assert_eq!(large.len(), 1);
        assert_eq!(small.reports, 6);
        let (large, small) = split_small(vec![('a', cell(9)), ('b', cell(2)), ('c', cell(7))], 5);
        assert_eq!((large[0].0, small.reports), ('a', 9));
    }

    #[test]
    fn categories_below_the_minimum_are_other() {
        let rows = [
            row(Category::Safety, 2),
            row(Category::Noise, 30),
            row(Category::Other, 4),
            row(Category::Sanitation, 8),
        ];
        let shown: Vec<_> = categories(&[], &rows, 5)
            .into_iter()
            .map(|s| (s.name, s.reports))
            .collect();
        assert_eq!(shown, [("noise", 30), ("other", 14)]);
        assert_eq!(categories(&[], &[row(Category::Safety, 3)], 5), []);
    }

    #[test]
    fn delicate_places_are_coarse() {
        assert!(is_delicate(TenantKind::City, Category::Safety));
        assert!(!is_delicate(TenantKind::City, Category::Sanitation));
        assert!(is_delicate(TenantKind::Hotel, Category::Sanitation));
        assert!((rounded(48.123_456_7, 3) - 48.123).abs() < 1e-12);
        assert!((rounded(-16.999_96, 4) + 17.0).abs() < 1e-12);
    }
}
