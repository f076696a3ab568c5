//! The business clock: when a span of open time ends, and how much open time lies between two instants.
//!
//! Both functions are exact to the microsecond, the precision in which instants are stored.

use jiff::{SignedDuration, Timestamp};

use super::definition::Calendar;
use super::year::{FIRST_YEAR, LAST_YEAR};

/// The due instant of a promise that no open time can fulfil.
pub const NEVER: Timestamp = Timestamp::MAX;

/// How many years [`due`] walks. No promise is that long; a calendar whose openings have all passed ends here.
const WALK_YEARS: i16 = 100;

/// The instant at which `amount` of open time has passed since `start`; may be the very end of an opening.
///
/// Without a calendar the clock always runs. An amount of zero or less is due at `start`. When the open time of the
/// next 100 years does not suffice the answer is [`NEVER`].
pub fn due(start: Timestamp, amount: SignedDuration, calendar: Option<&Calendar>) -> Timestamp {
    if amount <= SignedDuration::ZERO {
        return start;
    }
    let Some(calendar) = calendar else {
        return start.checked_add(amount).unwrap_or(NEVER);
    };
    let from = start.as_microsecond();
    let Ok(mut left) = i64::try_from(amount.as_micros()) else {
        return NEVER;
    };
    let first = local_year(calendar, start);
    for year in first..=first.saturating_add(WALK_YEARS).min(LAST_YEAR) {
        let expanded = calendar.years.get(calendar, year);
        let passed = expanded.before(from);
        if left <= expanded.total() - passed {
            let at = expanded
                .at(passed + left)
                .and_then(|at| Timestamp::from_microsecond(at).ok());
            return at.unwrap_or(NEVER);
        }
        left -= expanded.total() - passed;
    }
    NEVER
}

/// The open time between two instants; zero when `end` is not after `start`.
///
/// Without a calendar this is the plain difference.
pub fn elapsed(start: Timestamp, end: Timestamp, calendar: Option<&Calendar>) -> SignedDuration {
    if end <= start {
        return SignedDuration::ZERO;
    }
    let Some(calendar) = calendar else {
        return end.duration_since(start);
    };
    let (from, until) = (start.as_microsecond(), end.as_microsecond());
    let last = local_year(calendar, end);
    let mut open = 0;
    for year in local_year(calendar, start)..=last {
        let expanded = calendar.years.get(calendar, year);
        open += expanded.before(until) - expanded.before(from);
        if year == last && expanded.end().is_some_and(|e| e < until) && last < LAST_YEAR {
            // Where clocks fall back across new year, an instant of the old year can lie behind openings of the new.
            let next = calendar.years.get(calendar, last + 1);
            open += next.before(until) - next.before(from);
        }
    }
    SignedDuration::from_micros(open)
}

fn local_year(calendar: &Calendar, at: Timestamp) -> i16 {
    calendar
        .zone
        .to_datetime(at)
        .year()
        .clamp(FIRST_YEAR, LAST_YEAR)
}
