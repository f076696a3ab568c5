//! Contact data of reporters: encrypted at rest, found again by a keyed hash, shown to nobody by accident.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a reporter left for us to reach them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contact(private)")
    }
}

impl Contact {
    /// What identifies the person: the mail address, else the digits of the telephone number.
    fn identity(&self) -> Option<String> {
        let email = self
            .email
            .as_deref()
            .map(|e| e.trim().to_lowercase())
            .filter(|e| !e.is_empty());
        let phone = || {
            let digits: String = self
                .phone
                .as_deref()?
                .chars()
                .filter(char::is_ascii_digit)
                .collect();
            (!digits.is_empty()).then_some(digits)
        };
        email.or_else(phone)
    }
}

/// The keys for contact data, derived from the installation's master key.
#[derive(Clone)]
pub(crate) struct ContactKeys {
    cipher: Aes256Gcm,
    hash: [u8; 32],
}

impl std::fmt::Debug for ContactKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContactKeys(secret)")
    }
}

impl ContactKeys {
    pub(crate) fn new(seal: [u8; 32], hash: [u8; 32]) -> Self {
        Self {
            cipher: Aes256Gcm::new(&seal.into()),
            hash,
        }
    }

    /// A keyed hash of any text that identifies a person within a tenant.
    pub(crate) fn hash(&self, tenant: brisk_core::TenantId, identity: &str) -> Vec<u8> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.hash).expect("HMAC takes a key of any length");
        mac.update(&tenant.get().to_be_bytes());
        mac.update(identity.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    /// The hash and the encrypted form of a contact; `None` when it identifies nobody.
    ///
    /// The form is a 96-bit nonce and the AES-256-GCM text; the hash is bound in, so that a row's parts cannot be
    /// swapped. The nonce comes from a version 7 UUID's random half and the time, which never repeats on a node.
    pub(crate) fn seal(
        &self,
        tenant: brisk_core::TenantId,
        contact: &Contact,
        nonce: [u8; 12],
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let hash = self.hash(tenant, &contact.identity()?);
        let plain = serde_json::to_vec(contact).expect("a contact is three texts");
        let payload = Payload {
            msg: &plain,
            aad: &hash,
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .expect("a contact is short");
        Some((hash, [nonce.as_slice(), &sealed].concat()))
    }

    /// The contact behind its encrypted form; `None` when it was not sealed with these keys for this hash.
    #[cfg(test)]
    pub(crate) fn open(&self, hash: &[u8], sealed: &[u8]) -> Option<Contact> {
        let (nonce, text) = sealed.split_at_checked(12)?;
        let nonce: [u8; 12] = nonce.try_into().ok()?;
        let plain = self
            .cipher
            .decrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: text,
                    aad: hash,
                },
            )
            .ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::TenantId;

    use super::*;

    fn keys() -> ContactKeys {
        ContactKeys::new([1; 32], [2; 32])
    }

    #[test]
    fn a_contact_comes_back_only_with_its_own_hash() {
        let contact = Contact {
            email: Some(" Ann@Example.org ".to_owned()),
            ..Contact::default()
        };
        let (hash, sealed) = keys().seal(TenantId(1), &contact, [9; 12]).unwrap();
        assert_eq!(keys().open(&hash, &sealed), Some(contact));
        assert_eq!(keys().open(&[0; 32], &sealed), None);
        assert!(!sealed.windows(3).any(|w| w == b"Ann"));
    }

    #[test]
    fn one_person_has_one_hash_in_a_tenant_and_another_elsewhere() {
        let of = |email: &str, tenant| {
            let contact = Contact {
                email: Some(email.to_owned()),
                ..Contact::default()
            };
            keys().seal(TenantId(tenant), &contact, [9; 12]).unwrap().0
        };
        assert_eq!(of("ann@example.org", 1), of("ANN@example.org ", 1));
        assert_ne!(of("ann@example.org", 1), of("ann@example.org", 2));
        assert!(
            keys()
                .seal(TenantId(1), &Contact::default(), [0; 12])
                .is_none()
        );
    }
}
