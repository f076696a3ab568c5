//! When a failed job is tried again.

use std::time::Duration;

/// Exponential waits with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest wait before the second attempt. Default 1 s.
    pub base: Duration,
    /// The longest wait at all. Default 5 min.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_mins(5),
        }
    }
}

impl RetryPolicy {
    pub(crate) fn wait(self, attempt: u32) -> Duration {
        backoff(attempt, self.base, self.cap, fastrand::f64())
    }
}

/// Waiting time after failed attempt `attempt`, which counts from 1.
///
/// Full jitter: `draw`, held to `0.0..=1.0`, times the smaller of `cap` and `base * 2^(attempt - 1)`.
/// Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
pub fn backoff(attempt: u32, base: Duration, cap: Duration, draw: f64) -> Duration {
    let factor = 2_u32
        .checked_pow(attempt.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let longest = base.checked_mul(factor).unwrap_or(cap).min(cap);
    longest.mul_f64(draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_doubles_up_to_the_cap() {
        let (base, cap) = (Duration::from_secs(1), Duration::from_mins(1));
        let longest: Vec<u64> = [1, 2, 3, 6, 7, 8, 60]
            .map(|n| backoff(n, base, cap, 1.0).as_secs())
            .into();
        assert_eq!(longest, [1, 2, 4, 32, 60, 60, 60]);
        assert_eq!(backoff(4, base, cap, 0.25), Duration::from_secs(2));
        assert_eq!(backoff(4, base, cap, -3.0), Duration::ZERO);
    }
}
