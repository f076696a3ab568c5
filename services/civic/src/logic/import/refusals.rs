//! When a file is refused as a whole because too many of its rows are.

use serde::{Deserialize, Serialize};

/// Rows that are not judged by themselves: publishers put what is broken first when they sort by a blank column.
const EARLY: u64 = 1_000;
/// Rows past those that it takes for a judgement.
const SAMPLE: u64 = 100;

/// How many rows of a file were refused so far. Counted row by row, so that a file ends at the same row whatever the
/// size of the chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusals {
    pub(super) read: u64,
    pub(super) failed: u64,
    /// Those among the first rows.
    early: u64,
}

impl Refusals {
    pub(super) fn count(&mut self, failed: bool) {
        self.read += 1;
        self.failed += u64::from(failed);
        self.early += u64::from(failed && self.read <= EARLY);
    }

    /// Whether more than `share` of all rows, and of those after the first 1,000, were refused.
    pub(super) fn too_many(&self, share: f64) -> bool {
        self.read >= EARLY + SAMPLE
            && above(self.failed, self.read, share)
            && above(self.failed - self.early, self.read - EARLY, share)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of rows stay far below 2^53"
)]
fn above(failed: u64, read: u64, share: f64) -> bool {
    failed as f64 > share * read as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_at(rows: u64, is_refused: impl Fn(u64) -> bool) -> Option<u64> {
        let mut refusals = Refusals::default();
        (1..=rows).find(|row| {
            refusals.count(is_refused(*row));
            refusals.too_many(0.2)
        })
    }

    #[test]
    fn a_file_that_is_bad_throughout_ends_soon_after_the_first_thousand() {
        assert_eq!(ends_at(5_000, |row| row % 4 == 0), Some(1_100));
        assert_eq!(ends_at(1_050, |_| true), None);
    }

    #[test]
    fn a_bad_beginning_and_a_share_at_the_limit_are_borne() {
        assert_eq!(ends_at(30_000, |row| row <= 300), None);
        assert_eq!(ends_at(30_000, |row| row % 5 == 0), None);
    }

    #[test]
    fn a_file_that_turns_bad_ends_when_all_of_it_is_past_the_limit() {
        // 2,000 good rows, then bad ones only: 500 of 2,500 is the limit itself.
        assert_eq!(ends_at(30_000, |row| row > 2_000), Some(2_501));
    }
}
