//! All SQL of the service, one file for each table.
pub(crate) mod area;
pub(crate) mod bench;
pub(crate) mod calendar;
pub(crate) mod candidate;
pub(crate) mod category;
mod columns;
pub(crate) mod event;
pub(crate) mod figures;
pub(crate) mod import;
pub(crate) mod issue;
mod list;
pub(crate) mod listing;
pub(crate) mod lock;
pub(crate) mod prune;
pub(crate) mod public;
pub(crate) mod recount;
pub(crate) mod report;
pub(crate) mod reporter;
pub(crate) mod rollup;
pub(crate) mod score;
pub(crate) mod sla;
pub(crate) mod sla_policy;
pub(crate) mod tenant_config;
#[cfg(test)]
mod tests;
pub(crate) mod timer;

pub(crate) use list::{Slice, statements};
