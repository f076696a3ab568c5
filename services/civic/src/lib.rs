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

pub use error::Error;
pub use ids::{IssueId, ReportId};

use brisk_db::MigrationSet;

/// The tables `civic_*`; they refer to the tenants of `brisk-auth`, whose tables come first.
pub const MIGRATIONS: MigrationSet = brisk_db::migrations!("civic");
