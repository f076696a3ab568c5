//! Who the tenant's people are at providers.

use brisk_auth::TenantStatus;
use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, One, Record, Session, statements};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::UserId;
use crate::model::user::UserStatus;

/// Somebody who is proven, as far as it matters whether it may come in.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct StandingRow {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) status: UserStatus,
    pub(crate) token_epoch: i64,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) tenant_status: TenantStatus,
    pub(crate) tenant_slug: String,
    pub(crate) tenant_name: String,
    /// What the tenant sets for itself.
    pub(crate) settings: Json<Value>,
    /// The identity by which it was found.
    pub(crate) identity_id: Option<Uuid>,
    /// How many live sessions there are.
    pub(crate) sessions: i64,
}

/// A new identity of somebody.
#[derive(Clone, Record)]
#[record(table = "identity_user_identities")]
pub(crate) struct NewIdentityRow {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) provider_key: String,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) profile: Json<Value>,
    pub(crate) linked_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// An identity as its holder sees it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct IdentityRow {
    pub(crate) id: Uuid,
    pub(crate) email: Option<String>,
    pub(crate) profile: Json<Value>,
    pub(crate) linked_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

statements! {
    prefix "identity.identity";

    /// One person, as far as it matters whether it may come in.
    pub(crate) STANDING(tenant: TenantId, user: UserId, now: Timestamp) -> Option<StandingRow>
        = "SELECT u.id, u.tenant_id, u.status, u.token_epoch, u.email_verified_at, t.status AS tenant_status, t.slug AS tenant_slug,
             t.name AS tenant_name, t.settings, CAST(NULL AS uuid) AS identity_id,
             (SELECT count(*) FROM identity_sessions s
                WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND s.idle_expires_at > $3) AS sessions
           FROM identity_users u JOIN brisk_tenants t ON t.id = u.tenant_id
           WHERE u.tenant_id = $1 AND u.id = $2 AND u.deleted_at IS NULL";

    /// The identities of a person, the first linked first.
    pub(crate) LIST(tenant: TenantId, user: UserId) -> Vec<IdentityRow>
        = "SELECT id, email, profile, linked_at, last_used_at FROM identity_user_identities
           WHERE tenant_id = $1 AND user_id = $2 ORDER BY linked_at, id LIMIT 100";

    /// Notes a sign-in.
    pub(crate) USED(tenant: TenantId, id: Uuid, now: Timestamp) -> Affected
        = "UPDATE identity_user_identities SET last_used_at = $3 WHERE tenant_id = $1 AND id = $2";

    /// Makes those who change how somebody signs in wait for each other until the transaction ends.
    pub(crate) LOCK(tenant: TenantId, user: UserId) -> Affected
        = "UPDATE identity_users SET updated_at = updated_at WHERE tenant_id = $1 AND id = $2";

    /// In how many other ways a person can sign in.
    pub(crate) OTHER_WAYS(tenant: TenantId, user: UserId, but: Uuid) -> One<i64>
        = "SELECT (SELECT count(*) FROM identity_users WHERE tenant_id = $1 AND id = $2 AND password_hash IS NOT NULL)
             + (SELECT count(*) FROM identity_user_identities WHERE tenant_id = $1 AND user_id = $2 AND id <> $3) AS n";

    /// Takes one identity from a person.
    pub(crate) DELETE(tenant: TenantId, user: UserId, id: Uuid) -> Affected
        = "DELETE FROM identity_user_identities WHERE tenant_id = $1 AND user_id = $2 AND id = $3";

    /// Somebody who was invited has come; the invitation went to its address.
    pub(crate) WELCOME(tenant: TenantId, user: UserId, now: Timestamp) -> Affected
        = "UPDATE identity_users SET status = 'active', email_verified_at = coalesce(email_verified_at, $3), updated_at = $3
           WHERE tenant_id = $1 AND id = $2 AND status = 'invited' AND deleted_at IS NULL";
}

/// Everything that the tenant asks of `identity_user_identities`.
pub(crate) struct Identities<'a>(pub(crate) &'a Session);

impl Identities<'_> {
    pub(crate) async fn standing(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<StandingRow>, Error> {
        self.0.run(&STANDING, (self.0.tenant(), user, now)).await
    }

    pub(crate) async fn list(&self, user: UserId) -> Result<Vec<IdentityRow>, Error> {
        self.0.run(&LIST, (self.0.tenant(), user)).await
    }

    pub(crate) async fn used(&self, id: Uuid, now: Timestamp) -> Result<u64, Error> {
        self.0.run(&USED, (self.0.tenant(), id, now)).await
    }

    pub(crate) async fn lock(&self, user: UserId) -> Result<u64, Error> {
        self.0.run(&LOCK, (self.0.tenant(), user)).await
    }

    pub(crate) async fn count_other_ways(&self, user: UserId, but: Uuid) -> Result<i64, Error> {
        self.0.run(&OTHER_WAYS, (self.0.tenant(), user, but)).await
    }

    pub(crate) async fn delete(&self, user: UserId, id: Uuid) -> Result<u64, Error> {
        self.0.run(&DELETE, (self.0.tenant(), user, id)).await
    }

    /// Whether somebody was waiting to come.
    pub(crate) async fn welcome(&self, user: UserId, now: Timestamp) -> Result<bool, Error> {
        Ok(self.0.run(&WELCOME, (self.0.tenant(), user, now)).await? > 0)
    }
}
