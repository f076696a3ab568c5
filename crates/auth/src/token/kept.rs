//! Verified tokens, remembered by the hash of their text.
//!
//! Not a cache of brisk-cache, because each entry has a life of its own, that of its token, and the bound is a number of
//! tokens. Only tokens that were found good are kept: strangers can make as many others as they like.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use quick_cache::sync::{Cache, EntryAction, EntryResult, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

use crate::issuer::{ForeignKey, KeySource};
use crate::token::claims::{Verified, Window};
use crate::token::ring::Ring;

/// The SHA-256 of a token's text.
pub(crate) type TokenHash = [u8; 32];

/// A token that was found good, and by what.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verified: Arc<Verified>,
    /// The key that signed it.
    pub(crate) key: SignedBy,
    pub(crate) window: Window,
    pub(crate) skew: Duration,
}

/// The key that a token was signed with. Once it is dropped, what it signed counts no more.
#[derive(Clone, Debug)]
pub(crate) enum SignedBy {
    /// One of ours, by its name.
    Own(String),
    /// One of another issuer, with the set that it is from.
    Foreign(Arc<ForeignKey>, KeySource),
}

impl Judged {
    /// Whether it still counts.
    fn counts(&self, now: Timestamp, ring: &Ring) -> bool {
        let known = match &self.key {
            SignedBy::Own(kid) => ring.key(kid).is_some(),
            SignedBy::Foreign(key, _) => key.counts(),
        };
        known && self.window.check(now, self.skew).is_ok()
    }
}

/// What was asked of the verified tokens that are remembered, and what was verified for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenStats {
    /// Answers from memory.
    pub hits: u64,
    /// Signatures that were looked at, or tokens refused before it came to that.
    pub verifications: u64,
    /// Verified tokens that are remembered.
    pub entries: usize,
}

#[derive(Debug)]
struct Entry {
    judged: Judged,
    until: Timestamp,
}

type Map = Cache<TokenHash, Arc<Entry>>;
type Guard<'a> = PlaceholderGuard<
    'a,
    TokenHash,
    Arc<Entry>,
    UnitWeighter,
    DefaultHashBuilder,
    quick_cache::sync::DefaultLifecycle<TokenHash, Arc<Entry>>,
>;

/// What is remembered.
#[derive(Debug)]
pub(crate) struct KeptTokens {
    map: Map,
    margin: Duration,
    hits: AtomicU64,
    verifications: AtomicU64,
}

impl KeptTokens {
    pub(crate) fn new(capacity: usize, margin: Duration) -> Self {
        Self {
            map: Cache::new(capacity),
            margin,
            hits: AtomicU64::new(0),
            verifications: AtomicU64::new(0),
        }
    }

    /// The token, if it is remembered and counts.
    pub(crate) fn get(
        &self,
        hash: &TokenHash,
        now: Timestamp,
        ring: &Ring,
    ) -> Option<Arc<Verified>> {
        let entry = self.map.get(hash)?;
        if now >= entry.until || !entry.judged.counts(now, ring) {
            return None;
        }
        // Else a key that was taken back would be noticed only once somebody brings a new token.
        if let SignedBy::Foreign(_, keys) = &entry.judged.key {
            keys.touch();
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&entry.judged.verified))
    }

    /// The token if another caller has just verified it, else the turn of this caller to do so. Who waits longer than
    /// that caller lives has the next turn.
    pub(crate) async fn turn(
        &self,
        hash: &TokenHash,
        now: Timestamp,
        ring: &Ring,
    ) -> Result<Arc<Verified>, Turn<'_>> {
        let look = |_: &TokenHash, entry: &mut Arc<Entry>| {
            if now < entry.until && entry.judged.counts(now, ring) {
                EntryAction::Retain(Arc::clone(&entry.judged.verified))
            } else {
                EntryAction::ReplaceWithGuard
            }
        };
        match self.map.entry_async(hash, look).await {
            EntryResult::Retained(verified) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                Ok(verified)
            }
            EntryResult::Vacant(guard) | EntryResult::Replaced(guard, _) => {
                self.verifications.fetch_add(1, Ordering::Relaxed);
                Err(Turn {
                    guard: Some(guard),
                    margin: self.margin,
                })
            }
            // Neither is an answer to this look; the caller verifies and nothing is kept.
            EntryResult::Removed(..) | EntryResult::Timeout => Err(Turn {
                guard: None,
                margin: self.margin,
            }),
        }
    }

    pub(crate) fn stats(&self) -> TokenStats {
        TokenStats {
            hits: self.hits.load(Ordering::Relaxed),
            verifications: self.verifications.load(Ordering::Relaxed),
            entries: self.map.len(),
        }
    }
}

/// The turn to verify a token. Dropped, it is somebody else's.
pub(crate) struct Turn<'a> {
    guard: Option<Guard<'a>>,
    margin: Duration,
}

impl Turn<'_> {
    /// Remembers a good token until shortly before its end.
    pub(crate) fn keep(self, judged: Judged, now: Timestamp) -> Arc<Verified> {
        let verified = Arc::clone(&judged.verified);
        let end = judged.window.expires_at;
        let until = end.checked_sub(self.margin).unwrap_or(Timestamp::MIN);
        if until > now
            && let Some(guard) = self.guard
        {
            // Taken out of the map meanwhile: then it is not kept.
            let _kept = guard.insert(Arc::new(Entry { judged, until }));
        }
        verified
    }
}
