//! Scores, grades, ranks and trends, computed from daily counters.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

/// How compliance and speed make the overall score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreWeights {
    /// Points for full compliance.
    pub weight_compliance: f64,
    /// Points for instant resolution.
    pub weight_speed: f64,
    /// Mean hours at which speed earns nothing.
    pub speed_horizon_hours: f64,
    /// Decided issues below which there is no score.
    pub min_sample: u32,
}

impl Default for ScoreWeights {
    fn default() -> Self {
        Self {
            weight_compliance: 70.0,
            weight_speed: 30.0,
            speed_horizon_hours: 100.0,
            min_sample: 5,
        }
    }
}

/// Sums of a period that a score is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScoreInput {
    /// Issues resolved in time.
    pub sla_met: i64,
    /// Issues resolved too late.
    pub sla_missed: i64,
    /// Issues with a known time to resolution.
    pub resolved: i64,
    /// Their seconds to resolution, by the wall clock, together.
    pub resolution_seconds: i64,
}

/// The overall score of a tenant or area; all `None` while too few issues are decided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Overall points, 0 to the sum of the weights, two decimals.
    pub overall: Option<f64>,
    /// The letter for it.
    pub grade: Option<Grade>,
    /// Whether fewer issues than the minimum are decided.
    pub insufficient_data: bool,
    /// Share resolved in time, 0 to 1.
    pub sla_compliance: Option<f64>,
    /// Mean hours to resolution.
    pub average_resolution_hours: Option<f64>,
}

impl Score {
    /// The score of a period's sums.
    pub fn of(input: &ScoreInput, weights: &ScoreWeights) -> Self {
        let decided = input.sla_met + input.sla_missed;
        let compliance = compliance(input.sla_met, input.sla_missed);
        let hours = mean(input.resolution_seconds, input.resolved).map(|s| s / 3600.0);
        let enough = decided > 0 && decided >= i64::from(weights.min_sample);
        let overall = match (compliance, hours) {
            (Some(c), Some(h)) if enough => Some(overall(c, h, weights)),
            _ => None,
        };
        Self {
            overall,
            grade: overall.map(Grade::of),
            insufficient_data: overall.is_none(),
            sla_compliance: compliance,
            average_resolution_hours: hours,
        }
    }
}

/// `w_c · compliance + w_s · clamp((horizon − hours) / horizon, 0, 1)`, two decimals.
pub fn overall(compliance: f64, average_hours: f64, weights: &ScoreWeights) -> f64 {
    let horizon = weights.speed_horizon_hours;
    let speed = ((horizon - average_hours) / horizon).clamp(0.0, 1.0);
    let points = weights.weight_compliance * compliance + weights.weight_speed * speed;
    (points * 100.0).round() / 100.0
}

/// Share of `met` among both, 0 to 1; `None` when nothing is decided.
pub fn compliance(met: i64, missed: i64) -> Option<f64> {
    mean(met, met + missed)
}

/// `sum / n`; `None` unless `n` is positive.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds and counts stay far below 2^53"
)]
pub fn mean(sum: i64, n: i64) -> Option<f64> {
    (n > 0).then(|| sum as f64 / n as f64)
}

/// A letter for a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl Grade {
    /// The letter for `score`.
    pub fn of(score: f64) -> Self {
        match score {
            s if s >= 90.0 => Self::A,
            s if s >= 80.0 => Self::B,
            s if s >= 70.0 => Self::C,
            s if s >= 60.0 => Self::D,
            _ => Self::F,
        }
    }
}

/// Where a count goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trend {
    /// Above 1.1 times the previous.
    Increasing,
    /// Below 0.9 times the previous.
    Decreasing,
    /// In between.
    Stable,
}

impl Trend {
    /// The trend from one count to the next.
    pub fn of(current: i64, previous: i64) -> Self {
        // In whole numbers: 11 against 10 would be "above 1.1 times" after rounding in floating point.
        let (current, previous) = (i128::from(current) * 10, i128::from(previous));
        if current > previous * 11 {
            Self::Increasing
        } else if current < previous * 9 {
            Self::Decreasing
        } else {
            Self::Stable
        }
    }
}

/// Percent of `scores` that are not above `own`, one decimal; 50 when there are none.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of tenants and areas are far below 2^53"
)]
pub fn percentile(own: f64, scores: &[f64]) -> f64 {
    if scores.is_empty() {
        return 50.0;
    }
    let not_above = scores.iter().filter(|s| **s <= own).count();
    (1000.0 * not_above as f64 / scores.len() as f64).round() / 10.0
}

/// Values smoothed at most this many at a time.
pub const SMOOTHING_WINDOW: usize = 7;

/// The trailing mean over up to `window` values; unchanged when there are fewer values than that, or no window.
#[expect(
    clippy::cast_precision_loss,
    reason = "a window is a handful of values"
)]
pub fn smooth(values: &[f64], window: usize) -> Vec<f64> {
    if window == 0 || values.len() < window {
        return values.to_vec();
    }
    let mean = |i: usize| {
        let part = &values[(i + 1).saturating_sub(window)..=i];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

/// Orders by score, best first, then by name, and gives dense ranks: ties share one, and the next rank follows.
pub fn dense_rank<T>(
    mut entries: Vec<T>,
    score: impl Fn(&T) -> f64,
    name: impl Fn(&T) -> &str,
) -> Vec<(u32, T)> {
    entries.sort_by(|a, b| {
        score(b)
            .total_cmp(&score(a))
            .then_with(|| name(a).cmp(name(b)))
    });
    let mut ranked: Vec<(u32, T)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let rank = match ranked.last() {
            Some((rank, last)) if score(last).total_cmp(&score(&entry)).is_eq() => *rank,
            Some((rank, _)) => rank + 1,
            None => 1,
        };
        ranked.push((rank, entry));
    }
    ranked
}

/// The span of days that figures are about; whole days in the tenant's zone, today included.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Seven days.
    #[serde(rename = "last_7_days")]
    Last7Days,
    /// Thirty days.
    #[default]
    #[serde(rename = "last_30_days")]
    Last30Days,
    /// Ninety days.
    #[serde(rename = "last_90_days")]
    Last90Days,
    /// From the first day on.
    AllTime,
}

impl Period {
    /// All periods, shortest first.
    pub const ALL: [Self; 4] = [
        Self::Last7Days,
        Self::Last30Days,
        Self::Last90Days,
        Self::AllTime,
    ];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Last7Days => "last_7_days",
            Self::Last30Days => "last_30_days",
            Self::Last90Days => "last_90_days",
            Self::AllTime => "all_time",
        }
    }

    /// The period of that exact word; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == word)
    }

    /// How many days it has; `None` for all time.
    pub const fn days(self) -> Option<i32> {
        match self {
            Self::Last7Days => Some(7),
            Self::Last30Days => Some(30),
            Self::Last90Days => Some(90),
            Self::AllTime => None,
        }
    }

    /// Its first and last day, both included; `today` is the tenant's. All time begins with the year 1.
    pub fn range(self, today: Date) -> (Date, Date) {
        let first = self.days().map(|n| today.saturating_sub((n - 1).days()));
        (first.unwrap_or(date(1, 1, 1)), today)
    }

    /// The range of the same length just before; `None` for all time.
    pub fn previous(self, today: Date) -> Option<(Date, Date)> {
        let days = self.days()?;
        Some(self.range(today.saturating_sub(days.days())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(x: f64) -> String {
        format!("{x:?}")
    }

    #[test]
    fn published_scores_hold() {
        let w = ScoreWeights::default();
        assert_eq!(text(overall(0.92, 18.5, &w)), "88.85");
        assert_eq!(text(overall(1.0, 0.0, &w)), "100.0");
        assert_eq!(text(overall(0.5, 400.0, &w)), "35.0");
        assert_eq!(text(overall(0.0, 1e9, &w)), "0.0");
        let other = ScoreWeights {
            weight_compliance: 50.0,
            weight_speed: 50.0,
            speed_horizon_hours: 10.0,
            ..w
        };
        assert_eq!(text(overall(1.0, 5.0, &other)), "75.0");
    }

    #[test]
    fn few_decided_issues_make_no_score() {
        let w = ScoreWeights::default();
        let mut input = ScoreInput {
            sla_met: 3,
            sla_missed: 1,
            resolved: 4,
            resolution_seconds: 4 * 36_000,
        };
        let few = Score::of(&input, &w);
        assert!(few.insufficient_data && few.overall.is_none() && few.grade.is_none());
        assert_eq!(few.sla_compliance, Some(0.75));
        input.sla_met = 4;
        input.resolved = 5;
        let enough = Score::of(&input, &w);
        assert_eq!((enough.overall, enough.grade), (Some(83.6), Some(Grade::B)));
        assert!(!enough.insufficient_data);
        assert!(
            Score::of(&ScoreInput::default(), &ScoreWeights { min_sample: 0, ..w })
                .insufficient_data
        );
    }

    #[test]
    fn grades_begin_at_their_bounds() {
        let letters = [90.0, 89.99, 80.0, 79.99, 70.0, 69.99, 60.0, 59.99].map(Grade::of);
        assert_eq!(
            letters,
            [
                Grade::A,
                Grade::B,
                Grade::B,
                Grade::C,
                Grade::C,
                Grade::D,
                Grade::D,
                Grade::F
            ]
        );
    }

    #[test]
    fn trends_are_as_published() {
        assert_eq!(Trend::of(11, 10), Trend::Stable);
        assert_eq!(Trend::of(12, 10), Trend::Increasing);
        assert_eq!(Trend::of(0, 0), Trend::Stable);
        assert_eq!(Trend::of(1, 0), Trend::Increasing);
        assert_eq!(Trend::of(9, 10), Trend::Stable);
        assert_eq!(Trend::of(8, 10), Trend::Decreasing);
    }

    #[test]
    fn percentiles_count_those_not_above() {
        assert_eq!(text(percentile(1.0, &[])), "50.0");
        assert_eq!(text(percentile(80.0, &[60.0, 80.0, 90.0])), "66.7");
        assert_eq!(text(percentile(90.0, &[60.0, 80.0, 90.0])), "100.0");
    }

    #[test]
    fn smoothing_is_a_trailing_mean() {
        assert_eq!(smooth(&[1.0, 2.0], 3), [1.0, 2.0]);
        assert_eq!(smooth(&[1.0, 3.0, 5.0, 7.0], 3), [1.0, 2.0, 3.0, 5.0]);
        assert_eq!(smooth(&[1.0, 3.0], 0), [1.0, 3.0]);
    }

    #[test]
    fn ties_share_a_rank_and_leave_no_gap() {
        let entries = vec![("c", 80.0), ("b", 90.0), ("a", 80.0), ("d", 70.0)];
        let ranked = dense_rank(entries, |e| e.1, |e| e.0);
        let found: Vec<(u32, &str)> = ranked.iter().map(|(r, e)| (*r, e.0)).collect();
        assert_eq!(found, [(1, "b"), (2, "a"), (2, "c"), (3, "d")]);
    }

    #[test]
    fn periods_include_today() {
        let today = date(2026, 3, 1);
        assert_eq!(Period::Last7Days.range(today), (date(2026, 2, 23), today));
        assert_eq!(
            Period::Last7Days.previous(today),
            Some((date(2026, 2, 16), date(2026, 2, 22)))
        );
        assert_eq!(Period::AllTime.range(today), (date(1, 1, 1), today));
        assert_eq!(Period::default().as_str(), "last_30_days");
        for p in Period::ALL {
            assert_eq!(serde_json::to_value(p).unwrap(), p.as_str());
            assert_eq!(Period::parse(p.as_str()), Some(p));
        }
    }
}
