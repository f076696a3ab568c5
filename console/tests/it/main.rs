//! The page through the edge: what it shows, what it costs, and what it says when there is nothing to show.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod findings;
mod memory;
mod page;
