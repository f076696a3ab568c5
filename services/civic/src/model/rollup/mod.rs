//! Counters from which every figure is read, and what an event adds to them.
mod counts;
mod deltas;
#[cfg(test)]
mod tests;

pub use counts::{Cell, CounterRow, DayDelta, DayRow};
pub use deltas::{Deltas, IssueFacts, ReportFacts};
