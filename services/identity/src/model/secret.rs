//! Secrets that only their holder has: we keep their SHA-256.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The SHA-256 of a secret's text.
pub type SecretHash = [u8; 32];

/// What stands before a refresh token.
const REFRESH: &str = "brt_";

/// Characters of 32 bytes in base 64.
const BODY: usize = 43;

/// A secret on its way to its holder. It is shown to nobody else, so its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// 256 random bits behind `prefix`.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn random(prefix: &str) -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::of(prefix, &bytes))
    }

    fn of(prefix: &str, bytes: &[u8; 32]) -> Self {
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text for the answer.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// How it is stored and looked up.
    pub fn hash(&self) -> SecretHash {
        hash(&self.0)
    }
}

/// How a secret is stored and looked up.
pub fn hash(text: &str) -> SecretHash {
    Sha256::digest(text.as_bytes()).into()
}

/// Derives refresh tokens from those before them.
///
/// Every token of a session but the first is `HMAC-SHA-256(key, "rt1" || session || generation || the token before it)`. So a
/// client whose answer was lost gets the same successor again, and nothing but hashes is stored. What that costs:
///
/// - Whoever has the database has hashes. A successor needs the text of the token before it, which no hash gives, and the key,
///   which is not in the database. Nothing is gained over random tokens.
/// - Whoever has one token of a session can use it as with random tokens, and be found out as with random tokens. The next token
///   needs the key, so it cannot be computed ahead or beside the service.
/// - Whoever has both has still no key: the key is derived from the master key, which is in neither.
/// - Whoever has the master key and one token could compute all that follow. With the master key the signing keys are open and
///   access tokens can be made for anybody, so no line is crossed that was not crossed before. A new master key ends it: the
///   derived successor is then not the one that is stored, and a retry is refused.
#[derive(Clone)]
pub struct Successors([u8; 32]);

impl fmt::Debug for Successors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Successors(..)")
    }
}

impl Successors {
    /// With a key of their own.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The first token of a session.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn first() -> Result<Secret, getrandom::Error> {
        Secret::random(REFRESH)
    }

    /// The token that follows `presented` as that of `generation`.
    pub fn next(&self, session: Uuid, generation: i64, presented: &str) -> Secret {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length of key will do");
        mac.update(b"rt1");
        mac.update(session.as_bytes());
        mac.update(&generation.to_be_bytes());
        mac.update(presented.as_bytes());
        Secret::of(REFRESH, &mac.finalize().into_bytes().into())
    }
}

/// Whether a text has the form of a refresh token; anything else need not be looked up.
pub fn is_refresh_token(text: &str) -> bool {
    text.strip_prefix(REFRESH).is_some_and(|body| {
        body.len() == BODY
            && URL_SAFE_NO_PAD
                .decode(body)
                .is_ok_and(|bytes| bytes.len() == 32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_the_same_each_time_and_depends_on_all_it_is_made_of() {
        let (key, other) = (Successors::new([1; 32]), Successors::new([2; 32]));
        let first = Successors::first().unwrap();
        assert!(is_refresh_token(first.expose()));
        assert_eq!(first.expose().len(), 47);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let next = key.next(a, 2, first.expose());
        assert!(is_refresh_token(next.expose()) && next != first);
        assert_eq!(next, key.next(a, 2, first.expose()));
        for different in [
            key.next(b, 2, first.expose()),
            key.next(a, 3, first.expose()),
            key.next(a, 2, next.expose()),
            other.next(a, 2, first.expose()),
        ] {
            assert_ne!(next, different);
        }
        assert_eq!(format!("{next:?} {key:?}"), "Secret(..) Successors(..)");
    }

    #[test]
    fn what_is_no_refresh_token_is_told_by_its_form() {
        for bad in [
            "",
            "brt_",
            "brt_x",
            "eyJhbGciOiJFUzI1NiJ9.e30.x",
            &"a".repeat(47),
            &format!("brt_{}", "?".repeat(43)),
        ] {
            assert!(!is_refresh_token(bad), "{bad}");
        }
    }
}
