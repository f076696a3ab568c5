//! The cells and counters of the daily and the current figures.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::model::hist::ResHist;
use crate::model::score::ScoreInput;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};

/// The dimensions that figures can be read by, within a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// The area's key; 0 for none.
    pub area_id: i64,
    /// Base category.
    pub category: Category,
    /// Severity.
    pub severity: Severity,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the serializer hands out references"
)]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

macro_rules! day_delta {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What is added to one cell of one day; any counter may be negative.
        ///
        /// An issue counts in its present cell, on the days of its present instants: moving it to another cell moves
        /// all of its counters, and reopening takes back what its end had added.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct DayDelta {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_zero")] pub $name: i64,)+
            /// Times to resolution.
            #[serde(skip_serializing_if = "ResHist::is_zero")]
            pub res_hist: ResHist,
        }

        impl DayDelta {
            /// The names of the plain counters, which are also columns, in the order of [`DayDelta::values`].
            pub const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// The plain counters in the order of [`DayDelta::NAMES`].
            pub const fn values(&self) -> [i64; Self::NAMES.len()] {
                [$(self.$name),+]
            }

            /// Adds `n` times another delta.
            pub fn merge(&mut self, other: &Self, n: i64) {
                $(self.$name += n * other.$name;)+
                self.res_hist.merge(&other.res_hist, n);
            }
        }
    };
}

day_delta! {
    /// Reports by the day of submission, in the report's own cell.
    reports,
    /// Issues by the day of creation.
    opened,
    /// Issues by the day of acknowledgement.
    acknowledged,
    /// Issues by the day of resolution.
    resolved,
    /// Issues by the day of closing.
    closed,
    /// Reopenings by their day.
    reopened,
    /// Issues by the day on which their resolution was due and missing.
    breached,
    /// Issues resolved in time, by the day of resolution.
    sla_met,
    /// Issues resolved too late, by the day of resolution.
    sla_missed,
    /// Issues acknowledged in time, by the day of acknowledgement.
    ack_met,
    /// Issues acknowledged too late, by the day of acknowledgement.
    ack_missed,
    /// Issues merged into others, by that day.
    merged,
    /// Whole seconds from creation to resolution, rounded down for each issue, by the day of resolution.
    resolution_seconds,
    /// Whole seconds from creation to acknowledgement, rounded down for each issue, by the day of acknowledgement.
    ack_seconds,
}

impl DayDelta {
    /// Whether nothing would change.
    pub fn is_zero(&self) -> bool {
        self.values().iter().all(|n| *n == 0) && self.res_hist.is_zero()
    }
}

impl From<&DayDelta> for ScoreInput {
    fn from(sum: &DayDelta) -> Self {
        Self {
            sla_met: sum.sla_met,
            sla_missed: sum.sla_missed,
            resolved: sum.res_hist.total(),
            resolution_seconds: sum.resolution_seconds,
        }
    }
}

/// A delta of the daily counters with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRow {
    /// Day in the tenant's zone.
    pub day: Date,
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// What to add.
    #[serde(flatten)]
    pub delta: DayDelta,
}

/// A delta of the number of issues by status with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterRow {
    /// The cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// The status.
    pub status: Status,
    /// What to add.
    pub n: i64,
}
