//! PostgreSQL: a few pipelined connections for auto-commit statements, and a checkout pool for everything that must
//! have a connection to itself.
mod adapt;
mod address;
mod copy;
mod encode;
mod engine;
mod execute;
mod held;
mod home;
mod keeper;
mod lane;
mod lanes;
mod limits;
mod link;
mod meters;
mod order;
mod pipeline;
mod pool;
mod replica;
mod sizes;
mod transaction;
mod types;
mod upkeep;
pub(crate) mod wall;

pub(crate) use engine::Postgres;
pub(crate) use execute::error;
pub(crate) use transaction::PostgresTransaction;
