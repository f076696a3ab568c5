//! An entry as bytes, for a tier below.
//!
//! ```text
//! "BRK1", origin, size of the place, created (20 digits each)   what decides which of two is newer, as text for a script
//! until                                                          8 bytes
//! identity                                                       16 bytes: cache, schema, tenant and key
//! place, tags, payload                                           each with its length
//! sum                                                            8 bytes over all before
//! ```
//!
//! What cannot be read as that is no entry, whatever is wrong with it.

use xxhash_rust::xxh3::xxh3_64;

use crate::portable::PortableTag;

/// The format, and with it how tags are written and rows are hashed onto places.
const MAGIC: &[u8; 4] = b"BRK1";

/// Digits of each number in the head.
const DIGITS: usize = 20;

/// Bytes of the head, by which a script compares two envelopes; its first [`ORIGIN`] say whether they can be compared.
pub(crate) const HEAD: usize = MAGIC.len() + 3 * DIGITS;
pub(crate) const ORIGIN: usize = MAGIC.len() + DIGITS;

/// Bytes of a value; a larger one stays in the process.
pub(crate) const LARGEST: usize = 1 << 20;

/// Values from here on are counted: they are slow to move, and seldom meant to be so large.
pub(crate) const LARGE: usize = 100 << 10;

/// Bytes around the largest value: tags of 64 rows with long names take a small part of this.
const AROUND: usize = 64 << 10;

/// Which entry it is: of a cache, a schema, a tenant and a key.
pub(crate) type Identity = [u8; 16];

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope<'a> {
    /// Which life of which server the place belongs to; 0 without a place.
    pub(crate) origin: u64,
    /// The size of the place; 0 without one.
    pub(crate) size: u64,
    /// When its load began, in milliseconds since 1970 by the clock of who loaded it.
    pub(crate) created_ms: u64,
    /// When it is too old, by the same clock; 0 for never.
    pub(crate) until_ms: u64,
    pub(crate) identity: Identity,
    /// The place at which its load began; empty where it depends on no row.
    pub(crate) place: &'a str,
    pub(crate) tags: Vec<PortableTag>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// As bytes; none where nobody would read so many.
    pub(crate) fn write(&self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(HEAD + 128 + self.place.len() + self.payload.len());
        out.extend_from_slice(MAGIC);
        for number in [self.origin, self.size, self.created_ms] {
            out.extend_from_slice(format!("{number:0DIGITS$}").as_bytes());
        }
        out.extend_from_slice(&self.until_ms.to_le_bytes());
        out.extend_from_slice(&self.identity);
        put(&mut out, self.place.as_bytes());
        out.extend_from_slice(&length(self.tags.len()));
        for tag in &self.tags {
            tag.write(&mut out);
        }
        put(&mut out, self.payload);
        let sum = xxh3_64(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        (out.len() <= LARGEST + AROUND).then_some(out)
    }

    /// Reads them; none for anything else, or for another entry than that of `identity`.
    pub(crate) fn read(bytes: &'a [u8], identity: &Identity) -> Option<Self> {
        if bytes.len() > LARGEST + AROUND {
            return None;
        }
        let (body, sum) = bytes.split_last_chunk::<8>()?;
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return None;
        }
        let mut rest = Reader(body);
        if rest.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let envelope = Self {
            origin: rest.digits()?,
            size: rest.digits()?,
            created_ms: rest.digits()?,
            until_ms: rest.number()?,
            identity: *rest.chunk()?,
            place: rest.text()?,
            tags: {
                let tags = rest.length()?;
                (0..tags)
                    .map(|_| PortableTag::read(&mut rest))
                    .collect::<Option<_>>()?
            },
            payload: rest.bytes()?,
        };
        (rest.0.is_empty() && envelope.identity == *identity).then_some(envelope)
    }
}

/// The length of something, which is far below what four bytes can say.
pub(crate) fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// Writes bytes after their length.
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&length(bytes.len()));
    out.extend_from_slice(bytes);
}

/// What is left to read. Nothing is believed: each part may be missing.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(taken)
    }

    fn digits(&mut self) -> Option<u64> {
        let digits = self.take(DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn length(&mut self) -> Option<usize> {
        let length = self.chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
        usize::try_from(length).ok()
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portable::Which;

    const IDENTITY: Identity = [7; 16];

    fn envelope(payload: &[u8]) -> Envelope<'_> {
        let rows = Which::Rows {
            tenant: 9,
            columns: vec!["tenant_id".to_owned(), "id".to_owned()],
            row: 31_000,
        };
        let tag = |table: &str, which| PortableTag {
            table: table.to_owned(),
            declared: 11,
            which,
        };
        Envelope {
            origin: u64::MAX,
            size: 12,
            created_ms: 1_700_000_000_000,
            until_ms: 0,
            identity: IDENTITY,
            place: "p:10:12:10",
            tags: vec![
                tag("authors", rows),
                tag("books", Which::Tenant(1_023)),
                tag("plain", Which::Table),
            ],
            payload,
        }
    }

    #[test]
    fn an_envelope_survives_as_bytes() {
        let payload = br#"{"name":"x"}"#;
        let bytes = envelope(payload).write().unwrap();
        assert_eq!(Envelope::read(&bytes, &IDENTITY), Some(envelope(payload)));
        assert_eq!(Envelope::read(&bytes, &[8; 16]), None);
        assert_eq!(&bytes[..MAGIC.len()], MAGIC);
        let (newer, older) = (&bytes[ORIGIN..HEAD], b"00000000000000000011");
        assert!(newer[..DIGITS] > older[..]);
        assert_eq!(envelope(&vec![0; LARGEST + AROUND]).write(), None);
    }

    #[test]
    fn what_is_damaged_is_no_entry() {
        let bytes = envelope(b"[1,2,3]").write().unwrap();
        for end in 0..bytes.len() {
            assert_eq!(Envelope::read(&bytes[..end], &IDENTITY), None);
        }
        let mut chance = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let mut damaged = bytes.clone();
            let at = chance.usize(..damaged.len());
            damaged[at] ^= 1 << chance.u8(..8);
            assert_eq!(Envelope::read(&damaged, &IDENTITY), None, "byte {at}");
        }
        let giant = vec![0; LARGEST + AROUND + 1];
        assert_eq!(Envelope::read(&giant, &IDENTITY), None);
    }

    #[test]
    fn what_has_a_good_sum_is_not_believed_either() {
        let bytes = envelope(b"[1,2,3]").write().unwrap();
        let body = &bytes[..bytes.len() - 8];
        let mut chance = fastrand::Rng::with_seed(2);
        for _ in 0..20_000 {
            let mut forged = body.to_vec();
            for _ in 0..chance.usize(1..4) {
                let at = chance.usize(..forged.len());
                forged[at] = chance.u8(..);
            }
            forged.truncate(chance.usize(..=forged.len()));
            let sum = xxh3_64(&forged);
            forged.extend_from_slice(&sum.to_le_bytes());
            // Whatever it is taken for, reading it ends.
            drop(Envelope::read(&forged, &IDENTITY));
        }
    }
}
