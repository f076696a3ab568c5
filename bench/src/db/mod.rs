//! `bench db`: the database layer by itself on PostgreSQL, beside hand-written pipelining and beside sqlx; its loader
//! through HTTP; and what change capture costs.
mod bulk;
mod capture;
mod items;
mod kit;
mod loaded;
mod pipelined;
mod related;
mod run;
mod sqlx;
mod table;

pub(crate) use items::{bare, kit as items_kit, sqlx as items_sqlx};
pub(crate) use run::run;
