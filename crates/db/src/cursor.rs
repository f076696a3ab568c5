//! Signed cursors: where a page ended, bound to the tenant, the list and its filter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brisk_core::TenantId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::error::Error;

/// Bytes of the signature kept in a cursor: half of SHA-256, out of reach of guessing.
const TAG: usize = 16;

/// The key that signs cursors; nodes that serve the same clients share it.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey(secret)")
    }
}

impl CursorKey {
    /// A key of 32 bytes, derived from the installation's master key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Makes a cursor of `position`, valid for this tenant, list and filter only.
    pub fn seal(
        &self,
        tenant: TenantId,
        list: &str,
        filter: &impl Serialize,
        position: &impl Serialize,
    ) -> String {
        let mut body =
            serde_json::to_vec(position).expect("a position is numbers, text and instants");
        let tag = self.tag(tenant, list, filter, &body);
        body.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(body)
    }

    /// Reads a cursor back.
    ///
    /// # Errors
    ///
    /// [`Error::Cursor`] when it was not made by this key for this tenant, list and filter.
    pub fn open<T: DeserializeOwned>(
        &self,
        tenant: TenantId,
        list: &str,
        filter: &impl Serialize,
        cursor: &str,
    ) -> Result<T, Error> {
        let bytes = URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_forged| Error::Cursor)?;
        let (body, tag) = bytes
            .split_at_checked(bytes.len().saturating_sub(TAG))
            .ok_or(Error::Cursor)?;
        self.mac(tenant, list, filter, body)
            .verify_truncated_left(tag)
            .map_err(|_forged| Error::Cursor)?;
        if tag.len() != TAG {
            return Err(Error::Cursor);
        }
        serde_json::from_slice(body).map_err(|_forged| Error::Cursor)
    }

    fn tag(&self, tenant: TenantId, list: &str, filter: &impl Serialize, body: &[u8]) -> [u8; TAG] {
        let full = self.mac(tenant, list, filter, body).finalize().into_bytes();
        std::array::from_fn(|i| full[i])
    }

    fn mac(
        &self,
        tenant: TenantId,
        list: &str,
        filter: &impl Serialize,
        body: &[u8],
    ) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        let filter = serde_json::to_vec(filter).expect("a filter is plain data");
        mac.update(&tenant.get().to_be_bytes());
        for part in [list.as_bytes(), &filter, body] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let key = CursorKey::new([7; 32]);
        let cursor = key.seal(TenantId(1), "issues", &("open", 20), &(12_i64, 34_i64));
        let open = |tenant, list, filter: (&str, i32), text: &str| {
            key.open::<(i64, i64)>(TenantId(tenant), list, &filter, text)
                .ok()
        };
        assert_eq!(open(1, "issues", ("open", 20), &cursor), Some((12, 34)));
        assert_eq!(open(2, "issues", ("open", 20), &cursor), None);
        assert_eq!(open(1, "reports", ("open", 20), &cursor), None);
        assert_eq!(open(1, "issues", ("closed", 20), &cursor), None);
        assert_eq!(open(1, "issues", ("open", 20), &cursor[1..]), None);
        assert_eq!(open(1, "issues", ("open", 20), ""), None);
        assert_eq!(open(1, "issues", ("open", 20), "§"), None);
        assert!(
            CursorKey::new([8; 32])
                .open::<(i64, i64)>(TenantId(1), "issues", &("open", 20), &cursor)
                .is_err()
        );
    }
}
