//! What is asked without knowing a tenant: by somebody's address before it has signed in, by the hash of a secret, and by work
//! that is done for all tenants. A test knows the list by name.

use brisk_auth::TenantStatus;
use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, One, Session, statements};
use jiff::Timestamp;
use serde_json::Value;

use crate::ids::{SessionId, UserId};
use crate::model::client::ClientStatus;
use crate::model::one_time::Purpose;
use crate::model::secret::SecretHash;
use crate::model::user::UserStatus;
use crate::store::addressee::AddresseeRow;
use crate::store::identity::StandingRow;
use crate::store::oauth_state::OauthStateRow;
use crate::store::one_time::OneTimeRow;

/// Somebody who may be the one who signs in.
#[derive(Clone, FromRow)]
pub(crate) struct CandidateRow {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) password_hash: Option<String>,
    pub(crate) status: UserStatus,
    pub(crate) token_epoch: i64,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) tenant_status: TenantStatus,
    /// How many live sessions there are.
    pub(crate) sessions: i64,
    /// What the tenant sets for itself.
    pub(crate) settings: Json<Value>,
    /// Whether a second factor is asked for.
    pub(crate) has_totp: bool,
}

impl std::fmt::Debug for CandidateRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CandidateRow")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A refresh token that somebody shows.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ShownRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) session_id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) generation: i64,
    pub(crate) expires_at: Timestamp,
    pub(crate) consumed_at: Option<Timestamp>,
}

/// A machine client that shows a secret.
#[derive(Clone, FromRow)]
pub(crate) struct ShownClientRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) secret_hash: Option<Vec<u8>>,
    pub(crate) secret2_hash: Option<Vec<u8>>,
    pub(crate) scopes: Json<Value>,
    pub(crate) token_ttl_s: i64,
    pub(crate) status: ClientStatus,
    pub(crate) tenant_status: TenantStatus,
}

statements! {
    prefix "identity.system";

    /// Who has this address, in one tenant or in any; two rows say as much as more.
    pub(crate) CANDIDATES(email: String, tenant: Option<TenantId>, now: Timestamp) -> Vec<CandidateRow>
        = "SELECT u.id, u.tenant_id, u.password_hash, u.status, u.token_epoch, u.email_verified_at,
             t.status AS tenant_status,
             (SELECT count(*) FROM identity_sessions s
                WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.revoked_at IS NULL AND s.idle_expires_at > $3) AS sessions,
             t.settings,
             EXISTS (SELECT 1 FROM identity_totp f
               WHERE f.tenant_id = u.tenant_id AND f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS has_totp
           FROM identity_users u JOIN brisk_tenants t ON t.id = u.tenant_id
           WHERE u.email_norm = $1 AND u.deleted_at IS NULL AND (CAST($2 AS bigint) IS NULL OR u.tenant_id = $2)
           LIMIT 2";

    /// Whom an address belongs to, in one tenant or in all.
    pub(crate) ADDRESSEES(email: String, tenant: Option<TenantId>) -> Vec<AddresseeRow>
        = "SELECT u.id, u.tenant_id, u.email, u.email_norm, u.email_verified_at, u.full_name, u.status, u.token_epoch,
             t.status AS tenant_status, t.slug AS tenant_slug, t.name AS tenant_name
           FROM identity_users u JOIN brisk_tenants t ON t.id = u.tenant_id
           WHERE u.email_norm = $1 AND u.deleted_at IS NULL AND (CAST($2 AS bigint) IS NULL OR u.tenant_id = $2)
           ORDER BY u.tenant_id LIMIT 20";

    /// Uses a refresh token, once: of any number of callers one gets the row.
    pub(crate) CONSUME(hash: Vec<u8>, now: Timestamp) -> Option<ShownRow>
        = "UPDATE identity_refresh_tokens SET consumed_at = $2
           WHERE token_hash = $1 AND consumed_at IS NULL AND expires_at > $2
           RETURNING tenant_id, session_id, user_id, generation, expires_at, consumed_at";

    /// A refresh token, whatever became of it.
    pub(crate) SHOWN(hash: Vec<u8>) -> Option<ShownRow>
        = "SELECT tenant_id, session_id, user_id, generation, expires_at, consumed_at
           FROM identity_refresh_tokens WHERE token_hash = $1";

    /// A machine client that shows a secret.
    pub(crate) CLIENT(client: String) -> Option<ShownClientRow>
        = "SELECT c.tenant_id, c.secret_hash, c.secret2_hash, c.scopes, c.token_ttl_s, c.status,
             t.status AS tenant_status
           FROM identity_oauth_clients c JOIN brisk_tenants t ON t.id = c.tenant_id WHERE c.client_id = $1";

    /// Uses a one-time token, once: of any number of callers one gets the row.
    pub(crate) CONSUME_ONE_TIME(hash: Vec<u8>, purpose: Purpose, now: Timestamp) -> Option<OneTimeRow>
        = "UPDATE identity_one_time_tokens SET consumed_at = $3
           WHERE token_hash = $1 AND purpose = $2 AND consumed_at IS NULL AND expires_at > $3
           RETURNING tenant_id, user_id, payload, consumed_at";

    /// A one-time token within its life, used or not.
    pub(crate) SHOWN_ONE_TIME(hash: Vec<u8>, purpose: Purpose, now: Timestamp) -> Option<OneTimeRow>
        = "SELECT tenant_id, user_id, payload, consumed_at FROM identity_one_time_tokens
           WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3";

    /// As [`CONSUME_ONE_TIME`], for a token that proves an address, whether it is to be taken or is somebody's already.
    pub(crate) CONSUME_PROOF(hash: Vec<u8>, now: Timestamp) -> Option<OneTimeRow>
        = "UPDATE identity_one_time_tokens SET consumed_at = $2
           WHERE token_hash = $1 AND purpose IN ('email_verify', 'email_change') AND consumed_at IS NULL AND expires_at > $2
           RETURNING tenant_id, user_id, payload, consumed_at";

    /// As [`SHOWN_ONE_TIME`], for a token that proves an address.
    pub(crate) SHOWN_PROOF(hash: Vec<u8>, now: Timestamp) -> Option<OneTimeRow>
        = "SELECT tenant_id, user_id, payload, consumed_at FROM identity_one_time_tokens
           WHERE token_hash = $1 AND purpose IN ('email_verify', 'email_change') AND expires_at > $2";

    /// Takes a state back, once: of any number of callers one gets the row. The state itself says whose it is.
    pub(crate) TAKE_OAUTH_STATE(hash: Vec<u8>, provider: String, now: Timestamp) -> Option<OauthStateRow>
        = "DELETE FROM identity_oauth_states WHERE state_hash = $1 AND provider_key = $2 AND expires_at > $3
           RETURNING id, binding_hash, tenant_id, intent, user_id, nonce_hash, pkce_verifier_enc, redirect_uri, return_to,
             response_mode, invite_hash";

    /// Who somebody of a provider is, in one tenant or in any.
    pub(crate) KNOWN_AT_PROVIDER(
        provider: String, subject: String, tenant: Option<TenantId>, now: Timestamp,
    ) -> Vec<StandingRow>
        = "SELECT u.id, u.tenant_id, u.status, u.token_epoch, u.email_verified_at, t.status AS tenant_status, t.slug AS tenant_slug,
             t.name AS tenant_name, t.settings, i.id AS identity_id,
             (SELECT count(*) FROM identity_sessions s
                WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.revoked_at IS NULL AND s.idle_expires_at > $4) AS sessions
           FROM identity_user_identities i
           JOIN identity_users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
           JOIN brisk_tenants t ON t.id = i.tenant_id
           WHERE i.provider_key = $1 AND i.subject = $2 AND (CAST($3 AS bigint) IS NULL OR i.tenant_id = $3)
             AND u.deleted_at IS NULL AND t.status <> 'deleting'
           ORDER BY i.linked_at, i.tenant_id LIMIT 50";

    /// Who has this address: in one tenant whoever has it, in any whoever has proved it. Two rows say as much as more.
    pub(crate) HOLDERS(email: String, tenant: Option<TenantId>, now: Timestamp) -> Vec<StandingRow>
        = "SELECT u.id, u.tenant_id, u.status, u.token_epoch, u.email_verified_at, t.status AS tenant_status, t.slug AS tenant_slug,
             t.name AS tenant_name, t.settings, CAST(NULL AS uuid) AS identity_id,
             (SELECT count(*) FROM identity_sessions s
                WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.revoked_at IS NULL AND s.idle_expires_at > $3) AS sessions
           FROM identity_users u JOIN brisk_tenants t ON t.id = u.tenant_id
           WHERE u.email_norm = $1 AND u.deleted_at IS NULL AND t.status <> 'deleting'
             AND (u.tenant_id = $2 OR (CAST($2 AS bigint) IS NULL AND u.email_verified_at IS NOT NULL))
           LIMIT 2";

    /// The tenant of those who run the installation.
    pub(crate) SYSTEM_TENANT() -> Option<TenantId> = "SELECT id FROM brisk_tenants WHERE kind = 'system'";

    /// The same, kept from others until the transaction ends.
    pub(crate) LOCK_SYSTEM_TENANT(now: Timestamp) -> Option<TenantId>
        = "UPDATE brisk_tenants SET updated_at = $1 WHERE kind = 'system' RETURNING id";

    /// Whether anybody runs the installation yet.
    pub(crate) STAFF() -> One<i64>
        = "SELECT count(*) AS n FROM identity_users u JOIN brisk_tenants t ON t.id = u.tenant_id
           WHERE t.kind = 'system' AND u.deleted_at IS NULL";

    /// How many live sessions there are.
    pub(crate) LIVE_SESSIONS(now: Timestamp) -> One<i64>
        = "SELECT count(*) AS n FROM identity_sessions WHERE revoked_at IS NULL AND absolute_expires_at > $1";

    /// Erases refresh tokens that ended long ago.
    pub(crate) DELETE_REFRESH_TOKENS(before: Timestamp, limit: i64) -> Affected
        = "DELETE FROM identity_refresh_tokens WHERE id IN (
             SELECT id FROM identity_refresh_tokens WHERE expires_at < $1 LIMIT $2)";

    /// Erases sessions that ended long ago.
    pub(crate) DELETE_SESSIONS(before: Timestamp, limit: i64) -> Affected
        = "DELETE FROM identity_sessions WHERE id IN (
             SELECT id FROM identity_sessions WHERE absolute_expires_at < $1 LIMIT $2)";

    /// Erases states of sign-ins that nobody came back from.
    pub(crate) DELETE_OAUTH_STATES(before: Timestamp, limit: i64) -> Affected
        = "DELETE FROM identity_oauth_states WHERE id IN (
             SELECT id FROM identity_oauth_states WHERE expires_at < $1 LIMIT $2)";

    /// Erases one-time tokens that ended.
    pub(crate) DELETE_ONE_TIME_TOKENS(before: Timestamp, limit: i64) -> Affected
        = "DELETE FROM identity_one_time_tokens WHERE id IN (
             SELECT id FROM identity_one_time_tokens WHERE expires_at < $1 LIMIT $2)";

    /// Erases access tokens that would have ended by themselves.
    pub(crate) DELETE_REVOKED(before: Timestamp, limit: i64) -> Affected
        = "DELETE FROM identity_revoked_access_tokens WHERE jti IN (
             SELECT jti FROM identity_revoked_access_tokens WHERE expires_at < $1 LIMIT $2)";

    /// Forgets who people were that were deleted long ago; their rows stay, so that what refers to them still does.
    pub(crate) ERASE_DELETED_USERS(before: Timestamp, limit: i64) -> Affected
        = "UPDATE identity_users SET email = '', email_norm = '', full_name = '', name_norm = '', locale = NULL, metadata = '{}'
           WHERE id IN (SELECT id FROM identity_users WHERE deleted_at < $1 AND email <> '' LIMIT $2)";

    /// Erases counters that nobody raised for long.
    pub(crate) DELETE_COUNTERS(before: Timestamp, limit: i64) -> Affected
        = "DELETE FROM identity_login_throttle WHERE last_try_id IN (
             SELECT last_try_id FROM identity_login_throttle WHERE last_try_at < $1 LIMIT $2) AND last_try_at < $1";
}

/// What is asked without knowing a tenant. A session of the platform asks.
pub(crate) struct AllTenants<'a>(pub(crate) &'a Session);

impl AllTenants<'_> {
    pub(crate) async fn candidates(
        &self,
        email: &str,
        tenant: Option<TenantId>,
        now: Timestamp,
    ) -> Result<Vec<CandidateRow>, Error> {
        let params = (email.to_owned(), tenant, now);
        self.0.run(&CANDIDATES, params).await
    }

    pub(crate) async fn addressees(
        &self,
        email: &str,
        tenant: Option<TenantId>,
    ) -> Result<Vec<AddresseeRow>, Error> {
        self.0.run(&ADDRESSEES, (email.to_owned(), tenant)).await
    }

    pub(crate) async fn consume(
        &self,
        hash: SecretHash,
        now: Timestamp,
    ) -> Result<Option<ShownRow>, Error> {
        self.0.run(&CONSUME, (hash.to_vec(), now)).await
    }

    pub(crate) async fn shown(&self, hash: SecretHash) -> Result<Option<ShownRow>, Error> {
        self.0.run(&SHOWN, (hash.to_vec(),)).await
    }

    pub(crate) async fn client(&self, client: &str) -> Result<Option<ShownClientRow>, Error> {
        self.0.run(&CLIENT, (client.to_owned(),)).await
    }

    pub(crate) async fn consume_one_time(
        &self,
        hash: SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRow>, Error> {
        let params = (hash.to_vec(), purpose, now);
        self.0.run(&CONSUME_ONE_TIME, params).await
    }

    pub(crate) async fn shown_one_time(
        &self,
        hash: SecretHash,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeRow>, Error> {
        let params = (hash.to_vec(), purpose, now);
        self.0.run(&SHOWN_ONE_TIME, params).await
    }

    pub(crate) async fn consume_proof(
        &self,
        hash: SecretHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeRow>, Error> {
        self.0.run(&CONSUME_PROOF, (hash.to_vec(), now)).await
    }

    pub(crate) async fn shown_proof(
        &self,
        hash: SecretHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeRow>, Error> {
        self.0.run(&SHOWN_PROOF, (hash.to_vec(), now)).await
    }

    pub(crate) async fn take_oauth_state(
        &self,
        hash: SecretHash,
        provider: &str,
        now: Timestamp,
    ) -> Result<Option<OauthStateRow>, Error> {
        let params = (hash.to_vec(), provider.to_owned(), now);
        self.0.run(&TAKE_OAUTH_STATE, params).await
    }

    pub(crate) async fn known_at_provider(
        &self,
        provider: &str,
        subject: &str,
        tenant: Option<TenantId>,
        now: Timestamp,
    ) -> Result<Vec<StandingRow>, Error> {
        let params = (provider.to_owned(), subject.to_owned(), tenant, now);
        self.0.run(&KNOWN_AT_PROVIDER, params).await
    }

    pub(crate) async fn holders(
        &self,
        email: &str,
        tenant: Option<TenantId>,
        now: Timestamp,
    ) -> Result<Vec<StandingRow>, Error> {
        let params = (email.to_owned(), tenant, now);
        self.0.run(&HOLDERS, params).await
    }

    pub(crate) async fn system_tenant(&self) -> Result<Option<TenantId>, Error> {
        self.0.run(&SYSTEM_TENANT, ()).await
    }

    pub(crate) async fn lock_system_tenant(
        &self,
        now: Timestamp,
    ) -> Result<Option<TenantId>, Error> {
        self.0.run(&LOCK_SYSTEM_TENANT, (now,)).await
    }

    pub(crate) async fn staff(&self) -> Result<i64, Error> {
        self.0.run(&STAFF, ()).await
    }

    /// Erases up to `limit` rows of each kind that ended before `before`; how many of each.
    pub(crate) async fn delete_ended(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: i64,
        deleted_before: Timestamp,
    ) -> Result<[(&'static str, u64); 7], Error> {
        let run = |statement, at: Timestamp| self.0.run(statement, (at, limit));
        Ok([
            ("refresh tokens", run(&DELETE_REFRESH_TOKENS, before).await?),
            ("sessions", run(&DELETE_SESSIONS, before).await?),
            ("sign-ins under way", run(&DELETE_OAUTH_STATES, now).await?),
            (
                "one-time tokens",
                run(&DELETE_ONE_TIME_TOKENS, before).await?,
            ),
            ("revoked tokens", run(&DELETE_REVOKED, now).await?),
            ("counters", run(&DELETE_COUNTERS, before).await?),
            (
                "deleted people",
                run(&ERASE_DELETED_USERS, deleted_before).await?,
            ),
        ])
    }

    pub(crate) async fn live_sessions(&self, now: Timestamp) -> Result<i64, Error> {
        self.0.run(&LIVE_SESSIONS, (now,)).await
    }
}
