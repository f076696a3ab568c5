//! Incident reports, issues, service levels and accountability dashboards.

pub mod model;
