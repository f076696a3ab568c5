//! How far up an issue belongs on the work list.

use serde::{Deserialize, Serialize};

use super::Severity;

/// Added to the stored rank of critical issues, so that one index sorts them before all others.
const CRITICAL_BOOST: f64 = 100.0;

/// How much each part weighs; the shares of 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriorityWeights {
    /// Of the severity.
    pub severity: f64,
    /// Of the used share of the promise.
    pub urgency: f64,
    /// Of the number of people.
    pub people: f64,
    /// Of the age.
    pub age: f64,
    /// Of a sensitive place.
    pub place: f64,
}

impl Default for PriorityWeights {
    fn default() -> Self {
        Self {
            severity: 0.40,
            urgency: 0.25,
            people: 0.20,
            age: 0.10,
            place: 0.05,
        }
    }
}

/// What the priority of an issue is computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriorityInput {
    /// Its severity.
    pub severity: Severity,
    /// Used share of the promise to resolve, from [`Sla::urgency`](super::sla::Sla::urgency).
    pub urgency: f64,
    /// How many people reported or support it.
    pub reporter_count: u32,
    /// Days since it was created.
    pub days_open: f64,
    /// Whether it touches a school, a hospital or another place of that kind.
    pub sensitive: bool,
}

/// A priority as shown and as stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Priority {
    /// For people, 0 to 100 with the default weights, one decimal.
    pub shown: f64,
    /// For sorting: `shown`, and 100 more for critical issues.
    pub rank: f64,
}

/// The priority of an issue.
pub fn priority(input: &PriorityInput, weights: &PriorityWeights) -> Priority {
    let severity = match input.severity {
        Severity::Low => 0.1,
        Severity::Medium => 0.4,
        Severity::High => 0.7,
        Severity::Critical => 1.0,
    };
    // 63 people fill their share: log2(64) = 6.
    let people = ((1.0 + f64::from(input.reporter_count)).log2() / 6.0).min(1.0);
    let age = (input.days_open / 30.0).clamp(0.0, 1.0);
    let place = if input.sensitive { 1.0 } else { 0.0 };
    let sum = weights.severity * severity
        + weights.urgency * input.urgency.clamp(0.0, 1.0)
        + weights.people * people
        + weights.age * age
        + weights.place * place;
    let shown = (sum * 1000.0).round() / 10.0;
    let boost = if input.severity == Severity::Critical {
        CRITICAL_BOOST
    } else {
        0.0
    };
    Priority {
        shown,
        rank: shown + boost,
    }
}

/// What people see of a stored rank.
pub fn shown_priority(rank: f64, severity: Severity) -> f64 {
    let boost = if severity == Severity::Critical {
        CRITICAL_BOOST
    } else {
        0.0
    };
    // Taking the boost off again leaves digits that were never stored.
    ((rank - boost) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: PriorityInput = PriorityInput {
        severity: Severity::High,
        urgency: 0.5,
        reporter_count: 3,
        days_open: 3.0,
        sensitive: false,
    };

    fn shown(input: &PriorityInput) -> String {
        format!("{:?}", priority(input, &PriorityWeights::default()).shown)
    }

    #[test]
    fn the_worked_example_holds() {
        assert_eq!(shown(&EXAMPLE), "48.2");
    }

    #[test]
    fn every_part_is_capped() {
        let most = PriorityInput {
            severity: Severity::Critical,
            urgency: 7.0,
            reporter_count: 1_000,
            days_open: 400.0,
            sensitive: true,
        };
        assert_eq!(shown(&most), "100.0");
        let young = PriorityInput {
            days_open: -1.0,
            reporter_count: 0,
            urgency: 0.0,
            ..EXAMPLE
        };
        assert_eq!(shown(&young), "28.0");
    }

    #[test]
    fn critical_issues_sort_first_and_show_their_plain_number() {
        let weights = PriorityWeights::default();
        let calm = PriorityInput {
            severity: Severity::Critical,
            urgency: 0.0,
            ..EXAMPLE
        };
        let busy = PriorityInput {
            urgency: 1.0,
            reporter_count: 99,
            sensitive: true,
            ..EXAMPLE
        };
        let (calm, busy) = (priority(&calm, &weights), priority(&busy, &weights));
        assert!(calm.rank > busy.rank && calm.shown < busy.shown);
        assert_eq!(
            shown_priority(calm.rank, Severity::Critical).to_bits(),
            calm.shown.to_bits()
        );
        assert_eq!(
            shown_priority(busy.rank, Severity::High).to_bits(),
            busy.shown.to_bits()
        );
    }
}
