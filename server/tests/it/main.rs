//! The program as people use it: its first start, its commands beside a running server, its end.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod commands;
mod isolation;
mod new;
mod people;
mod program;
mod refresh;
mod serve;
