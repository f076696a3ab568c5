//! Does our reading of the times agree with the file's own word on whether the promise was kept?

use jiff::Timestamp;
use serde::Serialize;

use super::row::ImportRow;

/// Whether something closed at `closed` kept a promise for `due`; the due instant itself is in time.
pub fn on_time(due: Timestamp, closed: Timestamp) -> bool {
    closed <= due
}

/// How often the computed and the written verdict are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Rows with a due time, a closing time and a verdict.
    pub compared: u64,
    /// Those of them where both verdicts are the same.
    pub agreed: u64,
    /// Rows with a verdict and a due time that are not closed: it may still change.
    pub open: u64,
    /// Rows with a verdict and nothing to compare it with.
    pub without_due: u64,
    /// Rows without a verdict.
    pub without_verdict: u64,
}

impl Agreement {
    /// Counts one row.
    pub fn add(&mut self, row: &ImportRow) {
        match (row.verdict, row.due_at, row.closed_at) {
            (None, ..) => self.without_verdict += 1,
            (_, None, _) => self.without_due += 1,
            (_, _, None) => self.open += 1,
            (Some(verdict), Some(due), Some(closed)) => {
                self.compared += 1;
                self.agreed += u64::from(on_time(due, closed) == verdict);
            }
        }
    }

    /// The agreed share of the compared rows, 0 to 1; `None` when none was compared.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of rows stay far below 2^53"
    )]
    pub fn share(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.agreed as f64 / self.compared as f64)
    }
}
