//! How much is measured, and what a few rounds say together.

use std::time::Duration;

use serde::Serialize;

use crate::Options;

/// The size of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Size {
    Quick,
    Normal,
    Long,
}

impl Size {
    pub(crate) const fn of(options: &Options) -> Self {
        match (options.quick, options.long) {
            (true, _) => Self::Quick,
            (_, true) => Self::Long,
            _ => Self::Normal,
        }
    }

    /// Rounds of each contender; never fewer than three.
    pub(crate) const fn rounds(self) -> usize {
        match self {
            Self::Quick | Self::Normal => 3,
            Self::Long => 5,
        }
    }

    /// How long one round of load lasts.
    pub(crate) const fn round(self) -> Duration {
        match self {
            Self::Quick => Duration::from_millis(700),
            Self::Normal => Duration::from_secs(2),
            Self::Long => Duration::from_secs(8),
        }
    }

    pub(crate) const fn reports(self) -> usize {
        match self {
            Self::Quick => 100_000,
            Self::Normal | Self::Long => 1_000_000,
        }
    }

    pub(crate) const fn issues(self) -> usize {
        self.reports() / 10
    }

    /// Rows of an imported file.
    pub(crate) const fn import_rows(self) -> usize {
        match self {
            Self::Quick => 20_000,
            Self::Normal => 100_000,
            Self::Long => 300_000,
        }
    }
}

/// The median of some rounds, with the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) rounds: usize,
}

impl Spread {
    /// Of at least one round.
    pub(crate) fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Self {
            median,
            low: sorted[0],
            high: sorted[sorted.len() - 1],
            rounds: sorted.len(),
        }
    }

    /// The quotients of rounds that ran one after the other.
    pub(crate) fn ratio(of: &[f64], to: &[f64]) -> Self {
        let quotients: Vec<f64> = of.iter().zip(to).map(|(a, b)| a / b).collect();
        Self::of(&quotients)
    }
}

/// As a floating-point number, for ratios.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a run stay far below 2^53"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
