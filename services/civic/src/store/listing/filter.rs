//! What lists can be asked for.

use brisk_db::{Direction, Total};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::IssueId;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};

/// Rows counted at most where no counter knows the answer; beyond, the total is an estimate.
///
/// Ten thousand index entries cost one to two milliseconds on either engine.
pub(crate) const COUNT_CAP: u64 = 10_000;

/// Which issues.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct IssueFilter {
    pub(crate) statuses: Vec<Status>,
    pub(crate) category: Option<Category>,
    pub(crate) severity: Option<Severity>,
    pub(crate) area_id: Option<i64>,
    pub(crate) assignee: Option<String>,
    pub(crate) overdue: Option<bool>,
    pub(crate) due_before: Option<Timestamp>,
    pub(crate) sensitive: Option<bool>,
    pub(crate) q: Option<String>,
    pub(crate) bbox: Option<BBox>,
    pub(crate) created_after: Option<Timestamp>,
    pub(crate) created_before: Option<Timestamp>,
    pub(crate) updated_after: Option<Timestamp>,
    /// Only what the public may see.
    pub(crate) public: bool,
    /// Issues created later are not shown yet. Moves with the clock, so a cursor is not bound to it.
    #[serde(skip)]
    pub(crate) shown_until: Option<Timestamp>,
}

/// `[min_lat, min_lon, max_lat, max_lon]` in degrees.
pub(crate) type BBox = [f64; 4];

impl IssueFilter {
    /// Whether the counters by area, category, severity and status know the total.
    pub(crate) fn is_coverable(&self) -> bool {
        let Self {
            statuses: _,
            category: _,
            severity: _,
            area_id: _,
            assignee,
            overdue,
            due_before,
            sensitive,
            q,
            bbox,
            created_after,
            created_before,
            updated_after,
            public,
            shown_until: _,
        } = self;
        assignee.is_none()
            && overdue.is_none()
            && due_before.is_none()
            && sensitive.is_none()
            && q.is_none()
            && bbox.is_none()
            && created_after.is_none()
            && created_before.is_none()
            && updated_after.is_none()
            && !public
    }
}

/// Which reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct ReportFilter {
    pub(crate) issue_id: Option<IssueId>,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Option<Category>,
    pub(crate) severity: Option<Severity>,
    pub(crate) statuses: Vec<String>,
    pub(crate) channel: Option<String>,
    pub(crate) q: Option<String>,
    pub(crate) bbox: Option<BBox>,
    pub(crate) created_after: Option<Timestamp>,
    pub(crate) created_before: Option<Timestamp>,
    pub(crate) processed: Option<bool>,
}

impl ReportFilter {
    /// Whether it has all reports, or all of an area: the scores know their number.
    pub(crate) fn is_plain(&self) -> bool {
        *self
            == Self {
                area_id: self.area_id,
                ..Self::default()
            }
    }
}

/// What issues are sorted by; ties by id, in the same direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IssueSort {
    /// When the first report was submitted.
    #[default]
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
    /// The rank of the work list.
    Priority,
    /// When its resolution is due; issues without a promise come as if due at the end of time.
    Due,
    /// How many reports it has.
    ReportCount,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Smallest or earliest first.
    Asc,
    /// Largest or latest first.
    #[default]
    Desc,
}

impl From<Order> for Direction {
    fn from(order: Order) -> Self {
        match order {
            Order::Asc => Self::Asc,
            Order::Desc => Self::Desc,
        }
    }
}

/// A total that the scores know, where it is more than would be counted.
pub(super) fn beyond_the_cap(known: f64, cap: u64) -> Option<Total> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of rows, kept as a number"
    )]
    let known = known.max(0.0) as u64;
    (known > cap).then_some(Total::Estimate(known))
}
