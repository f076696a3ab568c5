//! A tiny service through the whole of the kit, on both engines, over real connections.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod client;
mod corpus;
mod detectors;
mod notes;
mod serving;
mod settings;
mod shelf;
mod world;
