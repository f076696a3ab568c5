//! How much a new report resembles an open issue, and whether it joins it.
//!
//! Everything is computed once per text and per place ([`Features`], [`Place`]), so that comparing a report with many
//! issues touches no text again. Finding the candidates is the store's work, by [`crate::model::grid`].
mod features;
mod place;
mod score;
mod tuning;
#[cfg(test)]
mod vectors;

pub use features::{Features, MAX_ISSUE_TEXTS};
pub use place::Place;
pub use score::{Decision, Incoming, Known, Match, Standing, Verdict, best, rank};
pub use tuning::{PerCategory, Tuning, TuningError};
