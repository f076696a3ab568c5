//! Figures over time, and figures by cell.

use std::collections::BTreeMap;

use brisk_db::Session;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;
use crate::model::rollup::DayDelta;
use crate::model::score::{Period, SMOOTHING_WINDOW, compliance, mean, smooth};
use crate::model::{Category, Severity};
use crate::settings::TenantSettings;
use crate::store::figures::{Figures, Narrow};

/// Days that a series covers when nothing is said, and at most.
const USUAL_DAYS: i32 = 30;
const MOST_DAYS: i32 = 3_660;

/// What a series shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// A daily counter, by its place in [`DayDelta::NAMES`].
    Counter(usize),
    /// Share resolved in time.
    SlaCompliance,
    /// Share acknowledged in time.
    AckCompliance,
    /// Mean hours to resolution.
    AverageHours,
}

impl Default for Metric {
    /// Reports.
    fn default() -> Self {
        Self::Counter(0)
    }
}

impl Metric {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "sla_compliance" => Some(Self::SlaCompliance),
            "ack_compliance" => Some(Self::AckCompliance),
            "average_resolution_hours" => Some(Self::AverageHours),
            _ => DayDelta::NAMES
                .iter()
                .position(|name| *name == word)
                .map(Self::Counter),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counter(i) => DayDelta::NAMES.get(i).copied().unwrap_or("reports"),
            Self::SlaCompliance => "sla_compliance",
            Self::AckCompliance => "ack_compliance",
            Self::AverageHours => "average_resolution_hours",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn value(self, sums: &DayDelta) -> Option<f64> {
        match self {
            Self::Counter(i) => sums.values().get(i).map(|n| *n as f64),
            Self::SlaCompliance => compliance(sums.sla_met, sums.sla_missed),
            Self::AckCompliance => compliance(sums.ack_met, sums.ack_missed),
            Self::AverageHours => {
                mean(sums.resolution_seconds, sums.sla_met + sums.sla_missed).map(|s| s / 3600.0)
            }
        }
    }
}

/// How long each point of a series is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Interval {
    /// A day.
    #[default]
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

impl Interval {
    /// The first day of the interval that holds `day`.
    fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let back = day.weekday().since(Weekday::Monday);
                day.saturating_sub(i32::from(back).days())
            }
            Self::Month => day.first_of_month(),
        }
    }
}

/// One point of a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct SeriesPoint {
    /// The first day of the interval.
    #[schema(value_type = String, format = Date)]
    pub(crate) day: Date,
    /// None where there is nothing to take a share or mean of.
    pub(crate) value: Option<f64>,
}

/// The days asked for; `None` when they are the wrong way round or too many.
pub(crate) fn range(from: Option<Date>, to: Option<Date>, today: Date) -> Option<(Date, Date)> {
    let last = to.unwrap_or(today);
    let first = from.unwrap_or_else(|| last.saturating_sub((USUAL_DAYS - 1).days()));
    let oldest = last.saturating_sub(MOST_DAYS.days());
    (first <= last && first >= oldest).then_some((first, last))
}

/// Every interval of the range, in order; one statement.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn series(
    session: &Session,
    metric: Metric,
    interval: Interval,
    (first, last): (Date, Date),
    narrow: Narrow,
) -> Result<Vec<SeriesPoint>, Error> {
    let days = Figures(session).days((first, last), narrow).await?;
    let mut sums: BTreeMap<Date, DayDelta> = first
        .series(1.day())
        .take_while(|day| *day <= last)
        .map(|day| (interval.start(day), DayDelta::default()))
        .collect();
    for day in days {
        sums.entry(interval.start(day.day))
            .or_default()
            .merge(&day.sums(), 1);
    }
    Ok(sums
        .iter()
        .map(|(day, sum)| SeriesPoint {
            day: *day,
            value: metric.value(sum),
        })
        .collect())
}

/// The same with each value the mean of up to seven; points without a value stay as they are and count for nothing.
pub(crate) fn smoothed(points: Vec<SeriesPoint>) -> Vec<SeriesPoint> {
    let values: Vec<f64> = points.iter().filter_map(|p| p.value).collect();
    let mut means = smooth(&values, SMOOTHING_WINDOW).into_iter();
    points
        .into_iter()
        .map(|p| SeriesPoint {
            day: p.day,
            value: p.value.and_then(|_| means.next()),
        })
        .collect()
}

/// Counts of one category, severity or area.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Slice {
    /// The word, or the area's name.
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) area_id: Option<i64>,
    pub(crate) reports: i64,
    pub(crate) opened: i64,
    pub(crate) acknowledged: i64,
    pub(crate) resolved: i64,
    pub(crate) closed: i64,
    pub(crate) breached: i64,
    pub(crate) sla_compliance: Option<f64>,
}

impl Slice {
    fn new(name: impl Into<String>, area_id: Option<i64>, sum: &DayDelta) -> Self {
        Self {
            name: name.into(),
            area_id,
            reports: sum.reports,
            opened: sum.opened,
            acknowledged: sum.acknowledged,
            resolved: sum.resolved,
            closed: sum.closed,
            breached: sum.breached,
            sla_compliance: compliance(sum.sla_met, sum.sla_missed),
        }
    }
}

/// A period by each of its dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Breakdown {
    #[schema(value_type = String)]
    pub(crate) period: Period,
    pub(crate) categories: Vec<Slice>,
    pub(crate) severities: Vec<Slice>,
    /// Area 0 is what lies in none.
    pub(crate) areas: Vec<Slice>,
}

/// Counts of a period by category, severity and area; one statement.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn breakdown(
    session: &Session,
    settings: &TenantSettings,
    period: Period,
    today: Date,
    narrow: Narrow,
) -> Result<Breakdown, Error> {
    let cells = Figures(session).cells(period.range(today), narrow).await?;
    let mut categories: BTreeMap<Category, DayDelta> = BTreeMap::new();
    let mut severities: BTreeMap<Severity, DayDelta> = BTreeMap::new();
    let mut areas: BTreeMap<i64, DayDelta> = BTreeMap::new();
    for cell in &cells {
        let sums = cell.sums();
        categories.entry(cell.category).or_default().merge(&sums, 1);
        severities.entry(cell.severity).or_default().merge(&sums, 1);
        areas.entry(cell.area_id).or_default().merge(&sums, 1);
    }
    let name = |id: i64| settings.area(id).map_or("", |a| a.name.as_str());
    Ok(Breakdown {
        period,
        categories: categories
            .iter()
            .map(|(c, sum)| Slice::new(c.as_str(), None, sum))
            .collect(),
        severities: severities
            .iter()
            .map(|(s, sum)| Slice::new(s.as_str(), None, sum))
            .collect(),
        areas: areas
            .iter()
            .map(|(id, sum)| Slice::new(name(*id), Some(*id), sum))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let sunday = date(2026, 3, 8);
        assert_eq!(Interval::Week.start(sunday), date(2026, 3, 2));
        assert_eq!(Interval::Week.start(date(2026, 3, 2)), date(2026, 3, 2));
        assert_eq!(Interval::Month.start(sunday), date(2026, 3, 1));
        assert_eq!(Interval::Day.start(sunday), sunday);
    }

    #[test]
    fn a_range_has_its_bounds() {
        let today = date(2026, 3, 8);
        assert_eq!(range(None, None, today), Some((date(2026, 2, 7), today)));
        assert_eq!(range(Some(date(2026, 3, 9)), None, today), None);
        assert_eq!(range(Some(date(1900, 1, 1)), None, today), None);
    }

    #[test]
    fn metrics_are_known_by_their_words() {
        for word in DayDelta::NAMES.iter().copied().chain(["sla_compliance"]) {
            assert_eq!(Metric::parse(word).map(Metric::as_str), Some(word));
        }
        assert_eq!(Metric::parse("frogs"), None);
    }
}
