//! Use cases over stores, settings and the clock.
pub(crate) mod area;
pub(crate) mod calendar;
pub(crate) mod category;
pub(crate) mod classify;
pub(crate) mod config;
pub(crate) mod policy;
mod setup;
#[cfg(test)]
mod tests;

pub(crate) use setup::Setup;
