//! What the boards are made of. The model in `tests/model` compiles `board.rs` with others: atomics of which it tries all
//! orders, and few places.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock};

pub(crate) use brisk_db::StreamWatch;

/// Places for the tenants of a table.
pub(crate) const TENANTS: usize = 1_024;

/// Places for the rows of a table, for each set of columns that rows are found by.
pub(crate) const ROWS: usize = 1 << 15;
