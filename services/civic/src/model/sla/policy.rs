//! Service level policies and the choice among them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Category, Severity};

/// One row of a tenant's policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Primary key.
    pub id: i64,
    /// The category it is for; `None` for any.
    pub category: Option<Category>,
    /// The severity it is for; `None` for any.
    pub severity: Option<Severity>,
    /// Promise until acknowledgement, in minutes of the calendar.
    pub ack_minutes: u32,
    /// Promise until resolution, in minutes of the calendar.
    pub resolve_minutes: u32,
    /// The calendar whose open time counts; `None` for around the clock.
    pub calendar_id: Option<i64>,
    /// From when issues created get it.
    pub effective_from: Timestamp,
    /// From when issues created no longer get it; `None` for open end.
    pub effective_to: Option<Timestamp>,
}

impl Policy {
    fn valid_at(&self, at: Timestamp) -> bool {
        self.effective_from <= at && self.effective_to.is_none_or(|end| at < end)
    }

    /// 3 for category and severity, 2 for severity, 1 for category, 0 for any; `None` when it is for others.
    fn rank(&self, category: Category, severity: Severity) -> Option<u8> {
        let fits = self.category.is_none_or(|c| c == category)
            && self.severity.is_none_or(|s| s == severity);
        fits.then_some(2 * u8::from(self.severity.is_some()) + u8::from(self.category.is_some()))
    }
}

/// The two promises, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Until acknowledgement.
    pub ack_minutes: u32,
    /// Until resolution.
    pub resolve_minutes: u32,
}

/// What holds where a tenant has no policy, by severity, around the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaDefaults {
    /// For `low`.
    pub low: Target,
    /// For `medium`.
    pub medium: Target,
    /// For `high`.
    pub high: Target,
    /// For `critical`.
    pub critical: Target,
}

const HOUR: u32 = 60;

impl Default for SlaDefaults {
    /// Resolve: critical 24 h, else 72 h. Acknowledge: critical 60 min, high 4 h, else 24 h.
    fn default() -> Self {
        let target = |ack_minutes, resolve_hours| Target {
            ack_minutes,
            resolve_minutes: resolve_hours * HOUR,
        };
        Self {
            low: target(24 * HOUR, 72),
            medium: target(24 * HOUR, 72),
            high: target(4 * HOUR, 72),
            critical: target(HOUR, 24),
        }
    }
}

impl SlaDefaults {
    /// The promises for a severity.
    pub const fn of(&self, severity: Severity) -> Target {
        match severity {
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
            Severity::Critical => self.critical,
        }
    }
}

/// Where the promise of an issue came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicySource {
    /// A row of the tenant's policies.
    Policy,
    /// The tenant's defaults.
    Builtin,
    /// The due instant came with the imported case.
    Import,
}

/// The promise as it was when the issue got it, kept on the row: later edits of policies do not touch it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySnapshot {
    /// Where it came from.
    pub source: PolicySource,
    /// The policy's key, when it is one.
    pub policy_id: Option<i64>,
    /// Promise until acknowledgement in minutes; `None` where nothing was promised.
    pub ack_minutes: Option<u32>,
    /// Promise until resolution in minutes; `None` where only a due instant, or nothing, is known.
    pub resolve_minutes: Option<u32>,
    /// The calendar whose open time counts; `None` for around the clock.
    pub calendar_id: Option<i64>,
}

impl PolicySnapshot {
    /// The snapshot of an imported case, which knows at most its due instant.
    pub const fn imported() -> Self {
        Self {
            source: PolicySource::Import,
            policy_id: None,
            ack_minutes: None,
            resolve_minutes: None,
            calendar_id: None,
        }
    }
}

impl From<&Policy> for PolicySnapshot {
    fn from(policy: &Policy) -> Self {
        Self {
            source: PolicySource::Policy,
            policy_id: Some(policy.id),
            ack_minutes: Some(policy.ack_minutes),
            resolve_minutes: Some(policy.resolve_minutes),
            calendar_id: policy.calendar_id,
        }
    }
}

/// The promise for an issue: the tenant's most specific policy valid at `created_at`, else its defaults.
///
/// A policy for a severity is more specific than one for a category. Among equals the latest `effective_from` wins.
pub fn pick_policy(
    policies: &[Policy],
    defaults: &SlaDefaults,
    category: Category,
    severity: Severity,
    created_at: Timestamp,
) -> PolicySnapshot {
    let fitting = policies.iter().filter(|p| p.valid_at(created_at));
    let ranked = fitting.filter_map(|p| Some((p.rank(category, severity)?, p)));
    let best = ranked.max_by_key(|(rank, p)| (*rank, p.effective_from, p.id));
    best.map_or_else(
        || builtin(defaults.of(severity)),
        |(_, policy)| policy.into(),
    )
}

fn builtin(target: Target) -> PolicySnapshot {
    PolicySnapshot {
        source: PolicySource::Builtin,
        policy_id: None,
        ack_minutes: Some(target.ack_minutes),
        resolve_minutes: Some(target.resolve_minutes),
        calendar_id: None,
    }
}

/// The ready-made policies "graduated": severity, promises, and whether they follow the tenant's calendar.
///
/// Resolve: critical 24 h and high 48 h around the clock, medium 120 h and low 240 h of open time. Acknowledge as
/// in [`SlaDefaults`].
pub fn graduated_template() -> [(Severity, Target, bool); 4] {
    let defaults = SlaDefaults::default();
    let row = |severity, hours, on_calendar| {
        let target = Target {
            resolve_minutes: hours * HOUR,
            ..defaults.of(severity)
        };
        (severity, target, on_calendar)
    };
    [
        row(Severity::Critical, 24, false),
        row(Severity::High, 48, false),
        row(Severity::Medium, 120, true),
        row(Severity::Low, 240, true),
    ]
}
