//! The cache over real databases, on both engines.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails the test that called it"
)]

#[macro_use]
mod harness;
mod coherence;
mod conformance;
mod functions;
mod generated;
mod live;
mod loads;
mod mutants;
mod nodes;
mod precision;
mod store;
