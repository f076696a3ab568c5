//! Opening hours and holidays, and the business clock that walks them.
mod clock;
mod definition;
#[cfg(test)]
mod tests;
mod year;

pub use clock::{NEVER, due, elapsed};
pub use definition::{Calendar, CalendarDefinition, Holiday, OPEN_SEARCH_DAYS, Opening};
