//! The lease words under loom: every order of the steps of a few threads, and whatever the memory model allows them to see.
//!
//! `board.rs` is compiled here as it is, with loom's atomics and few places. What stands around it in the crate is modelled
//! in a few lines: a [load](world::World::load) takes a version, says what it depends on, reads, and what it has read is
//! looked at; a [look of the stream](world::World::look) tells what is committed.
//!
//! The model tries all orders in which threads are interrupted at most twice; with `BRISK_TEST_FULL=1` four times, or three
//! where there are many steps.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test that called it"
)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is a module of the crate, of which the model needs a part"
)]
#[path = "../../src/board.rs"]
mod board;
#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is a module of the crate, of which the model needs a part"
)]
#[path = "../../src/fault.rs"]
mod fault;
mod orders;
mod sync;
#[expect(
    dead_code,
    reason = "it is a module of the crate, of which the model needs a part"
)]
#[path = "../../src/timeline.rs"]
mod timeline;
mod world;
