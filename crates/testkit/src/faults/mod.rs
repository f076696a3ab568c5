//! Faults on the way between a client and a server.

mod connection;
mod proxy;

pub use proxy::{Mode, Proxy};
