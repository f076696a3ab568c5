//! The right to make the first administrator.

use brisk_db::{Affected, Error, Session, statements};
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::secret::SecretHash;

statements! {
    prefix "identity.setup";

    /// Gives the right.
    pub(crate) INSERT(id: Uuid, hash: Vec<u8>, now: Timestamp, expires_at: Timestamp) -> Affected
        = "INSERT INTO identity_setup_tokens (id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)";

    /// Uses it, once.
    pub(crate) CONSUME(hash: Vec<u8>, now: Timestamp) -> Option<Uuid>
        = "DELETE FROM identity_setup_tokens WHERE token_hash = $1 AND expires_at > $2 RETURNING id";

    /// Takes all such rights back.
    pub(crate) DELETE() -> Affected = "DELETE FROM identity_setup_tokens";

    /// Forgets those that nobody used in time.
    pub(crate) DELETE_ENDED(now: Timestamp) -> Affected = "DELETE FROM identity_setup_tokens WHERE expires_at <= $1";
}

/// Everything asked of `identity_setup_tokens`; there is no tenant yet.
pub(crate) struct SetupTokens<'a>(pub(crate) &'a Session);

impl SetupTokens<'_> {
    pub(crate) async fn insert(
        &self,
        id: Uuid,
        hash: SecretHash,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<u64, Error> {
        self.0
            .run(&INSERT, (id, hash.to_vec(), now, expires_at))
            .await
    }

    pub(crate) async fn consume(&self, hash: SecretHash, now: Timestamp) -> Result<bool, Error> {
        Ok(self.0.run(&CONSUME, (hash.to_vec(), now)).await?.is_some())
    }

    pub(crate) async fn delete_ended(&self, now: Timestamp) -> Result<u64, Error> {
        self.0.run(&DELETE_ENDED, (now,)).await
    }

    pub(crate) async fn delete(&self) -> Result<u64, Error> {
        self.0.run(&DELETE, ()).await
    }
}
