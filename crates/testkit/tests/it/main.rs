//! The test kit against real servers: isolation of databases, faults and recovery, and the end of every server.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test that called it"
)]

mod faults;
mod followers;
mod lifetime;
mod postgres;
mod redis;
