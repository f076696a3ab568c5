//! Use cases over stores, settings and the clock.
pub(crate) mod area;
pub(crate) mod calendar;
pub(crate) mod category;
pub(crate) mod classify;
pub(crate) mod config;
pub(crate) mod dashboard;
pub(crate) mod lists;
pub(crate) mod nearby;
pub(crate) mod policy;
pub(crate) mod public;
pub(crate) mod reconcile;
pub(crate) mod scores;
mod setup;
#[cfg(test)]
mod tests;

pub(crate) use setup::Setup;
