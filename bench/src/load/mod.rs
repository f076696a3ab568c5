//! Load: callers that ask again as soon as they are answered, or on a schedule, over anything that can be asked.
mod closed;
mod http;
mod lean;
mod open;

pub(crate) use closed::{Caller, Outcome, closed};
pub(crate) use http::{Ask, callers};
pub(crate) use lean::{Line, lean_callers};
pub(crate) use open::open;
