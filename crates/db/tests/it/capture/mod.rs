//! Change capture on both engines: what is told, when, and what happens when it cannot be.

mod checker;
mod disturbed;
mod faults;
mod reached;
mod rotation;
mod switches;
mod told;
mod world;
