//! Tenants, keys and tokens on both engines: each test runs once on SQLite and once on PostgreSQL.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends at the first surprise"
)]

mod foreign;
mod forge;
mod harness;
mod keys;
mod metrics;
mod passwords;
mod provider;
mod signing_keys;
mod tenants;
mod tokens;
