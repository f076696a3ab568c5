//! Incident reports, issues, service levels and accountability dashboards.
mod error;
mod ids;
pub mod import;
mod logic;
pub mod model;
mod routes;
mod settings;
mod state;
mod store;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use ids::{IssueId, ReportId};
