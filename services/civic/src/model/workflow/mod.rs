//! Which status an issue may take next, who may say so, and what follows from it.
//!
//! A plan is data: whoever carries it out owns the row, the clock and the messages.

mod plan;
#[cfg(test)]
mod tests;
mod words;

pub use plan::{
    Effect, Plan, Situation, StatusChange, WorkflowError, WorkflowRules, allowed_transitions,
};
pub use words::{ActorRole, CloseReason, HoldReason, Status};
