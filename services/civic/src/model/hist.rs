//! The histogram of times to resolution: 24 counters that add up over days and cells.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How many counters there are.
pub const BUCKETS: usize = 24;

/// Upper bound of each bucket but the last, in hours, included in the bucket; the last has none.
pub const BOUNDS_HOURS: [u32; BUCKETS - 1] = [
    1, 2, 4, 8, 12, 24, 36, 48, 72, 96, 120, 168, 240, 336, 504, 720, 1080, 1440, 2160, 2880, 4320,
    5760, 8760,
];

/// Counters of times to resolution; a delta may be negative.
///
/// In JSON a list of 24 numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResHist(pub [i64; BUCKETS]);

impl ResHist {
    /// Adds `n` to the bucket of `time`.
    pub fn add(&mut self, time: SignedDuration, n: i64) {
        let inside = |hours: &u32| time <= SignedDuration::from_hours(i64::from(*hours));
        let bucket = BOUNDS_HOURS.iter().position(inside).unwrap_or(BUCKETS - 1);
        self.0[bucket] += n;
    }

    /// Adds `n` times another histogram.
    pub fn merge(&mut self, other: &Self, n: i64) {
        for (own, theirs) in self.0.iter_mut().zip(other.0) {
            *own += n * theirs;
        }
    }

    /// The sum of all counters.
    pub fn total(&self) -> i64 {
        self.0.iter().sum()
    }

    /// Whether every counter is zero.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|n| *n == 0)
    }

    /// The hours below which the share `q` (0 to 1) lies, approximate: linear inside a bucket.
    ///
    /// `None` when empty. The last bucket has no end, so its start is the answer there.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of issues are far below 2^53"
    )]
    pub fn quantile_hours(&self, q: f64) -> Option<f64> {
        let counts = self.0.map(|n| n.max(0));
        let total: i64 = counts.iter().sum();
        if total == 0 {
            return None;
        }
        let wanted = q.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        let mut low = 0.0;
        for (i, count) in counts.iter().enumerate() {
            let Some(high) = BOUNDS_HOURS.get(i).map(|h| f64::from(*h)) else {
                break;
            };
            let inside = *count as f64;
            if inside > 0.0 && below + inside >= wanted {
                return Some(low + (high - low) * (wanted - below) / inside);
            }
            below += inside;
            low = high;
        }
        Some(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut h = ResHist::default();
        h.add(SignedDuration::from_hours(1), 1);
        h.add(
            SignedDuration::from_hours(1) + SignedDuration::from_micros(1),
            1,
        );
        h.add(SignedDuration::ZERO, 1);
        h.add(SignedDuration::from_hours(8760), 1);
        h.add(SignedDuration::from_hours(8761), 5);
        assert_eq!((h.0[0], h.0[1], h.0[22], h.0[23]), (2, 1, 1, 5));
        assert_eq!(h.total(), 9);
    }

    #[test]
    fn quantiles_are_linear_inside_a_bucket() {
        let mut h = ResHist::default();
        assert_eq!(h.quantile_hours(0.5), None);
        h.0[5] = 10; // 12 to 24 hours
        h.0[6] = 10; // 24 to 36 hours
        let at = |q| h.quantile_hours(q).map(|x| format!("{x:.3}"));
        assert_eq!(at(0.25).as_deref(), Some("18.000"));
        assert_eq!(at(0.5).as_deref(), Some("24.000"));
        assert_eq!(at(0.9).as_deref(), Some("33.600"));
        assert_eq!(at(0.0).as_deref(), Some("12.000"));
        assert_eq!(at(1.0).as_deref(), Some("36.000"));
        let mut late = ResHist::default();
        late.0[23] = 1;
        assert_eq!(late.quantile_hours(0.5), Some(8760.0));
    }

    #[test]
    fn merging_adds_and_takes_away() {
        let mut a = ResHist::default();
        a.add(SignedDuration::from_hours(5), 2);
        let b = a;
        a.merge(&b, 2);
        assert_eq!(a.total(), 6);
        a.merge(&b, -3);
        assert!(a.is_zero());
        let json = serde_json::to_value(b).unwrap();
        assert_eq!(json.as_array().map(Vec::len), Some(24));
        assert_eq!(serde_json::from_value::<ResHist>(json).unwrap(), b);
    }
}
