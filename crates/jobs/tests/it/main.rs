//! Jobs on both engines: each test runs once on SQLite and once on PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod claims;
mod delivery;
mod enqueue;
mod harness;
mod once;
mod retries;
mod stop;
