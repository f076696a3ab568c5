//! The text of an API key: `brisk_<prefix>_<secret><checksum>`.
//!
//! 8 characters that are shown in lists, 32 with 160 random bits, 8 with the first 40 bits of the SHA-256 of all that
//! stands before them. The checksum tells a typing mistake from an unknown key without asking the database. All in
//! lower-case base 32, so that a double click selects the key.

use data_encoding::BASE32_DNSSEC;
use sha2::{Digest as _, Sha256};

use crate::error::Error;

const START: &str = "brisk_";
const PREFIX: usize = 8;
const SECRET: usize = 32;
const CHECKSUM: usize = 8;
const LENGTH: usize = START.len() + PREFIX + 1 + SECRET + CHECKSUM;

/// A SHA-256 of a whole key.
pub(crate) type KeyHash = [u8; 32];

/// A new key, its prefix and its hash.
pub(crate) struct Minted {
    pub(crate) text: String,
    pub(crate) prefix: String,
    pub(crate) hash: KeyHash,
}

pub(crate) fn mint() -> Result<Minted, Error> {
    let mut random = [0_u8; 25];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    let (shown, secret) = random.split_at(5);
    let prefix = BASE32_DNSSEC.encode(shown);
    let mut text = format!("{START}{prefix}_{}", BASE32_DNSSEC.encode(secret));
    let sum = checksum(&text);
    text.push_str(&sum);
    let hash = hash(&text);
    Ok(Minted { text, prefix, hash })
}

/// The hash of a text that has the form and the checksum of a key.
pub(crate) fn parse(text: &str) -> Result<KeyHash, Error> {
    let formed = text.len() == LENGTH && text.is_ascii() && text.starts_with(START);
    if !formed || text.as_bytes()[START.len() + PREFIX] != b'_' {
        return Err(Error::KeyMalformed);
    }
    let (body, sum) = text.split_at(LENGTH - CHECKSUM);
    if checksum(body) != sum {
        return Err(Error::KeyMalformed);
    }
    Ok(hash(text))
}

fn hash(text: &str) -> KeyHash {
    Sha256::digest(text.as_bytes()).into()
}

fn checksum(body: &str) -> String {
    BASE32_DNSSEC.encode(&hash(body)[..5])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_its_form_and_no_changed_key_has() {
        let key = mint().unwrap();
        assert_eq!(key.text.len(), LENGTH);
        assert!(key.text.starts_with(&format!("brisk_{}_", key.prefix)));
        assert_eq!(parse(&key.text).unwrap(), key.hash);
        for i in 0..LENGTH {
            let mut changed = key.text.clone().into_bytes();
            changed[i] = if changed[i] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(parse(&changed).is_err(), "{changed}");
        }
        assert!(parse(&key.text.to_uppercase()).is_err());
        assert!(parse(&"é".repeat(LENGTH / 2)).is_err());
        assert!(parse("").is_err());
        assert_ne!(mint().unwrap().text, key.text);
    }
}
