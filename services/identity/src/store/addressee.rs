//! People as those who are written to.

use brisk_auth::TenantStatus;
use brisk_core::TenantId;
use brisk_db::{Error, FromRow, Session, statements};
use jiff::Timestamp;

use crate::ids::UserId;
use crate::model::user::UserStatus;

/// Somebody with an address, in its tenant.
#[derive(Clone, FromRow)]
pub(crate) struct AddresseeRow {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) email: String,
    pub(crate) email_norm: String,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) full_name: String,
    pub(crate) status: UserStatus,
    pub(crate) token_epoch: i64,
    pub(crate) tenant_status: TenantStatus,
    pub(crate) tenant_slug: String,
    pub(crate) tenant_name: String,
}

impl std::fmt::Debug for AddresseeRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddresseeRow")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

statements! {
    prefix "identity.addressee";

    /// Somebody whom we write to.
    pub(crate) GET(tenant: TenantId, id: UserId) -> Option<AddresseeRow>
        = "SELECT u.id, u.tenant_id, u.email, u.email_norm, u.email_verified_at, u.full_name, u.status, u.token_epoch,
             t.status AS tenant_status, t.slug AS tenant_slug, t.name AS tenant_name
           FROM identity_users u JOIN brisk_tenants t ON t.id = u.tenant_id
           WHERE u.tenant_id = $1 AND u.id = $2 AND u.deleted_at IS NULL";
}

/// Who is written to; whom an address belongs to in any tenant is in [`system`](super::system).
pub(crate) struct Addressees<'a>(pub(crate) &'a Session);

impl Addressees<'_> {
    pub(crate) async fn get(&self, id: UserId) -> Result<Option<AddresseeRow>, Error> {
        self.0.run(&GET, (self.0.tenant(), id)).await
    }
}
