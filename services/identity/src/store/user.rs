//! The people of the tenant.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, Session, statements};
use jiff::Timestamp;
use serde_json::Value;

use crate::ids::UserId;
use crate::model::email::Email;
use crate::model::user::{User, UserStatus, name_norm};
use crate::store::system::CandidateRow;

/// A person as stored, without the password.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) email: String,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) full_name: String,
    pub(crate) status: UserStatus,
    pub(crate) is_superuser: bool,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Json<Value>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) last_login_at: Option<Timestamp>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            email: row.email,
            email_verified: row.email_verified_at.is_some(),
            full_name: row.full_name,
            is_active: row.status == UserStatus::Active,
            is_superuser: row.is_superuser,
            status: row.status,
            locale: row.locale,
            metadata: row.metadata.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_login_at: row.last_login_at,
        }
    }
}

/// What a change of the password has to know.
#[derive(Clone, FromRow)]
pub(crate) struct PasswordRow {
    pub(crate) email: String,
    pub(crate) full_name: String,
    pub(crate) password_hash: Option<String>,
}

impl std::fmt::Debug for PasswordRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordRow(..)")
    }
}

/// A person to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) is_verified: bool,
    pub(crate) password_hash: Option<String>,
    pub(crate) full_name: String,
    pub(crate) status: UserStatus,
    pub(crate) is_superuser: bool,
    pub(crate) metadata: Value,
}

statements! {
    prefix "identity.user";

    /// One person.
    pub(crate) GET(tenant: TenantId, id: UserId) -> Option<UserRow>
        = "SELECT id, tenant_id, email, email_verified_at, full_name, status, is_superuser, locale, metadata, created_at,
             updated_at, last_login_at
           FROM identity_users WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// The password's hash and what a new password must not contain.
    pub(crate) PASSWORD(tenant: TenantId, id: UserId) -> Option<PasswordRow>
        = "SELECT email, full_name, password_hash FROM identity_users
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// A new person.
    pub(crate) INSERT(
        id: UserId, tenant: TenantId, email: String, email_norm: String, verified_at: Option<Timestamp>,
        password_hash: Option<String>, password_at: Option<Timestamp>, full_name: String, name_norm: String,
        status: UserStatus, is_superuser: bool, metadata: Json<Value>, now: Timestamp,
    ) -> Affected
        = "INSERT INTO identity_users
             (id, tenant_id, email, email_norm, email_verified_at, password_hash, password_changed_at, full_name, name_norm,
              status, is_superuser, metadata, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)";

    /// Notes a sign-in, and a better hash of the same password.
    pub(crate) SIGNED_IN(tenant: TenantId, id: UserId, now: Timestamp, better_hash: Option<String>) -> Affected
        = "UPDATE identity_users SET last_login_at = $3, password_hash = coalesce($4, password_hash)
           WHERE tenant_id = $1 AND id = $2";

    /// A better hash of the same password.
    pub(crate) BETTER_HASH(tenant: TenantId, id: UserId, better_hash: String) -> Affected
        = "UPDATE identity_users SET password_hash = $3 WHERE tenant_id = $1 AND id = $2";

    /// Somebody who is about to sign in.
    pub(crate) CANDIDATE(tenant: TenantId, id: UserId, now: Timestamp) -> Option<CandidateRow>
        = "SELECT u.id, u.tenant_id, u.password_hash, u.status, u.token_epoch, u.email_verified_at,
             t.status AS tenant_status,
             (SELECT count(*) FROM identity_sessions s
                WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.revoked_at IS NULL AND s.idle_expires_at > $3) AS sessions,
             t.settings,
             EXISTS (SELECT 1 FROM identity_totp f
               WHERE f.tenant_id = u.tenant_id AND f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS has_totp
           FROM identity_users u JOIN brisk_tenants t ON t.id = u.tenant_id
           WHERE u.tenant_id = $1 AND u.id = $2 AND u.deleted_at IS NULL";

    /// What people change about themselves.
    pub(crate) UPDATE_OWN(
        tenant: TenantId, id: UserId, full_name: String, name_norm: String, locale: Option<String>, metadata: Json<Value>,
        now: Timestamp,
    ) -> Option<UserRow>
        = "UPDATE identity_users SET full_name = $3, name_norm = $4, locale = $5, metadata = $6, updated_at = $7
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
           RETURNING id, tenant_id, email, email_verified_at, full_name, status, is_superuser, locale, metadata, created_at,
             updated_at, last_login_at";

    /// Another password; tokens that were made before do not count any more.
    pub(crate) SET_PASSWORD(tenant: TenantId, id: UserId, hash: String, now: Timestamp, ends_tokens: i64) -> Affected
        = "UPDATE identity_users SET password_hash = $3, password_changed_at = $4, updated_at = $4,
             token_epoch = token_epoch + $5
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// Another password for somebody who has shown a mail to this address; the address is proved by that, and tokens that were
    /// made before do not count any more.
    pub(crate) RESET_PASSWORD(tenant: TenantId, id: UserId, email_norm: String, hash: String, now: Timestamp) -> Affected
        = "UPDATE identity_users SET password_hash = $4, password_changed_at = $5, updated_at = $5,
             token_epoch = token_epoch + 1, email_verified_at = coalesce(email_verified_at, $5)
           WHERE tenant_id = $1 AND id = $2 AND email_norm = $3 AND status = 'active' AND deleted_at IS NULL";

    /// The address is proved to be somebody's own, if it still is.
    pub(crate) VERIFY_EMAIL(tenant: TenantId, id: UserId, email_norm: String, now: Timestamp) -> Affected
        = "UPDATE identity_users SET email_verified_at = coalesce(email_verified_at, $4), updated_at = $4
           WHERE tenant_id = $1 AND id = $2 AND email_norm = $3 AND deleted_at IS NULL";

    /// Another address, proved already, in place of the one that somebody had when it asked for it.
    pub(crate) MOVE_EMAIL(tenant: TenantId, id: UserId, from: String, email: String, email_norm: String, now: Timestamp)
        -> Affected
        = "UPDATE identity_users SET email = $4, email_norm = $5, email_verified_at = $6, updated_at = $6
           WHERE tenant_id = $1 AND id = $2 AND email_norm = $3 AND status = 'active' AND deleted_at IS NULL";

    /// Somebody who was invited comes: with a password and a name of its own.
    pub(crate) ACCEPT(
        tenant: TenantId, id: UserId, email_norm: String, hash: String, full_name: String, name_norm: String, now: Timestamp,
    ) -> Affected
        = "UPDATE identity_users SET password_hash = $4, password_changed_at = $7, full_name = $5, name_norm = $6,
             email_verified_at = $7, status = 'active', updated_at = $7
           WHERE tenant_id = $1 AND id = $2 AND email_norm = $3 AND status = 'invited' AND deleted_at IS NULL";

    /// Makes all access tokens that there are void.
    pub(crate) RAISE_EPOCH(tenant: TenantId, id: UserId, now: Timestamp) -> Affected
        = "UPDATE identity_users SET token_epoch = token_epoch + 1, updated_at = $3 WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `identity_users`; each statement filters by the session's tenant.
pub(crate) struct Users<'a>(pub(crate) &'a Session);

impl Users<'_> {
    pub(crate) async fn candidate(
        &self,
        id: UserId,
        now: Timestamp,
    ) -> Result<Option<CandidateRow>, Error> {
        self.0.run(&CANDIDATE, (self.0.tenant(), id, now)).await
    }

    pub(crate) async fn get(&self, id: UserId) -> Result<Option<User>, Error> {
        let row = self.0.run(&GET, (self.0.tenant(), id)).await?;
        Ok(row.map(User::from))
    }

    pub(crate) async fn password(&self, id: UserId) -> Result<Option<PasswordRow>, Error> {
        self.0.run(&PASSWORD, (self.0.tenant(), id)).await
    }

    pub(crate) async fn insert(&self, user: NewUser, now: Timestamp) -> Result<User, Error> {
        let tenant = self.0.tenant();
        let norm = name_norm(&user.full_name);
        let password_at = user.password_hash.as_ref().map(|_| now);
        let made = User {
            id: user.id,
            tenant_id: tenant,
            email: user.email.typed.clone(),
            email_verified: user.is_verified,
            full_name: user.full_name.clone(),
            is_active: user.status == UserStatus::Active,
            is_superuser: user.is_superuser,
            status: user.status,
            locale: None,
            metadata: user.metadata.clone(),
            created_at: now,
            updated_at: now,
            last_login_at: None,
        };
        let params = (
            user.id,
            tenant,
            user.email.typed,
            user.email.norm,
            user.is_verified.then_some(now),
            user.password_hash,
            password_at,
            user.full_name,
            norm,
            user.status,
            user.is_superuser,
            Json(user.metadata),
            now,
        );
        self.0.run(&INSERT, params).await?;
        Ok(made)
    }

    pub(crate) async fn update_own(
        &self,
        user: User,
        now: Timestamp,
    ) -> Result<Option<User>, Error> {
        let params = (
            self.0.tenant(),
            user.id,
            user.full_name.clone(),
            name_norm(&user.full_name),
            user.locale,
            Json(user.metadata),
            now,
        );
        let row = self.0.run(&UPDATE_OWN, params).await?;
        Ok(row.map(User::from))
    }

    /// Whether there is such a user; `ends_tokens` makes all access tokens void too.
    pub(crate) async fn set_password(
        &self,
        id: UserId,
        hash: String,
        ends_tokens: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let params = (self.0.tenant(), id, hash, now, i64::from(ends_tokens));
        Ok(self.0.run(&SET_PASSWORD, params).await? > 0)
    }

    /// Whether somebody may have it: who is active and has the address still.
    pub(crate) async fn reset_password(
        &self,
        id: UserId,
        email_norm: &str,
        hash: String,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let params = (self.0.tenant(), id, email_norm.to_owned(), hash, now);
        Ok(self.0.run(&RESET_PASSWORD, params).await? > 0)
    }

    /// Whether the address is still somebody's.
    pub(crate) async fn verify_email(
        &self,
        id: UserId,
        email_norm: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let params = (self.0.tenant(), id, email_norm.to_owned(), now);
        Ok(self.0.run(&VERIFY_EMAIL, params).await? > 0)
    }

    /// Whether somebody still had the address `from`.
    pub(crate) async fn move_email(
        &self,
        id: UserId,
        from: &str,
        to: Email,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let params = (self.0.tenant(), id, from.to_owned(), to.typed, to.norm, now);
        Ok(self.0.run(&MOVE_EMAIL, params).await? > 0)
    }

    /// Whether somebody is still invited, at this address.
    pub(crate) async fn accept(
        &self,
        id: UserId,
        email_norm: &str,
        hash: String,
        full_name: String,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let norm = name_norm(&full_name);
        let email_norm = email_norm.to_owned();
        let params = (self.0.tenant(), id, email_norm, hash, full_name, norm, now);
        Ok(self.0.run(&ACCEPT, params).await? > 0)
    }

    pub(crate) async fn raise_epoch(&self, id: UserId, now: Timestamp) -> Result<u64, Error> {
        self.0.run(&RAISE_EPOCH, (self.0.tenant(), id, now)).await
    }
}
