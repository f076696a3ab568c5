//! Domain types and pure rules: no database, no HTTP, no clock of their own.
//!
//! Public so that benchmarks and tools can call the rules without a server.
mod base;
pub mod classify;
pub mod geo;
pub mod grid;
pub mod similarity;
pub mod spam;
pub mod text;

pub use base::{Category, Severity};
