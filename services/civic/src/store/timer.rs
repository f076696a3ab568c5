//! Statements of the work that time causes.

use brisk_core::TenantId;
use brisk_db::{Affected, Session, statements};
use jiff::Timestamp;

statements! {
    prefix "civic.timer";

    /// Issues that were resolved before an instant and are still not closed.
    RESOLVED_BEFORE(tenant: TenantId, before: Timestamp, limit: i64) -> Vec<i64>
        = "SELECT id FROM civic_issues
            WHERE tenant_id = $1 AND status = 'resolved' AND resolved_at < $2 AND merged_into_id IS NULL
            ORDER BY id LIMIT $3";

    /// Puts away what was closed before an instant; archived issues are read only.
    #[slow]
    ARCHIVE(tenant: TenantId, before: Timestamp, now: Timestamp) -> Affected
        = "UPDATE civic_issues SET archived = true, updated_at = $3, version = version + 1
            WHERE tenant_id = $1 AND status = 'closed' AND closed_at < $2 AND NOT archived";
}

/// Everything that timers ask.
pub(crate) struct Timers<'a>(pub(crate) &'a Session);

impl Timers<'_> {
    pub(crate) async fn resolved_before(
        &self,
        before: Timestamp,
        limit: i64,
    ) -> Result<Vec<i64>, brisk_db::Error> {
        self.0
            .run(&RESOLVED_BEFORE, (self.0.tenant(), before, limit))
            .await
    }

    pub(crate) async fn archive_closed_before(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, brisk_db::Error> {
        self.0.run(&ARCHIVE, (self.0.tenant(), before, now)).await
    }
}
