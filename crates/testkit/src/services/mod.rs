//! What the tests of a service look at it through: a client, its database seen by another program, and patience.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod client;
mod place;
mod wait;

pub use client::{Answer, Call, Client};
pub use place::Place;
pub use wait::{FRESH, PATIENCE, eventually};
