//! Sign-ins that are under way at a provider.

use brisk_core::TenantId;
use brisk_db::{FromRow, Record};
use jiff::Timestamp;
use uuid::Uuid;

use crate::ids::UserId;
use crate::model::oauth::{Intent, ResponseMode};

/// A way there. Of the state, the cookie and the nonce we keep hashes, and the verifier is sealed.
#[derive(Clone, Record)]
#[record(table = "identity_oauth_states")]
pub(crate) struct NewOauthStateRow {
    pub(crate) id: Uuid,
    pub(crate) state_hash: Vec<u8>,
    pub(crate) binding_hash: Vec<u8>,
    pub(crate) provider_key: String,
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) intent: Intent,
    pub(crate) user_id: Option<UserId>,
    pub(crate) nonce_hash: Option<Vec<u8>>,
    pub(crate) pkce_verifier_enc: Vec<u8>,
    pub(crate) redirect_uri: String,
    pub(crate) return_to: Option<String>,
    pub(crate) response_mode: ResponseMode,
    pub(crate) invite_hash: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// What is known again on the way back. It is taken by [`system`](super::system), because nobody knows yet whose it is.
#[derive(Clone, FromRow)]
pub(crate) struct OauthStateRow {
    pub(crate) id: Uuid,
    pub(crate) binding_hash: Vec<u8>,
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) intent: Intent,
    pub(crate) user_id: Option<UserId>,
    pub(crate) nonce_hash: Option<Vec<u8>>,
    pub(crate) pkce_verifier_enc: Vec<u8>,
    pub(crate) redirect_uri: String,
    pub(crate) return_to: Option<String>,
    pub(crate) response_mode: ResponseMode,
    pub(crate) invite_hash: Option<Vec<u8>>,
}

impl std::fmt::Debug for OauthStateRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OauthStateRow")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
