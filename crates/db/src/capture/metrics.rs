//! The numbers of the change stream.

use std::time::Duration;

use super::change::ResetReason;

/// How old the stream's knowledge was when it was renewed.
const LAG: &str = "brisk_db_capture_lag_seconds";
/// 1 while the stream is trusted.
const TRUSTED: &str = "brisk_db_capture_trusted";
/// Commits and changes that were told.
const COMMITS: &str = "brisk_db_capture_commits_total";
const CHANGES: &str = "brisk_db_capture_changes_total";
/// How often everything before became void, by reason.
const RESETS: &str = "brisk_db_capture_resets_total";
/// What the outbox takes on PostgreSQL.
const OUTBOX: &str = "brisk_db_capture_outbox_bytes";

pub(super) fn lag(lag: Duration) {
    metrics::gauge!(LAG).set(lag.as_secs_f64());
}

pub(super) fn trusted(trusted: bool) {
    metrics::gauge!(TRUSTED).set(if trusted { 1.0 } else { 0.0 });
}

pub(super) fn commit(changes: usize) {
    metrics::counter!(COMMITS).increment(1);
    metrics::counter!(CHANGES).increment(changes as u64);
}

pub(super) fn reset(reason: ResetReason) {
    metrics::counter!(RESETS, "reason" => reason.as_str()).increment(1);
}

pub(super) fn outbox(bytes: i64) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a double; the size is far below 2^53"
    )]
    metrics::gauge!(OUTBOX).set(bytes as f64);
}
