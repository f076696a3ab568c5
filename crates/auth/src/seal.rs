//! Secrets at rest: sealed under a key of the master key, readable by nobody who has the database alone.

use std::fmt;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use crate::error::Error;

const NONCE: usize = 12;

/// Seals with AES-256-GCM. What is sealed opens with the same key and under its own name only, so that a row's secret is of
/// no use in another row.
#[derive(Clone)]
pub struct Sealer(Aes256Gcm);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(secret)")
    }
}

impl Sealer {
    /// With a key of [`MasterKey::derive_for`](crate::MasterKey::derive_for) and a purpose of its own.
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        Self(Aes256Gcm::new(&(*key).into()))
    }

    /// A random nonce, then the sealed bytes and their tag: 28 bytes more than `secret`. `name` says whose it is, for example
    /// the row's id.
    ///
    /// # Errors
    ///
    /// [`Error::Random`] when the system gives no random bytes.
    ///
    /// # Panics
    ///
    /// For secrets of 64 GiB and more.
    pub fn seal(&self, name: &[u8], secret: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let payload = Payload {
            msg: secret,
            aad: name,
        };
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), payload)
            .expect("a secret is short enough for AES-GCM");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The secret again, wiped when it is dropped; none where it was sealed with another key, under another name, or is not
    /// what was sealed.
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: text,
            aad: name,
        };
        let opened = self.0.decrypt(&Nonce::from(*nonce), payload).ok()?;
        Some(Zeroizing::new(opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_under_its_name_only() {
        let here = Sealer::new([1; 32]);
        let sealed = here.seal(b"row 1", b"secret").unwrap();
        assert_eq!(sealed.len(), 6 + 28);
        let opened = here.open(b"row 1", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"secret");
        assert_ne!(here.seal(b"row 1", b"secret").unwrap(), sealed);
        assert!(here.open(b"row 2", &sealed).is_none());
        assert!(Sealer::new([2; 32]).open(b"row 1", &sealed).is_none());
        for end in 0..sealed.len() {
            assert!(here.open(b"row 1", &sealed[..end]).is_none(), "{end}");
        }
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        assert!(here.open(b"row 1", &changed).is_none());
    }
}
