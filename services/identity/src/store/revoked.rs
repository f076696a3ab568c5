//! Single access tokens that do not count any more.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, Session, statements};
use jiff::Timestamp;
use uuid::Uuid;

statements! {
    prefix "identity.revoked";

    /// All of them: at most as many as were revoked within the life of an access token, and kept in memory.
    pub(crate) LIST() -> Vec<Uuid> = "SELECT jti FROM identity_revoked_access_tokens ORDER BY jti";

    /// One more.
    pub(crate) INSERT(jti: Uuid, tenant: TenantId, expires_at: Timestamp) -> Affected
        = "INSERT INTO identity_revoked_access_tokens (jti, tenant_id, expires_at) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING";
}

/// Everything asked of `identity_revoked_access_tokens`.
pub(crate) struct Revoked<'a>(pub(crate) &'a Session);

impl Revoked<'_> {
    pub(crate) async fn list(&self) -> Result<Vec<Uuid>, Error> {
        self.0.run(&LIST, ()).await
    }

    pub(crate) async fn insert(&self, jti: Uuid, expires_at: Timestamp) -> Result<u64, Error> {
        self.0
            .run(&INSERT, (jti, self.0.tenant(), expires_at))
            .await
    }
}
