//! What the templates print: every value already in the words of the page.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::chart::{Chart, share};
use crate::data::{City, CityView, Grade, PublicIssue, Trend};
use crate::format::{count, elapsed, exact, hours, label, percent, relative};
use crate::page::Cost;
use crate::policy::STYLE;

/// The dashboard of one place.
#[derive(Debug, Template)]
#[template(path = "dashboard.html")]
pub(crate) struct DashboardPage<'a> {
    style: &'static str,
    title: &'a str,
    cities: &'a [City],
    slug: &'a str,
    period: String,
    zone: String,
    open: String,
    overdue: Overdue,
    reported: String,
    resolved: String,
    trend: (&'static str, &'static str),
    promise: Option<Promise>,
    chart: Option<Chart>,
    categories: Vec<Slice>,
    issues: Vec<Item<'a>>,
    taken: Moment,
    cost: Footer,
}

#[derive(Debug)]
struct Overdue {
    count: String,
    share: String,
    none: bool,
}

#[derive(Debug)]
struct Promise {
    letter: char,
    tone: &'static str,
    share: String,
    /// Length of the ring's coloured part, of 100.
    ring: String,
    score: String,
    average: String,
}

#[derive(Debug)]
struct Slice {
    name: String,
    open: String,
    share: String,
    /// Width of the bar, of 100; the largest category fills it.
    width: String,
}

#[derive(Debug)]
struct Item<'a> {
    id: i64,
    title: &'a str,
    category: String,
    area: Option<&'a str>,
    severity: String,
    tone: &'static str,
    status: String,
    state: &'static str,
    reports: Option<String>,
    created: Moment,
}

#[derive(Debug)]
struct Moment {
    relative: String,
    exact: String,
    machine: String,
}

impl Moment {
    fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        Self {
            relative: relative(at, now, zone),
            exact: exact(at, zone),
            machine: at.to_string(),
        }
    }
}

#[derive(Debug)]
struct Footer {
    statements: String,
    database: String,
    total: String,
}

impl From<Cost> for Footer {
    fn from(cost: Cost) -> Self {
        let noun = if cost.statements == 1 {
            "statement"
        } else {
            "statements"
        };
        Self {
            statements: format!("{} {noun}", count(cost.statements)),
            database: elapsed(cost.database),
            total: elapsed(cost.total),
        }
    }
}

impl<'a> DashboardPage<'a> {
    pub(crate) fn new(cities: &'a [City], view: &'a CityView, now: Timestamp, cost: Cost) -> Self {
        let counts = view.counts;
        let zone = &view.time_zone;
        Self {
            style: STYLE,
            title: &view.city.name,
            cities,
            slug: &view.city.slug,
            period: label(&view.period),
            zone: zone.iana_name().unwrap_or("UTC").replace('_', " "),
            open: count(counts.open),
            overdue: Overdue {
                count: count(counts.overdue),
                share: percent(share(counts.overdue, counts.open)),
                none: counts.overdue == 0,
            },
            reported: count(counts.reported),
            resolved: count(counts.resolved),
            trend: match view.trend {
                Trend::Increasing => ("↗", "more than before"),
                Trend::Stable => ("→", "about as before"),
                Trend::Decreasing => ("↘", "fewer than before"),
            },
            promise: view.compliance.map(|c| {
                let (letter, tone) = match c.grade {
                    Grade::A => ('A', "good"),
                    Grade::B => ('B', "good"),
                    Grade::C => ('C', "fair"),
                    Grade::D => ('D', "fair"),
                    Grade::F => ('F', "poor"),
                };
                Promise {
                    letter,
                    tone,
                    share: percent(c.share),
                    ring: format!("{:.1}", c.share.clamp(0.0, 1.0) * 100.0),
                    score: format!("{:.1}", c.score),
                    average: hours(c.average_hours),
                }
            }),
            chart: Chart::of(&view.days),
            categories: slices(view),
            issues: view
                .newest
                .iter()
                .map(|issue| item(issue, now, zone))
                .collect(),
            taken: Moment::new(view.calculated_at, now, zone),
            cost: cost.into(),
        }
    }
}

fn slices(view: &CityView) -> Vec<Slice> {
    let all = view.categories.iter().map(|c| c.open).sum();
    let most = view.categories.iter().map(|c| c.open).max().unwrap_or(0);
    view.categories
        .iter()
        .map(|c| Slice {
            name: label(&c.name),
            open: count(c.open),
            share: percent(share(c.open, all)),
            width: format!("{:.1}", share(c.open, most) * 100.0),
        })
        .collect()
}

fn item<'a>(issue: &'a PublicIssue, now: Timestamp, zone: &TimeZone) -> Item<'a> {
    Item {
        id: issue.id,
        title: &issue.title,
        category: label(&issue.category),
        area: issue.area.as_deref(),
        severity: label(&issue.severity),
        tone: match issue.severity.as_str() {
            "critical" => "poor",
            "high" => "fair",
            _ => "calm",
        },
        status: label(&issue.status),
        state: match issue.status.as_str() {
            "resolved" | "closed" => "done",
            "in-progress" | "in_progress" => "moving",
            _ => "waiting",
        },
        reports: (issue.reports > 1).then(|| format!("{} reports", count(issue.reports))),
        created: Moment::new(issue.created_at, now, zone),
    }
}

/// A page that says one thing: nothing here, nothing yet, or away.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage<'a> {
    style: &'static str,
    title: &'a str,
    text: &'a str,
    cities: &'a [City],
}

impl<'a> MessagePage<'a> {
    pub(crate) const fn new(title: &'a str, text: &'a str) -> Self {
        Self {
            style: STYLE,
            title,
            text,
            cities: &[],
        }
    }

    pub(crate) const fn with_cities(mut self, cities: &'a [City]) -> Self {
        self.cities = cities;
        self
    }
}
