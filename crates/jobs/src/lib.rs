//! Durable jobs, schedules and leases on the database.
//!
//! A job is a row that is written together with its cause: it exists exactly when the cause was committed. Workers
//! claim jobs in batches under a lease, and a job that was done is deleted. A lost process loses its leases, nothing
//! else. Work is done **at least once**; a handler that completes its jobs inside its own transaction
//! ([`JobContext::complete`]) has its effects in the database **exactly once**.
//!
//! The surprising decision: a retried job waits as an ordinary pending job. Where the same work was enqueued again
//! while it ran, the newer job stands for both and the failed one is dropped.
//!
//! Leases are judged by the clock of the node that looks at them, so the clocks of all nodes must agree to well within
//! a lease (60 s). How late a job may start: at once on the node that enqueued it; on other nodes at most one polling
//! interval later, 250 ms while there is work and up to 1 s after a quiet time.

mod config;
mod context;
mod error;
mod job;
mod leader;
mod metrics;
mod queue;
mod retry;
mod running;
mod schedule;
mod signal;
mod statements;
#[cfg(feature = "testing")]
mod testing;
mod worker;

pub use config::JobsConfig;
pub use context::JobContext;
pub use error::Error;
pub use job::{DeadJob, Job, JobId, JobOutcome, NewJob};
pub use leader::Lease;
pub use queue::Queue;
pub use retry::{RetryPolicy, backoff};
pub use running::{Jobs, Running};
pub use schedule::Schedule;
pub use worker::{Handler, Worker};

use brisk_db::{Declared, MigrationSet};

/// The tables `brisk_jobs`, `brisk_job_turns`, `brisk_leases` and `brisk_schedules`.
pub const MIGRATIONS: MigrationSet = brisk_db::migrations!("jobs");

/// Every statement of this crate, for the test that prepares them.
pub fn statements() -> Vec<&'static dyn Declared> {
    statements::STATEMENTS.to_vec()
}
