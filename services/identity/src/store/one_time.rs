//! Tokens to be used once.

use brisk_core::TenantId;
use brisk_db::{Affected, Batch, Error, FromRow, Json, OnConflict, Record, Session, statements};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::UserId;
use crate::model::one_time::Purpose;

/// A token as it is given out.
#[derive(Clone, Record)]
#[record(table = "identity_one_time_tokens")]
pub(crate) struct NewOneTimeRow {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) purpose: Purpose,
    pub(crate) token_hash: Vec<u8>,
    pub(crate) payload: Json<Value>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A token that somebody shows.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct OneTimeRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    /// What was noted when it was given out.
    pub(crate) payload: Json<Value>,
    pub(crate) consumed_at: Option<Timestamp>,
}

statements! {
    prefix "identity.one_time";

    /// Takes back what somebody was given for a purpose before.
    pub(crate) SUPERSEDE(tenant: TenantId, user: UserId, purpose: Purpose, now: Timestamp) -> Affected
        = "UPDATE identity_one_time_tokens SET consumed_at = $4
           WHERE tenant_id = $1 AND user_id = $2 AND purpose = $3 AND consumed_at IS NULL";

    /// Takes back all that somebody was given.
    pub(crate) SUPERSEDE_ALL(tenant: TenantId, user: UserId, now: Timestamp) -> Affected
        = "UPDATE identity_one_time_tokens SET consumed_at = $3
           WHERE tenant_id = $1 AND user_id = $2 AND consumed_at IS NULL";
}

/// What the tenant asks of `identity_one_time_tokens`; what finds the tenant by a token is in [`system`](super::system).
pub(crate) struct OneTimeTokens<'a>(pub(crate) &'a Session);

impl OneTimeTokens<'_> {
    /// Gives a token out instead of all before it of the same purpose.
    pub(crate) fn insert(row: NewOneTimeRow, batch: &mut Batch) {
        batch.run(
            &SUPERSEDE,
            (row.tenant_id, row.user_id, row.purpose, row.created_at),
        );
        batch.insert_many(vec![row], OnConflict::Fail);
    }

    pub(crate) async fn supersede_all(&self, user: UserId, now: Timestamp) -> Result<u64, Error> {
        self.0
            .run(&SUPERSEDE_ALL, (self.0.tenant(), user, now))
            .await
    }
}
