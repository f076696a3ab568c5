//! Every statement of the service, by resource; rows stay inside and become model types.
pub(crate) mod area;
pub(crate) mod calendar;
pub(crate) mod category;
mod columns;
mod list;
pub(crate) mod sla_policy;
pub(crate) mod tenant_config;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use list::{Slice, statements};
