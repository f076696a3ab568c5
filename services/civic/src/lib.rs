//! Incident reports, issues, service levels and accountability dashboards.
mod commands;
mod demo;
mod error;
mod ids;
pub mod import;
mod logic;
pub mod model;
pub mod publication;
mod routes;
mod service;
mod settings;
mod state;
mod store;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use ids::{IssueId, ReportId};
pub use logic::import::{
    Classify, ImportError, ImportOptions, ImportReport, ImportSetup, ImportStatus, Importer, Mode,
    Progress, RefusedRow,
};
pub use service::{Civic, CivicSettings, service};

/// The tables `civic_*`; they refer to the tenants of `brisk-auth`, whose tables come first.
pub const MIGRATIONS: brisk_db::MigrationSet = brisk_db::migrations!("civic");
