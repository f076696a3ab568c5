#![doc = include_str!("../README.md")]

mod board;
mod cache;
mod caches;
mod error;
mod flight;
mod kept;
mod metrics;
mod plan;
mod policy;
mod slot;
mod stats;
mod trail;

pub use board::Precision;
pub use cache::{Builder, Cache, CacheKey};
pub use caches::{Caches, EntryView};
pub use error::Error;
pub use kept::Cached;
pub use policy::{Policy, Source, Tier};
pub use slot::Slot;
pub use stats::CacheStats;
