//! Makes tokens that we would never issue, with the very key that we sign with.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use brisk_auth::{MasterKey, Purpose};
use brisk_db::{FromRow, statements};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::harness::Node;

#[derive(FromRow)]
pub(crate) struct Stored {
    pub(crate) kid: String,
    pub(crate) private_enc: Option<Vec<u8>>,
    pub(crate) state: String,
}

statements! {
    prefix "test";

    /// All signing keys.
    pub(crate) STORED() -> Vec<Stored>
        = "SELECT kid, private_enc, state FROM brisk_signing_keys ORDER BY created_at, kid";
}

pub(crate) fn master() -> MasterKey {
    MasterKey::from_setting(&"m".repeat(32)).unwrap()
}

pub(crate) fn encode(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

/// A key that signs, and its name.
pub(crate) struct Forge {
    pub(crate) kid: String,
    pub(crate) key: EncodingKey,
}

impl Forge {
    /// With the active key of the database.
    pub(crate) async fn of(node: &Node) -> Self {
        let stored = node.session.run(&STORED, ()).await.unwrap();
        let active = stored.into_iter().find(|s| s.state == "active").unwrap();
        let sealed = active.private_enc.unwrap();
        let cipher = Aes256Gcm::new(&master().derive(Purpose::SigningKeys).into());
        let nonce: [u8; 12] = sealed[..12].try_into().unwrap();
        let payload = Payload {
            msg: &sealed[12..],
            aad: active.kid.as_bytes(),
        };
        let private = cipher.decrypt(&Nonce::from(nonce), payload).unwrap();
        Self {
            kid: active.kid,
            key: EncodingKey::from_ec_der(&private),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": "ES256", "kid": self.kid, "typ": "at+jwt"})
    }

    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }
}
