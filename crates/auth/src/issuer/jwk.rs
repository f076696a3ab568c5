//! Which keys of a published set are used.
//!
//! The library that verifies signatures looks at none of this: it takes a symmetric key, a short RSA key, a key meant for
//! encryption.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::token::{Algorithm, Object, strict};

/// Keys that a set may have.
const MOST_KEYS: usize = 100;

/// Bits of an RSA modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// The least public exponent of RSA.
const LEAST_EXPONENT: u64 = 65_537;

/// A key of another issuer, bound to one algorithm.
pub(crate) struct ForeignKey {
    kid: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
    /// Tells this key from another one of the same name.
    print: [u8; 32],
    /// Its issuer publishes it no more.
    gone: AtomicBool,
}

impl std::fmt::Debug for ForeignKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl ForeignKey {
    /// Whether its issuer still publishes it.
    pub(crate) fn counts(&self) -> bool {
        !self.gone.load(Ordering::Acquire)
    }
}

/// The usable keys of one published set.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Arc<ForeignKey>>,
    /// Names that stood on two keys.
    pub(crate) ambiguous: Vec<String>,
    /// Keys that were left out for any other reason.
    pub(crate) left_out: usize,
}

impl KeySet {
    /// # Errors
    ///
    /// What is wrong with the document as a whole.
    pub(crate) fn parse(bytes: &[u8], allowed: &[Algorithm]) -> Result<Self, &'static str> {
        let document = strict(bytes).ok_or("it is not a JSON object")?;
        let Some(Value::Array(listed)) = document.get("keys") else {
            return Err("it has no list of keys");
        };
        if listed.len() > MOST_KEYS {
            return Err("it has more than 100 keys");
        }
        let mut times: HashMap<&str, usize> = HashMap::new();
        for kid in listed.iter().filter_map(|key| key.get("kid")?.as_str()) {
            *times.entry(kid).or_default() += 1;
        }
        let mut set = Self::default();
        for (kid, _) in times.iter().filter(|(_, n)| **n > 1) {
            set.ambiguous.push((*kid).to_owned());
        }
        for value in listed {
            let key = value.as_object().and_then(|key| usable(key, allowed));
            match key {
                Some(key)
                    if key
                        .kid
                        .as_deref()
                        .is_none_or(|kid| times.get(kid) == Some(&1)) =>
                {
                    set.keys.push(Arc::new(key));
                }
                Some(_) => {}
                None => set.left_out += 1,
            }
        }
        Ok(set)
    }

    /// The key of that name.
    pub(crate) fn named(&self, kid: &str) -> Option<&Arc<ForeignKey>> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.kid.as_deref() == Some(kid))
    }

    /// The only key that fits the algorithm, for a token that names none.
    pub(crate) fn only(&self, algorithm: &str) -> Option<&Arc<ForeignKey>> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm.as_str() == algorithm);
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    /// The same keys, those of `before` among them being the very same, so that what they signed goes on counting; the
    /// others of `before` count no more.
    pub(crate) fn after(mut self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self };
        let mut stays = vec![false; before.keys.len()];
        for key in &mut self.keys {
            let same = |old: &Arc<ForeignKey>| {
                old.kid == key.kid && old.algorithm == key.algorithm && old.print == key.print
            };
            if let Some(i) = before.keys.iter().position(same) {
                *key = Arc::clone(&before.keys[i]);
                stays[i] = true;
            }
        }
        for (old, stays) in before.keys.iter().zip(stays) {
            if !stays {
                old.gone.store(true, Ordering::Release);
            }
        }
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

fn usable(key: &Object, allowed: &[Algorithm]) -> Option<ForeignKey> {
    if key.get("use").is_some_and(|u| u.as_str() != Some("sig")) {
        return None;
    }
    let verifies = |ops: &Value| {
        let mut ops = ops.as_array().into_iter().flatten();
        ops.any(|op| op.as_str() == Some("verify"))
    };
    if key.get("key_ops").is_some_and(|ops| !verifies(ops)) {
        return None;
    }
    let kid = match key.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return None,
    };
    let bytes = |name: &str| {
        let text = key.get(name)?.as_str()?;
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()
    };
    let curve = key.get("crv").and_then(Value::as_str);
    let (fits, material): (&[Algorithm], Material) = match key.get("kty")?.as_str()? {
        "RSA" => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            is_strong(&n, &e).then_some(())?;
            let fits = &[
                Algorithm::Rs256,
                Algorithm::Rs384,
                Algorithm::Rs512,
                Algorithm::Ps256,
                Algorithm::Ps384,
                Algorithm::Ps512,
            ];
            (fits, Material::Rsa { n, e })
        }
        "EC" => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let (fits, width): (&[Algorithm], _) = match curve? {
                "P-256" => (&[Algorithm::Es256], 32),
                "P-384" => (&[Algorithm::Es384], 48),
                _ => return None,
            };
            (x.len() == width && y.len() == width).then_some(())?;
            (fits, Material::Point([&[4], x.as_slice(), &y].concat()))
        }
        "OKP" => {
            let x = bytes("x")?;
            (curve? == "Ed25519" && x.len() == 32).then_some(())?;
            (&[Algorithm::EdDsa], Material::Edwards(x))
        }
        // A symmetric key, which whoever verifies could sign with.
        _ => return None,
    };
    let algorithm = if let Some(stated) = key.get("alg") {
        Algorithm::parse(stated.as_str()?)?
    } else {
        let mut possible = fits.iter().filter(|a| allowed.contains(a));
        let only = *possible.next()?;
        possible.next().is_none().then_some(only)?
    };
    (fits.contains(&algorithm) && allowed.contains(&algorithm)).then(|| ForeignKey {
        kid,
        algorithm,
        print: material.print(),
        key: material.key(),
        gone: AtomicBool::new(false),
    })
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Point(Vec<u8>),
    Edwards(Vec<u8>),
}

impl Material {
    fn print(&self) -> [u8; 32] {
        let hash = Sha256::new();
        match self {
            Self::Rsa { n, e } => hash.chain_update(n).chain_update([0]).chain_update(e),
            Self::Point(bytes) | Self::Edwards(bytes) => hash.chain_update(bytes),
        }
        .finalize()
        .into()
    }

    fn key(&self) -> DecodingKey {
        match self {
            Self::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            Self::Point(point) => DecodingKey::from_ec_der(point),
            Self::Edwards(x) => DecodingKey::from_ed_der(x),
        }
    }
}

/// Whether an RSA key is neither short nor odd in its exponent.
fn is_strong(n: &[u8], e: &[u8]) -> bool {
    let Some(first) = n.iter().position(|b| *b != 0) else {
        return false;
    };
    let bits = (n.len() - first) * 8 - n[first].leading_zeros() as usize;
    let Some(bytes) = 8_usize.checked_sub(e.len()) else {
        return false;
    };
    let mut wide = [0; 8];
    wide[bytes..].copy_from_slice(e);
    let exponent = u64::from_be_bytes(wide);
    RSA_BITS.contains(&bits) && exponent % 2 == 1 && exponent >= LEAST_EXPONENT
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: &[Algorithm] = &Algorithm::ALL;

    fn ec(kid: &str) -> Value {
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid})
    }

    fn rsa(bits: usize, e: &[u8]) -> Value {
        let mut n = vec![0xff; bits / 8];
        n[0] = 0x80;
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        json!({"kty": "RSA", "n": encode(&n), "e": encode(e), "kid": "r", "alg": "RS256"})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn parse(keys: &[Value], allowed: &[Algorithm]) -> KeySet {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), allowed).unwrap()
    }

    fn keeps(key: Value) -> bool {
        let set = parse(&[key], ALL);
        assert_eq!(set.len() + set.left_out, 1);
        set.len() == 1
    }

    #[test]
    fn only_strong_public_signature_keys_are_kept() {
        assert!(keeps(ec("a")));
        assert!(keeps(rsa(2048, &[1, 0, 1])) && keeps(rsa(8192, &[1, 0, 1])));
        assert!(keeps(with(ec("a"), "use", json!("sig"))));
        assert!(keeps(with(ec("a"), "key_ops", json!(["sign", "verify"]))));
        assert!(
            keeps(with(ec("a"), "x5c", json!("whatever"))),
            "not looked at"
        );
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL_NOPAD.encode(&[1; 32])});
        assert!(keeps(ed.clone()), "also without a name");
        for bad in [
            json!({"kty": "oct", "k": "AAAA", "kid": "a"}),
            json!({"kty": "oct", "k": "AAAA", "kid": "a", "alg": "RS256"}),
            json!({"kid": "a"}),
            with(ec("a"), "use", json!("enc")),
            with(ec("a"), "use", json!(1)),
            with(ec("a"), "key_ops", json!(["encrypt"])),
            with(ec("a"), "key_ops", json!("verify")),
            with(ec("a"), "kid", json!(1)),
            with(ec("a"), "alg", json!("ES384")),
            with(ec("a"), "alg", json!("RS256")),
            with(ec("a"), "alg", json!("HS256")),
            with(ec("a"), "alg", json!("none")),
            with(ec("a"), "alg", json!(1)),
            with(ec("a"), "crv", json!("P-384")),
            with(ec("a"), "crv", json!("secp256k1")),
            with(ec("a"), "x", json!("AAAA")),
            with(ec("a"), "x", json!("not base64!")),
            with(ed, "crv", json!("X25519")),
            rsa(1024, &[1, 0, 1]),
            rsa(2040, &[1, 0, 1]),
            rsa(8200, &[1, 0, 1]),
            rsa(2048, &[3]),
            rsa(2048, &[1, 0, 2]),
            rsa(2048, &[1; 9]),
            rsa(2048, &[]),
            with(rsa(2048, &[1, 0, 1]), "n", json!("")),
        ] {
            assert!(!keeps(bad.clone()), "{bad}");
        }
        assert!(!keeps(json!("a")) && !keeps(Value::Null));
    }

    #[test]
    fn each_key_is_bound_to_one_algorithm_of_the_issuers_list() {
        let mut key = rsa(2048, &[1, 0, 1]);
        key.as_object_mut().unwrap().remove("alg");
        let one = [Algorithm::Es256, Algorithm::Ps256];
        let set = parse(std::slice::from_ref(&key), &one);
        assert_eq!(set.named("r").unwrap().algorithm, Algorithm::Ps256);
        let two = [Algorithm::Rs256, Algorithm::Ps256];
        assert_eq!(
            parse(std::slice::from_ref(&key), &two).len(),
            0,
            "which of the two?"
        );
        assert_eq!(parse(&[ec("a")], &two).len(), 0, "not on the list");
        let stated = with(key, "alg", json!("RS512"));
        assert_eq!(
            parse(&[stated], &two).len(),
            0,
            "stated, and not on the list"
        );
    }

    #[test]
    fn a_name_that_stands_twice_is_nobodys() {
        let encryption = with(ec("a"), "use", json!("enc"));
        for twin in [ec("a"), rsa_named("a"), encryption] {
            let set = parse(&[ec("a"), ec("b"), twin], ALL);
            assert!(set.named("a").is_none() && set.named("b").is_some());
            assert_eq!(set.ambiguous, ["a"]);
        }
    }

    fn rsa_named(kid: &str) -> Value {
        with(rsa(2048, &[1, 0, 1]), "kid", json!(kid))
    }

    #[test]
    fn a_token_without_a_name_fits_an_only_key() {
        let set = parse(&[ec("a"), rsa_named("b")], ALL);
        assert!(set.only("ES256").is_some() && set.only("RS256").is_some());
        assert!(set.only("EdDSA").is_none());
        assert!(parse(&[ec("a"), ec("b")], ALL).only("ES256").is_none());
    }

    #[test]
    fn a_new_set_ends_the_keys_that_it_has_not() {
        let first = parse(&[ec("a"), rsa_named("b")], ALL);
        let (a, b) = (
            Arc::clone(first.named("a").unwrap()),
            Arc::clone(first.named("b").unwrap()),
        );
        let second = parse(&[ec("a"), ec("c")], ALL).after(Some(&first));
        assert!(a.counts() && !b.counts());
        assert!(Arc::ptr_eq(&a, second.named("a").unwrap()));
        // The same name on another key is another key.
        let other = with(ec("a"), "x", json!(BASE64URL_NOPAD.encode(&[7; 32])));
        let third = parse(&[other], ALL).after(Some(&second));
        assert!(!a.counts() && third.named("a").unwrap().counts());
    }

    #[test]
    fn documents_that_are_no_key_sets_are_refused() {
        for bad in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
        ] {
            assert!(KeySet::parse(bad.as_bytes(), ALL).is_err(), "{bad}");
        }
        let many = json!({ "keys": vec![json!({}); 101] }).to_string();
        assert!(KeySet::parse(many.as_bytes(), ALL).is_err());
    }
}
