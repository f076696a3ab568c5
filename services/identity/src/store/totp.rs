//! Second factors: authenticator apps and recovery codes.

use brisk_core::TenantId;
use brisk_db::{Affected, Batch, Error, FromRow, OnConflict, Record, Session, statements};
use jiff::Timestamp;

use crate::ids::UserId;

/// Somebody's app.
#[derive(Clone, FromRow)]
pub(crate) struct TotpRow {
    pub(crate) secret_enc: Vec<u8>,
    pub(crate) confirmed_at: Option<Timestamp>,
    /// The step of the last code that was used.
    pub(crate) last_step: i64,
    pub(crate) recovery_codes: i64,
}

impl std::fmt::Debug for TotpRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpRow").finish_non_exhaustive()
    }
}

/// A recovery code as it is given out.
#[derive(Clone, Record)]
#[record(table = "identity_recovery_codes")]
pub(crate) struct RecoveryCodeRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) code_hash: Vec<u8>,
}

statements! {
    prefix "identity.totp";

    /// Somebody's app, and how many recovery codes are left.
    pub(crate) GET(tenant: TenantId, user: UserId) -> Option<TotpRow>
        = "SELECT t.secret_enc, t.confirmed_at, t.last_step, (SELECT count(*) FROM identity_recovery_codes c
             WHERE c.tenant_id = t.tenant_id AND c.user_id = t.user_id AND c.used_at IS NULL) AS recovery_codes
           FROM identity_totp t WHERE t.tenant_id = $1 AND t.user_id = $2";

    /// Notes an app that is about to be confirmed, instead of another such one. One that is confirmed stays.
    pub(crate) ENROLL(tenant: TenantId, user: UserId, secret: Vec<u8>, now: Timestamp) -> Affected
        = "INSERT INTO identity_totp (tenant_id, user_id, secret_enc, last_step, created_at) VALUES ($1, $2, $3, 0, $4)
           ON CONFLICT (tenant_id, user_id) DO UPDATE SET secret_enc = $3, last_step = 0, created_at = $4
             WHERE identity_totp.confirmed_at IS NULL";

    /// Takes the app, by the first code that it has shown.
    pub(crate) CONFIRM(tenant: TenantId, user: UserId, step: i64, now: Timestamp) -> Affected
        = "UPDATE identity_totp SET confirmed_at = $4, last_step = $3
           WHERE tenant_id = $1 AND user_id = $2 AND confirmed_at IS NULL";

    /// Uses the code of a step, once: of any number of callers one changes the row.
    pub(crate) USE_STEP(tenant: TenantId, user: UserId, step: i64) -> Affected
        = "UPDATE identity_totp SET last_step = $3
           WHERE tenant_id = $1 AND user_id = $2 AND confirmed_at IS NOT NULL AND last_step < $3";

    /// Uses a recovery code, once.
    pub(crate) USE_RECOVERY_CODE(tenant: TenantId, user: UserId, hash: Vec<u8>, now: Timestamp) -> Affected
        = "UPDATE identity_recovery_codes SET used_at = $4
           WHERE tenant_id = $1 AND user_id = $2 AND code_hash = $3 AND used_at IS NULL";

    /// Takes the app away.
    pub(crate) DELETE(tenant: TenantId, user: UserId) -> Affected
        = "DELETE FROM identity_totp WHERE tenant_id = $1 AND user_id = $2";

    /// Takes the recovery codes away.
    pub(crate) DELETE_RECOVERY_CODES(tenant: TenantId, user: UserId) -> Affected
        = "DELETE FROM identity_recovery_codes WHERE tenant_id = $1 AND user_id = $2";
}

/// Everything asked of `identity_totp` and `identity_recovery_codes`.
pub(crate) struct SecondFactors<'a>(pub(crate) &'a Session);

impl SecondFactors<'_> {
    pub(crate) async fn get(&self, user: UserId) -> Result<Option<TotpRow>, Error> {
        self.0.run(&GET, (self.0.tenant(), user)).await
    }

    /// Whether there was none that is confirmed.
    pub(crate) async fn enroll(
        &self,
        user: UserId,
        secret: Vec<u8>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let params = (self.0.tenant(), user, secret, now);
        Ok(self.0.run(&ENROLL, params).await? > 0)
    }

    /// Whether this call took it.
    pub(crate) async fn confirm(
        &self,
        user: UserId,
        step: i64,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let params = (self.0.tenant(), user, step, now);
        Ok(self.0.run(&CONFIRM, params).await? > 0)
    }

    /// Whether this call used it.
    pub(crate) async fn use_step(&self, user: UserId, step: i64) -> Result<bool, Error> {
        let params = (self.0.tenant(), user, step);
        Ok(self.0.run(&USE_STEP, params).await? > 0)
    }

    /// Whether there was such a code, which this call used.
    pub(crate) async fn use_recovery_code(
        &self,
        user: UserId,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<bool, Error> {
        let params = (self.0.tenant(), user, hash.to_vec(), now);
        Ok(self.0.run(&USE_RECOVERY_CODE, params).await? > 0)
    }

    /// Gives recovery codes out instead of those before.
    pub(crate) fn replace_recovery_codes(
        &self,
        user: UserId,
        hashes: Vec<[u8; 32]>,
        batch: &mut Batch,
    ) {
        let tenant = self.0.tenant();
        batch.run(&DELETE_RECOVERY_CODES, (tenant, user));
        let rows = hashes.into_iter().map(|hash| RecoveryCodeRow {
            tenant_id: tenant,
            user_id: user,
            code_hash: hash.to_vec(),
        });
        batch.insert_many(rows.collect(), OnConflict::Fail);
    }

    /// Takes everything away; whether there was anything.
    pub(crate) async fn delete(&self, user: UserId) -> Result<bool, Error> {
        let key = (self.0.tenant(), user);
        let mut batch = Batch::new();
        batch.run(&DELETE, key);
        batch.run(&DELETE_RECOVERY_CODES, key);
        let outcomes = self.0.batch(batch).await?;
        Ok(outcomes.first().is_some_and(|outcome| outcome.affected > 0))
    }
}
