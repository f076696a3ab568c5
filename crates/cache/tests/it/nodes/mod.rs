//! Several nodes over one database and one Redis.

mod coherence;
mod eviction;
mod faults;
mod flights;
mod history;
mod sharing;
mod world;
