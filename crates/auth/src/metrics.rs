//! The numbers of tokens, key sets and passwords.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// Verifications, by how they ended: ok, or a word for the reason.
const VERIFICATIONS: &str = "brisk_auth_token_verifications_total";
/// Fetches of key sets, by issuer and how they ended: ok, unchanged, error.
const JWKS_FETCHES: &str = "brisk_auth_jwks_fetches_total";
/// Requests that had keys at once, and those that had to wait for them.
const JWKS_HITS: &str = "brisk_auth_jwks_hits_total";
const JWKS_MISSES: &str = "brisk_auth_jwks_misses_total";
/// Tokens that named a key that was not there.
const JWKS_UNKNOWN: &str = "brisk_auth_jwks_unknown_kid_total";
/// How long keys have been past their life.
const JWKS_STALE: &str = "brisk_auth_jwks_stale_seconds";
/// How long the hash of a password took, without waiting.
const HASH: &str = "brisk_auth_password_hash_seconds";
/// Passwords that are being hashed or wait for it.
const QUEUE: &str = "brisk_auth_password_hash_queue";

pub(crate) fn verified(result: &'static str) {
    counter!(VERIFICATIONS, "result" => result).increment(1);
}

pub(crate) fn jwks_fetched(issuer: &str, result: &'static str) {
    counter!(JWKS_FETCHES, "issuer" => issuer.to_owned(), "result" => result).increment(1);
}

pub(crate) fn jwks_hit(issuer: &str) {
    counter!(JWKS_HITS, "issuer" => issuer.to_owned()).increment(1);
}

pub(crate) fn jwks_miss(issuer: &str) {
    counter!(JWKS_MISSES, "issuer" => issuer.to_owned()).increment(1);
}

pub(crate) fn jwks_unknown_kid(issuer: &str) {
    counter!(JWKS_UNKNOWN, "issuer" => issuer.to_owned()).increment(1);
}

pub(crate) fn jwks_stale(issuer: &str, stale: Duration) {
    gauge!(JWKS_STALE, "issuer" => issuer.to_owned()).set(stale.as_secs_f64());
}

pub(crate) fn hashed(took: Duration) {
    histogram!(HASH).record(took);
}

pub(crate) fn hashing(more: f64) {
    gauge!(QUEUE).increment(more);
}
