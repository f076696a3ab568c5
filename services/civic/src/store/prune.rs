//! Dropping the indexes that were made for parity with the founding document and that longer ones cover.

use brisk_db::{Affected, Batch, Session, statements};

statements! {
    prefix "civic.prune";

    /// Covered by `idx_reports_tenant_time`.
    REPORTS_TENANT() -> Affected = "DROP INDEX IF EXISTS idx_reports_tenant";

    /// Covered by `idx_reports_issue_time`.
    REPORTS_ISSUE() -> Affected = "DROP INDEX IF EXISTS idx_reports_issue";
}

/// Drops them; nothing happens where they are gone already.
pub(crate) async fn run(session: &Session) -> Result<(), brisk_db::Error> {
    let mut batch = Batch::new();
    batch.run(&REPORTS_TENANT, ()).run(&REPORTS_ISSUE, ());
    session.batch(batch).await.map(drop)
}
