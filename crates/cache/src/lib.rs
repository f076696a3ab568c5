//! Results that are kept until they are no longer true.
//!
//! [`Caches::of`] a database makes and shows them. [`cached!`](crate::cached!) keeps the answer of a declared statement,
//! [`function::cached`] that of a function, [`Cache`] anything else; [`LiveTotals`] are counts and sums that follow each
//! change. Nobody calls `invalidate`: an entry ends when a row changes that it was made of, whoever changes it. The
//! surprising decision: entries that a change ended are not looked for. Each looks at a few numbers when it is asked for, which a
//! change has raised.

// The macros name this crate as `::brisk_cache`, here too.
extern crate self as brisk_cache;

mod board;
mod cache;
mod caches;
mod codec;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod envelope;
mod error;
mod fault;
mod flight;
mod kept;
mod live;
mod live_rows;
mod metrics;
mod nodes;
mod plan;
mod policy;
mod portable;
mod pure;
mod scope;
mod slot;
mod stats;
mod store;
mod sync;
mod tier;
mod timeline;
#[cfg(test)]
mod timeline_tests;
mod trail;
mod view;

pub use board::Precision;
pub use cache::{Builder, Cache, CacheKey};
pub use caches::{Caches, EntryView};
pub use config::{ConnectError, RemoteConfig};
pub use error::Error;
#[cfg(feature = "mutations")]
#[doc(hidden)]
pub use fault::Fault;
pub use kept::Cached;
pub use live::{LiveTotals, Total, Totals};
pub use nodes::NodesStats;

/// The attribute for functions. It has a module of its own because a macro and an attribute of one name cannot share one.
pub mod function {
    pub use brisk_cache_macros::cached;
}

pub use policy::{Policy, Source, Tier};
pub use slot::Slot;
pub use stats::CacheStats;
pub use store::{StoreStats, statements};

/// The table `brisk_cache`, for [`Tier::Database`].
pub const MIGRATIONS: brisk_db::MigrationSet = brisk_db::migrations!("cache");
