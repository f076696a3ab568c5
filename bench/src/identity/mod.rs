//! `bench identity`: who asks, at what cost, and how soon somebody is out.
mod login;
mod me;
mod peer;
mod people;
mod revocation;
mod run;
mod sessions;

pub(crate) use run::run;
