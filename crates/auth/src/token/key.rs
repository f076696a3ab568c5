//! One signing key: making it, sealing its private part, reading it back.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use brisk_db::{FromRow, Json};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::master::{MasterKey, Purpose};
use crate::seal::Sealer;
use crate::token::algorithm::Algorithm;

/// What our tokens are signed with.
pub(crate) const OURS: Algorithm = Algorithm::Es256;

/// Where a key stands in its life. It moves on in this order only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyState {
    /// Published, so that others know it before it signs.
    Pending,
    /// Signs.
    Active,
    /// Signs no more; its tokens still count.
    Retiring,
    /// Counts no more; its private part is gone.
    Retired,
}

impl KeyState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Retiring, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

brisk_db::text_column!(KeyState);

/// A key as it is stored.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct KeyRow {
    pub(crate) kid: String,
    pub(crate) alg: String,
    pub(crate) public_jwk: Json<Value>,
    pub(crate) private_enc: Option<Vec<u8>>,
    pub(crate) state: KeyState,
    pub(crate) created_at: Timestamp,
    pub(crate) activate_at: Timestamp,
}

/// A key that was just made.
pub(crate) struct Made {
    pub(crate) kid: String,
    pub(crate) public_jwk: Value,
    pub(crate) sealed: Vec<u8>,
}

/// Seals private parts under a key that is derived from the master key. A sealed part opens under its own `kid` only.
#[derive(Clone, Debug)]
pub(crate) struct Vault(Sealer);

impl Vault {
    pub(crate) fn new(master: &MasterKey) -> Self {
        Self(Sealer::new(master.derive(Purpose::SigningKeys)))
    }

    /// A new key.
    pub(crate) fn make(&self) -> Result<Made, Error> {
        let random = SystemRandom::new();
        let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_unspecified| Error::KeyGeneration)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref())
            .map_err(|_rejected| Error::KeyGeneration)?;
        // 0x04, x, y: 32 bytes each.
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
        let kid = thumbprint(&x, &y);
        let public_jwk = json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": OURS.as_str(), "kid": kid,
        });
        let sealed = self.0.seal(kid.as_bytes(), private.as_ref())?;
        Ok(Made {
            kid,
            public_jwk,
            sealed,
        })
    }

    /// # Errors
    ///
    /// [`Error::WrongMasterKey`] where it was sealed under another master key, or for another key.
    fn open(&self, kid: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let opened = self.0.open(kid.as_bytes(), sealed);
        opened.ok_or_else(|| Error::WrongMasterKey {
            kid: kid.to_owned(),
        })
    }
}

impl KeyRow {
    /// What tokens are signed with.
    pub(crate) fn signer(&self, vault: &Vault) -> Result<EncodingKey, Error> {
        let sealed = self.private_enc.as_deref().unwrap_or_default();
        Ok(EncodingKey::from_ec_der(&vault.open(&self.kid, sealed)?))
    }

    /// What signatures are verified with.
    ///
    /// # Errors
    ///
    /// [`Error::SigningKeyBroken`] where the row is not what we wrote: another algorithm, or a name that is not the
    /// thumbprint of the key. So a name stands for one key for ever.
    pub(crate) fn verifier(&self) -> Result<DecodingKey, Error> {
        let broken = || Error::SigningKeyBroken {
            kid: self.kid.clone(),
        };
        let member = |name| self.public_jwk.0.get(name).and_then(Value::as_str);
        let (Some(x), Some(y)) = (member("x"), member("y")) else {
            return Err(broken());
        };
        let ours = self.alg == OURS.as_str() && member("crv") == Some("P-256");
        if !ours || thumbprint(x, y) != self.kid {
            return Err(broken());
        }
        DecodingKey::from_ec_components(x, y).map_err(|_why| broken())
    }
}

/// The name of a P-256 key (RFC 7638).
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64URL_NOPAD.encode(&Sha256::digest(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(letter: &str) -> Vault {
        Vault::new(&MasterKey::from_setting(&letter.repeat(32)).unwrap())
    }

    fn row(vault: &Vault) -> KeyRow {
        let made = vault.make().unwrap();
        KeyRow {
            kid: made.kid,
            alg: "ES256".to_owned(),
            public_jwk: Json(made.public_jwk),
            private_enc: Some(made.sealed),
            state: KeyState::Active,
            created_at: Timestamp::UNIX_EPOCH,
            activate_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_sealed_key_opens_under_its_master_key_and_its_name_only() {
        let here = vault("a");
        let good = row(&here);
        let signer = good.signer(&here).unwrap();
        let alg = jsonwebtoken::Algorithm::ES256;
        let signature = jsonwebtoken::crypto::sign(b"m", &signer, alg).unwrap();
        let verifier = good.verifier().unwrap();
        assert!(jsonwebtoken::crypto::verify(&signature, b"m", &verifier, alg).unwrap());
        assert!(!jsonwebtoken::crypto::verify(&signature, b"n", &verifier, alg).unwrap());
        let wrong = good.signer(&vault("b")).map(|_| ());
        assert!(matches!(wrong, Err(Error::WrongMasterKey { .. })));
        let mut swapped = row(&here);
        swapped.private_enc.clone_from(&good.private_enc);
        let wrong = swapped.signer(&here).map(|_| ());
        assert!(matches!(wrong, Err(Error::WrongMasterKey { .. })));
        swapped.private_enc = Some(vec![1]);
        assert!(swapped.signer(&here).is_err());
    }

    #[test]
    fn a_key_under_anothers_name_is_refused() {
        let here = vault("a");
        let mut other = row(&here);
        other.kid = row(&here).kid;
        let wrong = other.verifier().map(|_| ());
        assert!(matches!(wrong, Err(Error::SigningKeyBroken { .. })));
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // Computed with another implementation (Python, hashlib) for the key of RFC 7515, appendix A.3.
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
        assert_eq!(
            thumbprint(x, y),
            "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
        );
    }
}
