//! Every statement on the people who report.

use brisk_core::TenantId;
use brisk_db::{One, Session, statements};
use jiff::Timestamp;

statements! {
    prefix "civic.reporter";

    /// The person behind a contact; the row is made at first sight, and forgets nothing that it knows.
    SEEN(tenant: TenantId, contact_hash: Vec<u8>, contact_enc: Vec<u8>, now: Timestamp) -> One<i64>
        = "INSERT INTO civic_reporters (tenant_id, contact_hash, contact_enc, created_at, last_seen_at)
            VALUES ($1, $2, $3, $4, $4)
            ON CONFLICT (tenant_id, contact_hash) WHERE contact_hash IS NOT NULL
            DO UPDATE SET last_seen_at = excluded.last_seen_at RETURNING id";
}

/// Everything asked of `civic_reporters`.
pub(crate) struct Reporters<'a>(pub(crate) &'a Session);

impl Reporters<'_> {
    /// The id of the person with this contact.
    pub(crate) async fn seen(
        &self,
        contact_hash: Vec<u8>,
        contact_enc: Vec<u8>,
        now: Timestamp,
    ) -> Result<i64, brisk_db::Error> {
        self.0
            .run(&SEEN, (self.0.tenant(), contact_hash, contact_enc, now))
            .await
    }
}
