//! One owner at a time.

use brisk_core::TenantId;
use brisk_db::{Session, statements};

statements! {
    prefix "civic.lock";

    /// Waits until this transaction owns the tenant; SQLite has one writer anyway.
    TENANT(tenant: TenantId) -> Option<bool>
        = "SELECT true FROM (SELECT pg_advisory_xact_lock(1667855737, $1::int8::int4)) AS owned",
        sqlite "SELECT 1 WHERE $1 IS NOT NULL";
}

/// Takes the lock of the session's tenant until the end of its transaction.
///
/// Whatever opens issues, or recounts all figures of a tenant, takes it first.
pub(crate) async fn tenant(session: &Session) -> Result<(), brisk_db::Error> {
    session.run(&TENANT, (session.tenant(),)).await?;
    Ok(())
}
