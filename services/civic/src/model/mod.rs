//! Domain types and pure rules: no database, no HTTP, no clock of their own.
//!
//! Public so that benchmarks and tools can call the rules without a server.
mod base;
pub mod calendar;
pub mod classify;
pub mod config;
mod field;
pub mod geo;
pub mod grid;
pub mod hist;
pub mod priority;
pub mod rollup;
pub mod score;
pub mod setup;
pub mod similarity;
pub mod sla;
pub mod spam;
mod tenant;
pub mod text;
pub mod workflow;

pub use base::{Category, Severity};
pub use field::{FieldError, FieldErrors};
pub use tenant::TenantKind;
