//! What tests stand on: servers that belong to one run, databases that belong to one test, and faults on demand.
//!
//! [`servers`] starts a private PostgreSQL or Redis and guarantees its end: each server hangs on a pipe that the kernel
//! closes with the process that started it, so neither a panic nor `kill -9` leaves one behind. [`files`] gives each
//! test its own SQLite file. [`chance`] draws what a failed test prints and can draw again. `faults` (feature of the same name) stands between a client and a server and delays,
//! stalls, cuts or refuses on request. `services` (feature of the same name) looks at a running service from outside.
//!
//! The surprising decision: databases are made with the `psql` program and not with a driver, so that this crate,
//! which also carries `cargo xtask`, builds in seconds and judges our own driver code from outside.

pub mod chance;
#[cfg(feature = "faults")]
pub mod faults;
pub mod files;
pub mod servers;
#[cfg(feature = "services")]
pub mod services;
