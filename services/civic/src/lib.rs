//! Incident reports, issues, service levels and accountability dashboards.
mod error;
mod ids;
pub mod import;
pub mod model;
mod store;

pub use ids::{IssueId, ReportId};
