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
pub mod calendar;
pub mod config;
mod field;
pub mod hist;
pub mod priority;
pub mod rollup;
pub mod score;
pub mod sla;
mod tenant;
pub mod workflow;

pub use base::{Category, Severity};
pub use field::{FieldError, FieldErrors};
pub use tenant::TenantKind;
