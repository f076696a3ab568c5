//! All SQL of the service, one file for each table.
pub(crate) mod candidate;
mod columns;
pub(crate) mod event;
pub(crate) mod import;
pub(crate) mod issue;
pub(crate) mod report;
pub(crate) mod rollup;
pub(crate) mod sla;
