//! Incident reports, issues, service levels and accountability dashboards.

pub mod import;
pub mod model;
