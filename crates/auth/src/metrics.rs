//! The numbers of tokens, key sets and passwords, under our names and those of the programs that Brisk replaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brisk_telemetry::aliases;
use metrics::{counter, gauge, histogram};

/// Verifications, by how they ended: ok, or a word for the reason. A token that is remembered is none.
const VERIFICATIONS: &str = "brisk_auth_token_verifications_total";
/// Fetches of key sets, by issuer and how they ended: ok, unchanged, error.
const JWKS_FETCHES: &str = "brisk_auth_jwks_fetches_total";
/// Tokens whose issuer's keys were there, and those that had to wait for them.
const JWKS_HITS: &str = "brisk_auth_jwks_hits_total";
const JWKS_MISSES: &str = "brisk_auth_jwks_misses_total";
/// Tokens that named a key that was not there.
const JWKS_UNKNOWN: &str = "brisk_auth_jwks_unknown_kid_total";
/// How long keys have been past their life.
const JWKS_STALE: &str = "brisk_auth_jwks_stale_seconds";
/// How long hashing a password took, without waiting.
const HASH: &str = "brisk_auth_password_hash_seconds";
/// Passwords that are being hashed or wait for it.
const QUEUE: &str = "brisk_auth_password_hash_queue";

/// Writes them; the other names too unless told otherwise. Clones share that.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<AtomicBool>);

impl Default for Meter {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Meter {
    pub(crate) fn write_aliases(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    /// Our name, and the other one where it is written.
    fn names(&self, ours: &'static str, alias: &'static str) -> impl Iterator<Item = &'static str> {
        let alias = self.0.load(Ordering::Relaxed).then_some(alias);
        std::iter::once(ours).chain(alias)
    }

    pub(crate) fn verified(&self, result: &'static str) {
        for name in self.names(VERIFICATIONS, aliases::AUTH_TOKEN_VERIFICATIONS) {
            counter!(name, "result" => result).increment(1);
        }
    }

    pub(crate) fn fetched(&self, issuer: &str, result: &'static str) {
        for name in self.names(JWKS_FETCHES, aliases::JWKS_FETCH) {
            counter!(name, "issuer" => issuer.to_owned(), "result" => result).increment(1);
        }
    }

    pub(crate) fn had_keys(&self, issuer: &str, at_once: bool) {
        let names = if at_once {
            self.names(JWKS_HITS, aliases::JWKS_CACHE_HITS)
        } else {
            self.names(JWKS_MISSES, aliases::JWKS_CACHE_MISSES)
        };
        for name in names {
            counter!(name, "issuer" => issuer.to_owned()).increment(1);
        }
    }

    pub(crate) fn unknown_kid(&self, issuer: &str) {
        for name in self.names(JWKS_UNKNOWN, aliases::JWKS_UNKNOWN_KID) {
            counter!(name, "issuer" => issuer.to_owned()).increment(1);
        }
    }

    pub(crate) fn stale(&self, issuer: &str, stale: Duration) {
        for name in self.names(JWKS_STALE, aliases::JWKS_STALE) {
            gauge!(name, "issuer" => issuer.to_owned()).set(stale.as_secs_f64());
        }
    }

    pub(crate) fn hashed(&self, took: Duration) {
        for name in self.names(HASH, aliases::PASSWORD_HASH) {
            histogram!(name).record(took);
        }
    }

    /// So many more passwords than before.
    pub(crate) fn hashing(&self, more: f64) {
        for name in self.names(QUEUE, aliases::PASSWORD_HASH_QUEUE) {
            gauge!(name).increment(more);
        }
    }
}
