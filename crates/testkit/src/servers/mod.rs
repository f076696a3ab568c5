//! Private servers: found on the machine, started on loopback, gone with the process that started them.
//!
//! Every server gets its own folder, free port and password, and runs under a user without rights when the caller is
//! root. Nothing here installs software; [`find`](mod@find) says what is missing and which command brings it.

mod address;
mod database;
mod error;
pub mod find;
mod pooler;
mod postgres;
mod psql;
mod redis;
mod supervise;

#[cfg(feature = "faults")]
pub(crate) use address::Address;
pub use database::Database;
pub use error::{Error, Result};
pub use pooler::Pooler;
pub use postgres::{Postgres, Stop};
pub use redis::{Redis, RedisDatabase};
pub use supervise::Durability;
