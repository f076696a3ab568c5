//! Every statement on signing keys.

use brisk_db::{Affected, Json, statements};
use jiff::Timestamp;
use serde_json::Value;

use crate::token::key::{KeyRow, KeyState};

statements! {
    prefix "auth";

    /// The keys that count, oldest first: a handful.
    pub(crate) SIGNING_KEYS() -> Vec<KeyRow>
        = "SELECT kid, alg, public_jwk, private_enc, state, created_at, activate_at
           FROM brisk_signing_keys WHERE state <> 'retired' ORDER BY created_at, kid";

    /// Adds a key, unless there is one in its place already.
    pub(crate) INSERT_SIGNING_KEY(
        kid: String, alg: String, public_jwk: Json<Value>, private_enc: Vec<u8>, state: KeyState, now: Timestamp,
        activate_at: Timestamp
    ) -> Affected
        = "INSERT INTO brisk_signing_keys (kid, alg, public_jwk, private_enc, state, created_at, activate_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

    /// The key that signs stops to.
    pub(crate) START_RETIRING(alg: String, retire_at: Timestamp, purge_at: Timestamp) -> Affected
        = "UPDATE brisk_signing_keys SET state = 'retiring', retire_at = $2, purge_at = $3
           WHERE alg = $1 AND state = 'active'";

    /// The next key begins to sign.
    pub(crate) ACTIVATE(kid: String, now: Timestamp) -> Affected
        = "UPDATE brisk_signing_keys SET state = 'active', activate_at = $2 WHERE kid = $1 AND state = 'pending'";

    /// Keys none of whose tokens can still count.
    pub(crate) RETIRE(now: Timestamp) -> Affected
        = "UPDATE brisk_signing_keys SET state = 'retired', private_enc = NULL
           WHERE state = 'retiring' AND retire_at <= $1";

    /// All keys at once, whatever they signed.
    pub(crate) RETIRE_ALL(alg: String, now: Timestamp, purge_at: Timestamp) -> Affected
        = "UPDATE brisk_signing_keys SET state = 'retired', private_enc = NULL, retire_at = $2, purge_at = $3
           WHERE alg = $1 AND state <> 'retired'";

    /// Forgets keys that ended long ago.
    pub(crate) PURGE(now: Timestamp) -> Affected
        = "DELETE FROM brisk_signing_keys WHERE state = 'retired' AND purge_at <= $1";
}
