//! What the console shows, and the seam through which it comes.

use brisk_core::Scope;
use brisk_http::Problem;
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Public figures of all places, answered by whichever service has them.
///
/// Each call gets the scope of the page's request: its deadline holds, and its ledger becomes the page's footer.
pub trait PublicDashboard: Send + Sync + 'static {
    /// The places that have a public page, by name; at most a few hundred.
    ///
    /// # Errors
    ///
    /// A 503 while the data is away.
    fn cities<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Vec<City>, Problem>>;

    /// The figures of one place; `None` where no public page has that slug.
    ///
    /// # Errors
    ///
    /// A 503 while the data is away.
    fn dashboard<'a>(
        &'a self,
        scope: &'a Scope,
        slug: &'a str,
    ) -> BoxFuture<'a, Result<Option<CityView>, Problem>>;
}

/// Knows no place: what a process without a service that has public figures shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl PublicDashboard for Empty {
    fn cities<'a>(&'a self, _: &'a Scope) -> BoxFuture<'a, Result<Vec<City>, Problem>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn dashboard<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<CityView>, Problem>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// A place in the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct City {
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

/// The public figures of one place.
#[derive(Clone, Debug, PartialEq)]
pub struct CityView {
    /// Which place.
    pub city: City,
    /// Its time zone; exact times are shown in it.
    pub time_zone: TimeZone,
    /// What the figures cover, in words: `last 30 days`.
    pub period: String,
    /// The counts.
    pub counts: Counts,
    /// How reliably issues are resolved in time; `None` while too few are decided to say.
    pub compliance: Option<Compliance>,
    /// One entry for each day of the period, oldest first.
    pub days: Vec<Day>,
    /// How reports move against the period before.
    pub trend: Trend,
    /// Open issues by category, largest first; small ones may be merged.
    pub categories: Vec<Category>,
    /// The newest public issues, newest first.
    pub newest: Vec<PublicIssue>,
    /// When the figures were taken.
    pub calculated_at: Timestamp,
}

/// How many issues there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Neither resolved nor closed, whatever the age.
    pub open: u64,
    /// Open and past the promised time.
    pub overdue: u64,
    /// Reports received in the period.
    pub reported: u64,
    /// Issues resolved in the period.
    pub resolved: u64,
}

/// A letter grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// 90 and above.
    A,
    /// 80 and above.
    B,
    /// 70 and above.
    C,
    /// 60 and above.
    D,
    /// Below 60.
    F,
}

/// How reliably promises are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compliance {
    /// Share of decided issues that kept the promised time, 0 to 1.
    pub share: f64,
    /// The overall score, 0 to 100.
    pub score: f64,
    /// The letter for the score.
    pub grade: Grade,
    /// Mean time to resolve, in hours.
    pub average_hours: f64,
}

/// One day of the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day, in the place's zone.
    pub day: Date,
    /// Reports received.
    pub reported: u64,
    /// Issues resolved.
    pub resolved: u64,
}

/// How a count moves against the period before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// More than a tenth up.
    Increasing,
    /// In between.
    Stable,
    /// More than a tenth down.
    Decreasing,
}

/// Open issues of one category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// The category, as a word of the API or a name.
    pub name: String,
    /// Open issues in it.
    pub open: u64,
}

/// One issue, as the public may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicIssue {
    /// Its number.
    pub id: i64,
    /// Its title.
    pub title: String,
    /// Its category.
    pub category: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// Its state, as a word of the API: `in-progress`.
    pub status: String,
    /// The area it lies in, where known.
    pub area: Option<String>,
    /// How many reports were joined into it.
    pub reports: u64,
    /// When it was first reported.
    pub created_at: Timestamp,
}
