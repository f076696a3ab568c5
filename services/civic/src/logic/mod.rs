//! Use cases over stores, settings and the clock.
pub(crate) mod analytics;
pub(crate) mod api_key;
pub(crate) mod area;
pub(crate) mod calendar;
pub(crate) mod case;
pub(crate) mod category;
pub(crate) mod changes;
pub(crate) mod classify;
pub(crate) mod config;
pub(crate) mod contact;
pub(crate) mod dashboard;
mod gather;
pub(crate) mod import;
pub(crate) mod intake;
pub(crate) mod link;
pub(crate) mod lists;
pub(crate) mod moderation;
pub(crate) mod nearby;
pub(crate) mod policy;
pub(crate) mod public;
#[cfg(test)]
mod read_tests;
pub(crate) mod reconcile;
pub(crate) mod score_job;
pub(crate) mod scores;
mod setup;
pub(crate) mod submission;
pub(crate) mod sweep;
pub(crate) mod tenant;
#[cfg(test)]
mod tests;
pub(crate) mod timers;
pub(crate) mod workflow;

pub(crate) use setup::Setup;
