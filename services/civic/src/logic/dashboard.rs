//! The private dashboard: five reads that travel together, whatever the number of rows.

use std::collections::BTreeMap;

use brisk_core::Clock;
use brisk_db::Session;
use futures::TryFutureExt as _;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use utoipa::ToSchema;

use super::scores::{Standing, today};
use crate::error::Error;
use crate::model::priority::shown_priority;
use crate::model::rollup::DayDelta;
use crate::model::score::{Grade, Period, Trend, compliance};
use crate::model::workflow::Status;
use crate::model::{Category, Severity};
use crate::settings::TenantSettings;
use crate::store::figures::{DayRow, Figures, Narrow, NowRow, PeriodRow};
use crate::store::listing::{IssueFilter, IssueLine, IssueLists, IssueSort, Order};
use crate::store::score::{ScoreRow, Scores};

/// Issues on the work list of a dashboard.
const TOP: u32 = 10;
/// Days drawn for a period without a beginning.
const LONGEST_SERIES: i32 = 90;

/// Numbers by status, now and over the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// Nobody has looked at them.
    pub open: i64,
    /// Taken note of.
    pub acknowledged: i64,
    /// Being worked on.
    pub in_progress: i64,
    /// Waiting.
    pub on_hold: i64,
    /// Done, and not closed yet.
    pub resolved: i64,
    /// Over.
    pub closed: i64,
    /// Resolved in the period, and not reopened since.
    pub resolved_period: i64,
    /// Reports submitted in the period.
    pub reports_period: i64,
}

impl Counts {
    pub(super) fn of(rows: &[NowRow], sums: &DayDelta) -> Self {
        let mut counts = Self {
            resolved_period: sums.resolved,
            reports_period: sums.reports,
            ..Self::default()
        };
        for row in rows {
            match row.status {
                Some(Status::Open) => counts.open += row.n,
                Some(Status::Acknowledged) => counts.acknowledged += row.n,
                Some(Status::InProgress) => counts.in_progress += row.n,
                Some(Status::OnHold) => counts.on_hold += row.n,
                Some(Status::Resolved) => counts.resolved += row.n,
                Some(Status::Closed) => counts.closed += row.n,
                None => {}
            }
        }
        counts
    }

    pub(super) const fn active(&self) -> i64 {
        self.open + self.acknowledged + self.in_progress + self.on_hold
    }
}

/// One day of a series; days without any event are there too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeriesDay {
    /// The day in the tenant's zone.
    #[schema(value_type = String, format = Date)]
    pub day: Date,
    /// Reports submitted.
    pub reports: i64,
    /// Issues created.
    pub opened: i64,
    /// Issues resolved, and not reopened since.
    pub resolved: i64,
    /// Promises missed.
    pub breached: i64,
}

/// What promises were worth in a period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct ScoreFigures {
    /// 0 to 100; none while too few issues are decided.
    pub overall: Option<f64>,
    /// The letter for it.
    #[schema(value_type = Option<String>)]
    pub grade: Option<Grade>,
    /// Whether fewer issues than the minimum are decided.
    pub insufficient_data: bool,
    /// Share resolved in time, 0 to 1.
    pub sla_compliance: Option<f64>,
    /// Share acknowledged in time, 0 to 1.
    pub ack_compliance: Option<f64>,
    /// Mean hours to resolution.
    pub average_resolution_hours: Option<f64>,
    /// Half were faster; approximate, from a histogram.
    pub p50_resolution_hours: Option<f64>,
    /// Nine of ten were faster; approximate, from a histogram.
    pub p90_resolution_hours: Option<f64>,
}

impl ScoreFigures {
    pub(crate) fn of(overall: Option<f64>, standing: &Standing) -> Self {
        Self {
            overall,
            grade: standing.grade,
            insufficient_data: standing.insufficient_data,
            sla_compliance: standing.sla_compliance,
            ack_compliance: standing.ack_compliance,
            average_resolution_hours: standing.average_resolution_hours,
            p50_resolution_hours: standing.p50_resolution_hours,
            p90_resolution_hours: standing.p90_resolution_hours,
        }
    }
}

/// Figures of one category or severity.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Share {
    /// The category or severity.
    pub(crate) name: &'static str,
    /// Issues that somebody still has to do something about.
    pub(crate) active: i64,
    pub(crate) reports: i64,
    pub(crate) opened: i64,
    pub(crate) resolved: i64,
    pub(crate) sla_compliance: Option<f64>,
}

/// Figures of one area.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AreaFigures {
    /// The area.
    pub area_id: i64,
    /// Its name.
    pub name: String,
    /// 0 to 100; none while too few issues are decided.
    pub score: Option<f64>,
    /// The letter for it.
    #[schema(value_type = Option<String>)]
    pub grade: Option<Grade>,
    /// Share resolved in time, 0 to 1.
    pub sla_compliance: Option<f64>,
    /// Issues in status `open`.
    pub open_issues: i64,
    /// Reports of the period.
    pub total_reports: i64,
}

impl AreaFigures {
    pub(super) fn of(row: &ScoreRow) -> Option<Self> {
        let standing = Standing::read(row)?;
        Some(Self {
            area_id: row.area_id,
            name: row.name.clone()?,
            score: row.score,
            grade: standing.grade,
            sla_compliance: standing.sla_compliance,
            open_issues: standing.open_issues,
            total_reports: standing.total_reports,
        })
    }
}

/// An issue on the work list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct TopIssue {
    pub(crate) id: i64,
    pub(crate) title: String,
    #[schema(value_type = String)]
    pub(crate) category: Category,
    #[schema(value_type = String)]
    pub(crate) severity: Severity,
    #[schema(value_type = String)]
    pub(crate) status: Status,
    pub(crate) area_id: Option<i64>,
    pub(crate) assignee: Option<String>,
    pub(crate) priority: f64,
    pub(crate) report_count: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) resolve_due_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
}

impl From<IssueLine> for TopIssue {
    fn from(line: IssueLine) -> Self {
        Self {
            id: line.id.get(),
            title: line.title,
            category: line.category,
            severity: line.severity,
            status: line.status,
            area_id: line.area_id,
            assignee: line.assignee,
            priority: shown_priority(line.priority, line.severity),
            report_count: line.report_count,
            resolve_due_at: line.resolve_due_at,
            created_at: line.created_at,
        }
    }
}

/// The tenant that a dashboard is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TenantBrief {
    /// Its number.
    pub id: i64,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Its name and kind, for people.
    pub display_name: String,
    /// The zone in which its days begin.
    pub timezone: String,
}

impl TenantBrief {
    pub(super) fn of(settings: &TenantSettings) -> Self {
        let tenant = &settings.tenant;
        Self {
            id: tenant.id.get(),
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            display_name: settings.kind.display_name(&tenant.name),
            timezone: tenant.timezone.clone(),
        }
    }
}

/// Where counts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Trends {
    /// Reports, against the period before; none for all time.
    #[schema(value_type = Option<String>)]
    pub(crate) reports: Option<Trend>,
    /// Unfinished issues, against the beginning of the period: today's less those opened since, plus those resolved since.
    #[schema(value_type = Option<String>)]
    pub(crate) open: Option<Trend>,
}

/// What waits for a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Review {
    pub(crate) dedup_pending: i64,
    pub(crate) held_reports: i64,
}

/// Numbers by status with what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StaffCounts {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Promises that are missed and not kept yet.
    pub(crate) overdue: i64,
    /// Promises to be kept before the end of the tenant's day.
    pub(crate) due_today: i64,
}

/// Everything on the private dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Dashboard {
    pub(crate) tenant: TenantBrief,
    #[schema(value_type = String)]
    pub(crate) period: Period,
    pub(crate) counts: StaffCounts,
    pub(crate) scores: ScoreFigures,
    pub(crate) trend: Trends,
    pub(crate) by_category: Vec<Share>,
    pub(crate) by_severity: Vec<Share>,
    pub(crate) areas: Vec<AreaFigures>,
    pub(crate) series: Vec<SeriesDay>,
    pub(crate) top_priority: Vec<TopIssue>,
    pub(crate) review: Review,
    /// How far the figures are behind the writes: 0, since both happen in one transaction. Scores of areas follow within
    /// two seconds.
    pub(crate) freshness_ms: u64,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) calculated_at: Timestamp,
}

/// Reads the private dashboard of a period.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn read(
    session: &Session,
    settings: &TenantSettings,
    clock: &Clock,
    period: Period,
) -> Result<Dashboard, Error> {
    let now = clock.now();
    let today = today(settings, now);
    let range = period.range(today);
    let drawn = drawn(period, today);
    let first = period.previous(today).map_or(drawn.0, |before| before.0);
    let (figures, scores, lists) = (Figures(session), Scores(session), IssueLists(session));
    let active = IssueFilter {
        statuses: Status::ALL
            .iter()
            .copied()
            .filter(|s| s.is_active())
            .collect(),
        ..IssueFilter::default()
    };
    let (current, sums, days, areas, top) = futures::try_join!(
        figures
            .now(now, end_of_day(settings, today, now))
            .err_into::<Error>(),
        figures.period(range).err_into::<Error>(),
        figures
            .days((first, today), Narrow::default())
            .err_into::<Error>(),
        scores.of_period(period.as_str()),
        lists
            .first(&active, (IssueSort::Priority, Order::Desc), TOP, now)
            .err_into::<Error>(),
    )?;
    let whole = whole(&sums);
    let before = period.previous(today).map(|range| sum_days(&days, range));
    let counts = Counts::of(&current, &whole);
    let (overall, standing) =
        Standing::of(&whole, before.as_ref(), counts.open, &settings.config.score);
    let backlog = counts.active() - whole.opened + whole.resolved;
    let named = |what: &str| {
        let found = current.iter().find(|row| row.what == what);
        found.map_or(0, |row| row.n)
    };
    let top = top.into_iter().map(TopIssue::from).collect();
    Ok(Dashboard {
        tenant: TenantBrief::of(settings),
        period,
        counts: StaffCounts {
            counts,
            overdue: named("overdue"),
            due_today: named("due_today"),
        },
        scores: ScoreFigures::of(overall, &standing),
        trend: Trends {
            reports: standing.trend,
            open: before.map(|_| Trend::of(counts.active(), backlog)),
        },
        by_category: shares(&current, &sums, Category::ALL, Category::as_str, |c, _| c),
        by_severity: shares(&current, &sums, Severity::ALL, Severity::as_str, |_, s| s),
        areas: areas.iter().filter_map(AreaFigures::of).collect(),
        series: series(&days, drawn),
        top_priority: top,
        review: Review {
            dedup_pending: named("dedup_pending"),
            held_reports: named("held_reports"),
        },
        freshness_ms: 0,
        calculated_at: now,
    })
}

/// The days that are drawn for a period.
pub(super) fn drawn(period: Period, today: Date) -> (Date, Date) {
    let days = period.days().unwrap_or(LONGEST_SERIES);
    (today.saturating_sub((days - 1).days()), today)
}

/// When the tenant's day ends.
fn end_of_day(settings: &TenantSettings, today: Date, now: Timestamp) -> Timestamp {
    today
        .saturating_add(1.day())
        .to_zoned(settings.zone.clone())
        .map_or(now, |z| z.timestamp())
}

/// All of a period together, with its times to resolution.
pub(super) fn whole(rows: &[PeriodRow]) -> DayDelta {
    let mut whole = DayDelta::default();
    for row in rows {
        whole.merge(&row.sums(), 1);
        let bucket = row.bucket.and_then(|b| usize::try_from(b).ok());
        if let Some(n) = bucket.and_then(|b| whole.res_hist.0.get_mut(b)) {
            *n += row.n;
        }
    }
    whole
}

pub(super) fn sum_days(days: &[DayRow], (first, last): (Date, Date)) -> DayDelta {
    let mut sum = DayDelta::default();
    for day in days.iter().filter(|d| (first..=last).contains(&d.day)) {
        sum.merge(&day.sums(), 1);
    }
    sum
}

/// Every day from the first to the last.
pub(super) fn series(days: &[DayRow], (first, last): (Date, Date)) -> Vec<SeriesDay> {
    let known: BTreeMap<Date, &DayRow> = days.iter().map(|d| (d.day, d)).collect();
    first
        .series(1.day())
        .take_while(|day| *day <= last)
        .map(|day| {
            let row = known.get(&day);
            let of = |pick: fn(&DayRow) -> i64| row.map_or(0, |r| pick(r));
            SeriesDay {
                day,
                reports: of(|r| r.reports),
                opened: of(|r| r.opened),
                resolved: of(|r| r.resolved),
                breached: of(|r| r.breached),
            }
        })
        .collect()
}

fn shares<T: Copy + PartialEq>(
    current: &[NowRow],
    sums: &[PeriodRow],
    all: impl IntoIterator<Item = T>,
    word: impl Fn(T) -> &'static str,
    pick: impl Fn(Option<Category>, Option<Severity>) -> Option<T>,
) -> Vec<Share> {
    all.into_iter()
        .map(|value| {
            let is = |c, s| pick(c, s) == Some(value);
            let mut sum = DayDelta::default();
            for row in sums.iter().filter(|r| is(r.category, r.severity)) {
                sum.merge(&row.sums(), 1);
            }
            let active = current
                .iter()
                .filter(|r| is(r.category, r.severity) && r.status.is_some_and(Status::is_active));
            Share {
                name: word(value),
                active: active.map(|r| r.n).sum(),
                reports: sum.reports,
                opened: sum.opened,
                resolved: sum.resolved,
                sla_compliance: compliance(sum.sla_met, sum.sla_missed),
            }
        })
        .collect()
}
