//! Incident reports, issues, service levels and accountability dashboards.
mod ids;
pub mod import;
mod logic;
pub mod model;
mod store;

pub use ids::{IssueId, ReportId};
pub use logic::import::{
    Classify, ImportError, ImportOptions, ImportReport, ImportSetup, ImportStatus, Importer, Mode,
    Progress, RefusedRow,
};

/// The service's tables.
pub const MIGRATIONS: brisk_db::MigrationSet = brisk_db::migrations!("civic");
