//! Declared statements on SQLite and PostgreSQL.
//!
//! A service declares its statements once ([`statements!`]), reads rows by position ([`FromRow`]) and runs them on a
//! [`Session`]. It never learns which engine answers. On PostgreSQL ordinary statements share a few pipelined
//! connections; on SQLite concurrent writes share one commit. Text differs between the engines only where a statement
//! carries a second text.
// The macros name this crate as `::brisk_db`, here too.
extern crate self as brisk_db;

mod advice;
mod batch;
mod bulk;
mod bulk_load;
mod capture;
mod column;
mod config;
mod cursor;
mod database;
mod error;
mod fair;
mod fold;
mod footprint;
mod hooks;
mod listing;
mod load;
mod migrate;
mod observe;
mod pace;
mod paging;
mod panics;
mod pools;
mod postgres;
mod row;
mod savepoint;
mod session;
mod sight;
mod sqlite;
mod statement;
mod together;
mod transact;
mod transaction;
mod update;
mod value;
mod verify;
mod witness;

pub use batch::{Batch, Outcome};
pub use brisk_db_macros::{FromRow, Record, migrations, statements};
pub use bulk::{OnConflict, Record};
pub use bulk_load::{BulkLoad, BulkProgress, Halted, Loaded, Refused};
#[cfg(feature = "testing")]
pub use capture::SimulatedStream;
pub use capture::{
    BadPosition, Capture, Captured, Cell, Cells, Change, ChangeStream, Commit, CommitId, Event,
    HookGuard, Position, Reached, ResetReason, Standing, StreamWatch, Subscription, Ticket, What,
    Wrote,
};
pub use column::{BoxedError, Column, Json, Raw};
pub use config::{DbConfig, LoadConfig, PostgresConfig, SqliteConfig};
pub use cursor::CursorKey;
pub use database::{Db, System, WeakDb};
pub use error::{Constraint, Error};
pub use fold::{Fold, FoldConfig};
pub use footprint::{Footprint, Read, ReadText};
#[doc(hidden)]
pub use listing::{Asked, Filter, Listing, Narrowed, Operator, PerPage, Refusal, Sort, Way};
pub use load::text as load_text;
pub use load::{Answer, Load, LoadKey, Many, Related, SharedLoads, each};
pub use migrate::MigrationSet;
pub use paging::{Count, Direction, Nulls, Order, Page, Paging, Sortable, Total};
pub use pools::{PoolState, Pools, ReplicaReads, ServerShare};
pub use row::{DecodeError, FromRow, Row};
pub use sea_query;
pub use session::Session;
pub use sqlite::GroupCommits;
pub use statement::{Affected, Declared, One, Params, Shape, Statement};
pub use together::{Failed, Parts, Reads, together};
pub use transact::AsDbError;
pub use value::{Kind, Value};
pub use verify::Finding;
