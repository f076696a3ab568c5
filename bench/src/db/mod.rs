//! `bench db`: the database layer by itself on PostgreSQL, beside hand-written pipelining and beside sqlx.
mod kit;
mod pipelined;
mod run;
mod sqlx;
mod table;

pub(crate) use run::run;
