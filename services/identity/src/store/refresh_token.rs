//! Refresh tokens, used ones included.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Record, Session, statements};
use jiff::Timestamp;

use crate::ids::{RefreshTokenId, SessionId, UserId};

/// A token as it is given out.
#[derive(Clone, Debug, Record)]
#[record(table = "identity_refresh_tokens")]
pub(crate) struct NewRefreshTokenRow {
    pub(crate) id: RefreshTokenId,
    pub(crate) tenant_id: TenantId,
    pub(crate) session_id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) token_hash: Vec<u8>,
    pub(crate) generation: i64,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// The token that was given out after another one.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct SuccessorRow {
    pub(crate) token_hash: Vec<u8>,
    pub(crate) expires_at: Timestamp,
    pub(crate) consumed_at: Option<Timestamp>,
}

statements! {
    prefix "identity.refresh_token";

    /// The token of a generation.
    pub(crate) SUCCESSOR(tenant: TenantId, session: SessionId, generation: i64) -> Option<SuccessorRow>
        = "SELECT token_hash, expires_at, consumed_at FROM identity_refresh_tokens
           WHERE tenant_id = $1 AND session_id = $2 AND generation = $3";

    /// A further token.
    pub(crate) INSERT(
        id: RefreshTokenId, tenant: TenantId, session: SessionId, user: UserId, hash: Vec<u8>, generation: i64,
        issued_at: Timestamp, expires_at: Timestamp,
    ) -> Affected
        = "INSERT INTO identity_refresh_tokens
             (id, tenant_id, session_id, user_id, token_hash, generation, issued_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
}

/// What the tenant asks of `identity_refresh_tokens`; what finds the tenant by a token is in [`system`](super::system).
pub(crate) struct RefreshTokens<'a>(pub(crate) &'a Session);

impl RefreshTokens<'_> {
    pub(crate) async fn successor(
        &self,
        session: SessionId,
        generation: i64,
    ) -> Result<Option<SuccessorRow>, Error> {
        let params = (self.0.tenant(), session, generation);
        self.0.run(&SUCCESSOR, params).await
    }

    pub(crate) async fn insert(&self, row: NewRefreshTokenRow) -> Result<u64, Error> {
        let params = (
            row.id,
            row.tenant_id,
            row.session_id,
            row.user_id,
            row.token_hash,
            row.generation,
            row.issued_at,
            row.expires_at,
        );
        self.0.run(&INSERT, params).await
    }
}
