//! Every statement on `brisk_cache`.

use brisk_core::TenantId;
use brisk_db::{Affected, FromRow, Record, statements};
use jiff::Timestamp;
use uuid::Uuid;

/// Expired entries that go with one statement, so that no writer waits long.
pub(super) const SWEEP: i64 = 1_000;

/// An entry without what it is found by.
#[derive(Clone, Debug, FromRow)]
pub(super) struct EntryRow {
    pub(super) entry: Vec<u8>,
}

/// An entry as it is written.
#[derive(Clone, Debug, Record)]
#[record(table = "brisk_cache")]
pub(super) struct EntryRecord {
    pub(super) tenant_id: TenantId,
    pub(super) id: Uuid,
    pub(super) cache: &'static str,
    pub(super) entry: Vec<u8>,
    pub(super) expires_at: Timestamp,
}

statements! {
    prefix "cache";

    /// One entry. Whether it is too old is told by what stands in it.
    pub(super) load GET(id: Uuid) -> Option<EntryRow> in "brisk_cache";

    /// A cache's entries.
    pub(super) DELETE_CACHE(cache: String) -> Affected = "DELETE FROM brisk_cache WHERE cache = $1";

    /// A cache's entries of one tenant.
    pub(super) DELETE_OF_TENANT(tenant: TenantId, cache: String) -> Affected
        = "DELETE FROM brisk_cache WHERE tenant_id = $1 AND cache = $2";

    /// Entries that nobody will read any more.
    pub(super) DELETE_EXPIRED(now: Timestamp, limit: i64) -> Affected
        = "DELETE FROM brisk_cache WHERE (tenant_id, id) IN (
             SELECT tenant_id, id FROM brisk_cache WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
}
