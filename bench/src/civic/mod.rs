//! `bench civic`: the service of reports and issues against its targets.
mod classifier;
mod http;
mod import;
mod indexes;
mod inserts;
mod page;
mod process;
mod queries;
mod run;
mod statements;
mod submissions;

pub(crate) use run::run;
