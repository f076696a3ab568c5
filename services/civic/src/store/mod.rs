//! All SQL of the service, one file for each table.
pub(crate) mod area;
pub(crate) mod calendar;
pub(crate) mod candidate;
pub(crate) mod category;
mod columns;
pub(crate) mod event;
pub(crate) mod issue;
mod list;
pub(crate) mod lock;
pub(crate) mod report;
pub(crate) mod reporter;
pub(crate) mod rollup;
pub(crate) mod sla;
pub(crate) mod sla_policy;
pub(crate) mod tenant_config;
pub(crate) mod timer;
#[cfg(test)]
mod tests;

pub(crate) use list::{Slice, statements};
