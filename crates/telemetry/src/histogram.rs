//! A histogram that many threads write without a lock.
//!
//! Buckets are linear within each doubling, as in HDR histograms; the library of that name needs exclusive access
//! for each write or a recorder per thread, and this needs 1.7 KB and one atomic addition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Everything shorter than 2^10 ns (1 µs) shares the first bucket.
const LOW_BITS: u32 = 10;
/// Everything from 2^36 ns (69 s) on shares the last bucket.
const HIGH_BITS: u32 = 36;
/// Eight steps to a doubling: a quantile is at most 6.25 % away from the truth.
const STEP_BITS: u32 = 3;
const STEPS: usize = 1 << STEP_BITS;
const BUCKETS: usize = ((HIGH_BITS - LOW_BITS) as usize) * STEPS + 2;

#[derive(Debug)]
pub(crate) struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Histogram {
    pub(crate) fn record(&self, nanos: u64) {
        self.0[bucket(nanos)].fetch_add(1, Ordering::Relaxed);
    }

    /// The values at `quantiles` (ascending, each in 0.0..=1.0); zeros while nothing was recorded.
    pub(crate) fn quantiles<const N: usize>(&self, quantiles: [f64; N]) -> [Duration; N] {
        let counts: Vec<u64> = self.0.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        quantiles.map(|q| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rank among counts; an error of one rank in 2^53 is nothing"
            )]
            let rank = ((total as f64 * q).ceil() as u64).max(1);
            let mut seen = 0;
            for (at, count) in counts.iter().enumerate() {
                seen += count;
                if seen >= rank {
                    return Duration::from_nanos(middle(at));
                }
            }
            Duration::ZERO
        })
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < 1 << LOW_BITS {
        return 0;
    }
    let octave = nanos.ilog2();
    if octave >= HIGH_BITS {
        return BUCKETS - 1;
    }
    let step = (nanos >> (octave - STEP_BITS)) & (STEPS as u64 - 1);
    let step = usize::try_from(step).expect("less than eight");
    1 + (octave - LOW_BITS) as usize * STEPS + step
}

fn middle(bucket: usize) -> u64 {
    if bucket == 0 {
        return 1 << (LOW_BITS - 1);
    }
    let (octave, step) = ((bucket - 1) / STEPS, (bucket - 1) % STEPS);
    let octave = u32::try_from(octave).expect("at most 26") + LOW_BITS;
    let width = 1_u64 << (octave - STEP_BITS);
    (1 << octave) + step as u64 * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_its_step_of_the_truth() {
        let histogram = Histogram::default();
        for micros in 1..=10_000_u64 {
            histogram.record(micros * 1_000);
        }
        let found = histogram.quantiles([0.5, 0.95, 0.99, 1.0]);
        for (found, truth) in found.into_iter().zip([5_000.0, 9_500.0, 9_900.0, 10_000.0]) {
            let off = (found.as_secs_f64() * 1e6 - truth).abs() / truth;
            assert!(off <= 0.0625, "{found:?} against {truth} µs");
        }
    }

    #[test]
    fn the_ends_take_everything_and_nothing_recorded_is_zero() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantiles([0.5]), [Duration::ZERO]);
        histogram.record(0);
        histogram.record(u64::MAX);
        let [low, high] = histogram.quantiles([0.5, 1.0]);
        assert!(low < Duration::from_micros(1) && high > Duration::from_mins(1));
        for nanos in [1023, 1024, 1 << 20, (1 << 36) - 1, 1 << 36] {
            assert!(bucket(nanos) < BUCKETS);
        }
    }
}
