//! What the check of a request needs to know of a person and its session, in one statement.

use brisk_auth::TenantStatus;
use brisk_core::TenantId;
use brisk_db::{Error, FromRow, Json, Session, statements};
use jiff::Timestamp;
use serde_json::Value;

use crate::ids::{SessionId, UserId};
use crate::model::user::UserStatus;

/// A person, its tenant, one of its sessions, and what it may do.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct AccountRow {
    pub(crate) email: String,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) full_name: String,
    pub(crate) status: UserStatus,
    pub(crate) is_superuser: bool,
    pub(crate) token_epoch: i64,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Json<Value>,
    pub(crate) last_login_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) tenant_slug: String,
    pub(crate) tenant_name: String,
    pub(crate) tenant_status: TenantStatus,
    /// None where there is no such session.
    pub(crate) session_ends_at: Option<Timestamp>,
    pub(crate) session_revoked_at: Option<Timestamp>,
    pub(crate) auth_time: Option<Timestamp>,
    /// Names, parted by commas.
    pub(crate) roles: Option<String>,
    /// Names, parted by spaces.
    pub(crate) permissions: Option<String>,
}

statements! {
    prefix "identity.account";

    /// One person with one session. Each table is found by what the caller knows, so that what is kept of the answer ends with
    /// changes of these rows alone.
    pub(crate) GET(tenant: TenantId, user: UserId, session: SessionId) -> Option<AccountRow>
        = "SELECT u.email, u.email_verified_at, u.full_name, u.status, u.is_superuser, u.token_epoch, u.locale, u.metadata,
             u.last_login_at, u.created_at, u.updated_at, u.deleted_at, t.slug AS tenant_slug, t.name AS tenant_name,
             t.status AS tenant_status, s.absolute_expires_at AS session_ends_at, s.revoked_at AS session_revoked_at, s.auth_time,
             (SELECT string_agg(r.name, ',') FROM identity_user_roles h
                JOIN identity_roles r ON r.tenant_id = h.tenant_id AND r.id = h.role_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS roles,
             (SELECT string_agg(p.resource || ':' || p.action, ' ') FROM identity_user_roles h
                JOIN identity_role_permissions g ON g.tenant_id = h.tenant_id AND g.role_id = h.role_id
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS permissions
           FROM identity_users u
           JOIN brisk_tenants t ON t.id = u.tenant_id
           LEFT JOIN identity_sessions s ON s.tenant_id = $1 AND s.id = $3 AND s.user_id = $2
           WHERE u.tenant_id = $1 AND u.id = $2",
        sqlite "SELECT u.email, u.email_verified_at, u.full_name, u.status, u.is_superuser, u.token_epoch, u.locale, u.metadata,
             u.last_login_at, u.created_at, u.updated_at, u.deleted_at, t.slug AS tenant_slug, t.name AS tenant_name,
             t.status AS tenant_status, s.absolute_expires_at AS session_ends_at, s.revoked_at AS session_revoked_at, s.auth_time,
             (SELECT group_concat(r.name, ',') FROM identity_user_roles h
                JOIN identity_roles r ON r.tenant_id = h.tenant_id AND r.id = h.role_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS roles,
             (SELECT group_concat(p.resource || ':' || p.action, ' ') FROM identity_user_roles h
                JOIN identity_role_permissions g ON g.tenant_id = h.tenant_id AND g.role_id = h.role_id
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS permissions
           FROM identity_users u
           JOIN brisk_tenants t ON t.id = u.tenant_id
           LEFT JOIN identity_sessions s ON s.tenant_id = $1 AND s.id = $3 AND s.user_id = $2
           WHERE u.tenant_id = $1 AND u.id = $2";
}

/// The accounts of the session's tenant.
pub(crate) struct Accounts<'a>(pub(crate) &'a Session);

impl Accounts<'_> {
    pub(crate) async fn get(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<AccountRow>, Error> {
        self.0.run(&GET, (self.0.tenant(), user, session)).await
    }
}
