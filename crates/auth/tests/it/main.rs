//! Tenants and keys on both engines: each test runs once on SQLite and once on PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod harness;
mod keys;
mod tenants;
