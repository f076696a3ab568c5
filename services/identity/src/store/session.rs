//! The sessions of the tenant's people.

use brisk_auth::TenantStatus;
use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, Record, Session, statements};
use jiff::Timestamp;
use serde_json::Value;

use crate::ids::{SessionId, UserId};
use crate::model::session::RevokeReason;
use crate::model::user::UserStatus;

/// A session as it begins.
#[derive(Clone, Debug, Record)]
#[record(table = "identity_sessions")]
pub(crate) struct NewSessionRow {
    pub(crate) id: SessionId,
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) generation: i64,
    pub(crate) auth_time: Timestamp,
    pub(crate) amr: Json<Value>,
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) device_label: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) absolute_expires_at: Timestamp,
}

/// A session as its holder sees it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) device_label: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) absolute_expires_at: Timestamp,
}

/// A session and whose it is, as a refresh has to judge it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct StandingRow {
    pub(crate) generation: i64,
    pub(crate) auth_time: Timestamp,
    pub(crate) amr: Json<Value>,
    pub(crate) absolute_expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) status: UserStatus,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) token_epoch: i64,
    pub(crate) tenant_status: TenantStatus,
    /// When the token was given out that stands as many refreshes back as a minute may have.
    pub(crate) paced_from: Option<Timestamp>,
}

statements! {
    prefix "identity.session";

    /// A session with its person and tenant, kept from other refreshes until the transaction ends; `pace` is how many refreshes
    /// one looks back.
    pub(crate) STANDING(tenant: TenantId, id: SessionId, pace: i64) -> Option<StandingRow>
        = "SELECT s.generation, s.auth_time, s.amr, s.absolute_expires_at, s.revoked_at, u.status, u.deleted_at,
             u.token_epoch, t.status AS tenant_status, (SELECT r.issued_at FROM identity_refresh_tokens r
               WHERE r.tenant_id = s.tenant_id AND r.session_id = s.id AND r.generation = s.generation + 1 - $3 AND r.generation > 1) AS paced_from
           FROM identity_sessions s
           JOIN identity_users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
           JOIN brisk_tenants t ON t.id = s.tenant_id
           WHERE s.tenant_id = $1 AND s.id = $2 FOR UPDATE OF s",
        sqlite "SELECT s.generation, s.auth_time, s.amr, s.absolute_expires_at, s.revoked_at, u.status, u.deleted_at,
             u.token_epoch, t.status AS tenant_status, (SELECT r.issued_at FROM identity_refresh_tokens r
               WHERE r.tenant_id = s.tenant_id AND r.session_id = s.id AND r.generation = s.generation + 1 - $3 AND r.generation > 1) AS paced_from
           FROM identity_sessions s
           JOIN identity_users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
           JOIN brisk_tenants t ON t.id = s.tenant_id
           WHERE s.tenant_id = $1 AND s.id = $2";

    /// The live sessions of a person, the one used last first.
    pub(crate) PAGE(tenant: TenantId, user: UserId, now: Timestamp) -> Vec<SessionRow>
        = "SELECT id, user_agent, ip, device_label, created_at, last_used_at, idle_expires_at, absolute_expires_at
           FROM identity_sessions
           WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND idle_expires_at > $3
           ORDER BY last_used_at DESC, id DESC LIMIT 200";

    /// Goes on after a refresh.
    pub(crate) ADVANCE(tenant: TenantId, id: SessionId, generation: i64, now: Timestamp, idle_end: Timestamp) -> Affected
        = "UPDATE identity_sessions SET generation = $3, last_used_at = $4, idle_expires_at = $5
           WHERE tenant_id = $1 AND id = $2";

    /// Ends one session of a person.
    pub(crate) REVOKE(tenant: TenantId, user: UserId, id: SessionId, reason: RevokeReason, now: Timestamp) -> Affected
        = "UPDATE identity_sessions SET revoked_at = $5, revoke_reason = $4
           WHERE tenant_id = $1 AND id = $3 AND user_id = $2 AND revoked_at IS NULL";

    /// Ends all sessions of a person but one (nil for none).
    pub(crate) REVOKE_ALL(tenant: TenantId, user: UserId, but: SessionId, reason: RevokeReason, now: Timestamp) -> Affected
        = "UPDATE identity_sessions SET revoked_at = $5, revoke_reason = $4
           WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 AND revoked_at IS NULL";

    /// Ends the least recently used live sessions of a person, so that `keep` stay.
    pub(crate) REVOKE_OLDEST(tenant: TenantId, user: UserId, keep: i64, reason: RevokeReason, now: Timestamp) -> Affected
        = "UPDATE identity_sessions SET revoked_at = $5, revoke_reason = $4
           WHERE tenant_id = $1 AND id IN (
             SELECT id FROM identity_sessions
             WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND idle_expires_at > $5
             ORDER BY last_used_at DESC, id DESC LIMIT 1000 OFFSET $3)";
}

/// Everything asked of `identity_sessions`; each statement filters by the session's tenant.
pub(crate) struct Sessions<'a>(pub(crate) &'a Session);

impl Sessions<'_> {
    pub(crate) async fn standing(
        &self,
        id: SessionId,
        pace: i64,
    ) -> Result<Option<StandingRow>, Error> {
        self.0.run(&STANDING, (self.0.tenant(), id, pace)).await
    }

    pub(crate) async fn page(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, Error> {
        self.0.run(&PAGE, (self.0.tenant(), user, now)).await
    }

    pub(crate) async fn advance(
        &self,
        id: SessionId,
        generation: i64,
        now: Timestamp,
        idle_end: Timestamp,
    ) -> Result<u64, Error> {
        let params = (self.0.tenant(), id, generation, now, idle_end);
        self.0.run(&ADVANCE, params).await
    }

    pub(crate) async fn revoke(
        &self,
        user: UserId,
        id: SessionId,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let params = (self.0.tenant(), user, id, reason, now);
        self.0.run(&REVOKE, params).await
    }

    pub(crate) async fn revoke_all(
        &self,
        user: UserId,
        but: Option<SessionId>,
        reason: RevokeReason,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let but = but.unwrap_or(SessionId(uuid::Uuid::nil()));
        let params = (self.0.tenant(), user, but, reason, now);
        self.0.run(&REVOKE_ALL, params).await
    }

    pub(crate) async fn revoke_oldest(
        &self,
        user: UserId,
        keep: i64,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let params = (self.0.tenant(), user, keep, RevokeReason::Limit, now);
        self.0.run(&REVOKE_OLDEST, params).await
    }
}
