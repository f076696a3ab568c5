//! Keys and values as text, and where an entry is kept below.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_128;

use brisk_core::TenantId;

use crate::envelope::Identity;

/// How the keys and values of one cache are written.
pub(crate) struct Codec<K, V> {
    /// The type of the values and its version: what another release wrote in another shape is not found.
    schema: String,
    key: fn(&K) -> Option<Vec<u8>>,
    pub(crate) encode: fn(&V) -> Option<Vec<u8>>,
    pub(crate) decode: fn(&[u8]) -> Option<V>,
}

/// Where an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A hash of schema and key.
    pub(crate) hash: u128,
    /// What the entry must say that it is. Another hash, so that nobody can make a key that is taken for somebody else's.
    pub(crate) identity: Identity,
}

impl<K: Serialize, V: Serialize + DeserializeOwned> Codec<K, V> {
    pub(crate) fn new(schema: u32) -> Self {
        Self {
            schema: format!("{}/{schema}", std::any::type_name::<V>()),
            key: |key| quietly(|| serde_json::to_vec(key)),
            encode: |value| quietly(|| serde_json::to_vec(value)),
            decode: |bytes| quietly(|| serde_json::from_slice(bytes)),
        }
    }
}

/// How keys and values are written is the business of their types, which may panic: then it cannot be done.
fn quietly<T>(work: impl FnOnce() -> serde_json::Result<T>) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok()?;
    done.ok()
}

impl<K, V> Codec<K, V> {
    /// Where the entry of a key is; none for a key that cannot be written.
    pub(crate) fn address(&self, cache: &str, tenant: TenantId, key: &K) -> Option<Address> {
        let mut name = self.schema.clone().into_bytes();
        name.push(0);
        name.extend((self.key)(key)?);
        let identity = Sha256::new()
            .chain_update(cache)
            .chain_update([0])
            .chain_update(tenant.0.to_le_bytes())
            .chain_update(&name)
            .finalize();
        Some(Address {
            hash: xxh3_128(&name),
            identity: std::array::from_fn(|i| identity[i]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cannot be read.
    #[derive(Serialize, serde::Deserialize)]
    struct Fuse(#[serde(deserialize_with = "blow")] u8);

    fn blow<'de, D: serde::Deserializer<'de>>(_: D) -> Result<u8, D::Error> {
        panic!("a test")
    }

    #[test]
    fn an_entry_is_found_under_its_cache_schema_tenant_and_key_alone() {
        let codec = Codec::<(u8, String), u8>::new(1);
        let of = |codec: &Codec<_, _>, cache, tenant, key: &str| {
            codec
                .address(cache, TenantId(tenant), &(1, key.to_owned()))
                .unwrap()
        };
        let one = of(&codec, "a", 1, "k");
        assert_eq!(one, of(&codec, "a", 1, "k"));
        for other in [
            of(&codec, "b", 1, "k"),
            of(&codec, "a", 2, "k"),
            of(&codec, "a", 1, "l"),
            of(&Codec::new(2), "a", 1, "k"),
        ] {
            assert_ne!(other.identity, one.identity);
        }
        assert_ne!(of(&Codec::new(2), "a", 1, "k").hash, one.hash);
    }

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        let codec = Codec::<u8, f64>::new(0);
        let mut chance = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let number = chance.f64() * 10_f64.powi(chance.i32(-20..20));
            let bytes = (codec.encode)(&number).unwrap();
            let back = (codec.decode)(&bytes).unwrap();
            assert_eq!(back.to_bits(), number.to_bits(), "{number}");
        }
    }

    #[test]
    fn values_come_back_or_nothing_does() {
        let codec = Codec::<u8, Option<Vec<i64>>>::new(0);
        for value in [None, Some(vec![]), Some(vec![1, -2])] {
            let bytes = (codec.encode)(&value).unwrap();
            assert_eq!((codec.decode)(&bytes), Some(value));
        }
        assert_eq!((codec.decode)(b"{\"a\":1}"), None);
        let fuse = Codec::<u8, Fuse>::new(0);
        assert!((fuse.decode)(b"1").is_none());
        // A map whose keys are no texts cannot be written.
        let maps = Codec::<u8, std::collections::BTreeMap<(u8, u8), u8>>::new(0);
        assert_eq!((maps.encode)(&[((1, 2), 3)].into()), None);
    }
}
