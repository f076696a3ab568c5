//! The document of our public keys (RFC 7517).

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Our public keys as others fetch them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksDocument {
    /// The document.
    pub bytes: Bytes,
    /// Its entity tag, quotation marks included.
    pub etag: String,
}

impl JwksDocument {
    pub(crate) fn of(keys: &[&Value]) -> Self {
        let bytes = serde_json::to_vec(&json!({ "keys": keys })).expect("keys are JSON already");
        let etag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(&bytes)[..16]));
        Self {
            bytes: bytes.into(),
            etag,
        }
    }
}
