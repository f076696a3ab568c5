//! `bench db`: the database layer by itself on PostgreSQL, beside hand-written pipelining, sqlx, `SeaORM` and diesel-async;
//! its loader through HTTP; many requests on few connections; bulk loads; and what change capture and insight cost.
mod bulk;
mod capture;
mod crowd;
mod diesel;
mod insight;
mod items;
mod kit;
mod loaded;
mod pipelined;
mod related;
mod run;
mod sea_orm;
mod sqlx;
mod table;

pub(crate) use items::{bare, kit as items_kit, sqlx as items_sqlx};
pub(crate) use run::run;
