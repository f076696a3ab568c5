//! One writer at a time for the issues of a tenant, across all nodes.

use brisk_db::{One, Session, statements};

/// Keys of our advisory locks begin here ("cv" in the upper bytes), so that they meet no other lock of the installation.
const LOCKS: i64 = 0x6376 << 40;

statements! {
    prefix "civic.lock";

    /// Waits for the lock and holds it to the end of the transaction; SQLite has one writer anyway.
    TENANT(key: i64) -> One<String>
        = "SELECT pg_advisory_xact_lock($1)::text AS held",
        sqlite "SELECT CAST($1 AS text) AS held";
}

/// Keeps every other holder of this lock waiting until the session's transaction ends.
///
/// Outside a transaction it is let go at once.
pub(crate) async fn tenant(session: &Session) -> Result<(), brisk_db::Error> {
    session
        .run(&TENANT, (LOCKS + session.tenant().get(),))
        .await?;
    Ok(())
}
