//! Incident reports, issues, service levels and accountability dashboards.
mod error;
mod ids;
pub mod import;
mod logic;
pub mod model;
mod routes {
    pub(crate) mod setup;
}
mod settings;
mod state;
mod store;

pub use error::Error;
pub use ids::{IssueId, ReportId};
pub use state::CivicState;
