//! The database layer against both engines: one source for each behaviour, and faults on purpose.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails the test that called it"
)]

#[macro_use]
mod harness;

mod advice;
mod bulk;
mod bulk_load;
mod capture;
mod concurrency;
mod connections;
mod constraints;
mod deadlines;
mod disturb;
mod durability;
mod fairness;
mod faults;
mod history;
mod isolation;
mod library;
mod loads;
mod migrations;
mod pace;
mod paging;
mod panics;
mod parity;
mod pooler;
mod pools;
mod relations;
mod replica;
mod retries;
mod savepoints;
mod together;
mod transactions;
mod values;
mod verify;
mod wall;
mod writes;
