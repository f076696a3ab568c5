//! The keys that count at a moment.

use std::collections::HashMap;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::json;

use crate::error::Error;
use crate::token::jwks::JwksDocument;
use crate::token::key::{KeyRow, KeyState, OURS, Vault};

/// Keys that count, and the document that publishes them.
pub(crate) struct Ring {
    keys: HashMap<String, DecodingKey>,
    signer: Option<Signer>,
    pub(crate) active: Option<Standing>,
    pub(crate) pending: Option<Standing>,
    pub(crate) jwks: Arc<JwksDocument>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring")
            .field("keys", &self.keys.keys())
            .finish_non_exhaustive()
    }
}

/// A key's name, and since or from when it signs.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) kid: String,
    pub(crate) activate_at: Timestamp,
}

struct Signer {
    key: EncodingKey,
    /// The encoded header and a dot.
    header: String,
}

impl Ring {
    /// # Errors
    ///
    /// [`Error::WrongMasterKey`] where the key that signs, or will, cannot be opened; [`Error::SigningKeyBroken`].
    pub(crate) fn of(rows: &[KeyRow], vault: &Vault) -> Result<Self, Error> {
        let mut keys = HashMap::with_capacity(rows.len());
        let (mut signer, mut active, mut pending) = (None, None, None);
        for row in rows {
            keys.insert(row.kid.clone(), row.verifier()?);
            let standing = || Standing {
                kid: row.kid.clone(),
                activate_at: row.activate_at,
            };
            match row.state {
                KeyState::Active => {
                    active = Some(standing());
                    signer = Some(Signer::of(row, vault)?);
                }
                KeyState::Pending => {
                    pending = Some(standing());
                    row.signer(vault)?;
                }
                KeyState::Retiring | KeyState::Retired => {}
            }
        }
        let published: Vec<_> = rows.iter().map(|row| &row.public_jwk.0).collect();
        Ok(Self {
            keys,
            signer,
            active,
            pending,
            jwks: Arc::new(JwksDocument::of(&published)),
        })
    }

    pub(crate) fn key(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.get(kid)
    }

    /// The text of a token with this encoded payload.
    pub(crate) fn sign(&self, payload: &str) -> Result<String, Error> {
        let signer = self.signer.as_ref().ok_or(Error::NoSigningKey)?;
        let mut text = String::with_capacity(signer.header.len() + payload.len() + 88);
        text.push_str(&signer.header);
        text.push_str(payload);
        let signature = jsonwebtoken::crypto::sign(text.as_bytes(), &signer.key, OURS.library());
        let signature = signature.map_err(Error::Signing)?;
        text.push('.');
        text.push_str(&signature);
        Ok(text)
    }
}

impl Signer {
    fn of(row: &KeyRow, vault: &Vault) -> Result<Self, Error> {
        let header = json!({"alg": OURS.as_str(), "kid": row.kid, "typ": "at+jwt"}).to_string();
        Ok(Self {
            key: row.signer(vault)?,
            header: format!("{}.", BASE64URL_NOPAD.encode(header.as_bytes())),
        })
    }
}
