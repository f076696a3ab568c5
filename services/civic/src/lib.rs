//! Incident reports, issues, service levels and accountability dashboards.
mod error;
mod ids;
pub mod import;
mod logic;
pub mod model;
mod settings;
mod store;

pub use ids::{IssueId, ReportId};
