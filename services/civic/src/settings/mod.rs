//! What a tenant has set up, compiled once and shared by every request: zone, configuration, calendars, policies,
//! areas, services, rules and tuning.
mod cache;
mod compile;
mod tenant;
#[cfg(test)]
mod tests;

pub(crate) use cache::Settings;
pub(crate) use compile::{rules_of, tuning_of};
pub(crate) use tenant::{TenantSettings, kind_of};
