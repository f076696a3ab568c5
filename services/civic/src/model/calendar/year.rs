//! One local year of a calendar as instants, and the bounded set of years that a calendar keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::definition::Calendar;

/// Years kept for one calendar. Live issues touch two or three; imports of old records walk through more.
/// A year of two openings a day takes 18 kB.
const KEPT_YEARS: usize = 16;

/// The years that can be expanded; outside of them a calendar counts as closed.
pub(super) const FIRST_YEAR: i16 = 1;
pub(super) const LAST_YEAR: i16 = 9_998;

/// One opening in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: i64,
    end: i64,
    /// Open microseconds of the same year before `start`.
    before: i64,
}

/// The openings that belong to the local dates of one year.
#[derive(Debug)]
pub(super) struct Year {
    opens: Vec<Open>,
    total: i64,
}

impl Year {
    fn expand(calendar: &Calendar, year: i16) -> Self {
        let mut opens: Vec<Open> = Vec::new();
        let mut total = 0;
        if (FIRST_YEAR..=LAST_YEAR).contains(&year) {
            let last = date(year, 12, 31);
            let mut day = date(year, 1, 1);
            loop {
                for [from, until] in calendar.openings(day) {
                    let start = instant(&calendar.zone, day, *from);
                    let end = instant(&calendar.zone, day, *until);
                    if start < end {
                        opens.push(Open {
                            start,
                            end,
                            before: total,
                        });
                        total += end - start;
                    }
                }
                if day == last {
                    break;
                }
                day = day.tomorrow().expect("the year is far from the last one");
            }
        }
        Self { opens, total }
    }

    /// Open microseconds of the whole year.
    pub(super) fn total(&self) -> i64 {
        self.total
    }

    /// Open microseconds of this year before the instant `at`.
    pub(super) fn before(&self, at: i64) -> i64 {
        let next = self.opens.partition_point(|o| o.start < at);
        match next.checked_sub(1).map(|i| self.opens[i]) {
            Some(open) => open.before + at.min(open.end) - open.start,
            None => 0,
        }
    }

    /// The earliest instant before which `used` open microseconds of this year have passed; `used` in `1..=total`.
    pub(super) fn at(&self, used: i64) -> Option<i64> {
        let next = self.opens.partition_point(|o| o.before < used);
        let open = self.opens.get(next.checked_sub(1)?)?;
        Some(open.start + used - open.before)
    }

    /// The end of the year's last opening.
    pub(super) fn end(&self) -> Option<i64> {
        self.opens.last().map(|o| o.end)
    }
}

/// The expanded years of one calendar.
#[derive(Debug, Default)]
pub(super) struct Years(RwLock<BTreeMap<i16, Arc<Year>>>);

impl Years {
    pub(super) fn get(&self, calendar: &Calendar, year: i16) -> Arc<Year> {
        // A panic while the lock is held leaves the map whole, so its poison is ignored.
        if let Some(found) = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&year)
        {
            return Arc::clone(found);
        }
        let expanded = Arc::new(Year::expand(calendar, year));
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_YEARS {
            // Work is close to the present; the year furthest from this one is the least likely to be asked again.
            let furthest = kept.keys().copied().max_by_key(|y| y.abs_diff(year));
            furthest.map(|y| kept.remove(&y));
        }
        kept.insert(year, Arc::clone(&expanded));
        expanded
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Open microseconds of one local date.
pub(super) fn open_micros(calendar: &Calendar, day: Date) -> i64 {
    let zone = &calendar.zone;
    let length = |[from, until]: &[u16; 2]| instant(zone, day, *until) - instant(zone, day, *from);
    calendar.openings(day).iter().map(length).sum()
}

/// The instant of a local wall time, in microseconds.
///
/// A time that a clock change skips is the first valid instant after it; one that happens twice is the earlier.
/// So later wall times are never earlier instants, and the openings of a year stay in order.
fn instant(zone: &TimeZone, day: Date, minute: u16) -> i64 {
    let (day, minute) = match minute {
        1_440 => (day.tomorrow().unwrap_or(day), 0),
        minute => (day, minute),
    };
    let part = |n: u16| i8::try_from(n).expect("hours and minutes are below 60");
    let wall = day.at(part(minute / 60), part(minute % 60), 0, 0);
    let offset = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the offset after the change, a skipped time lies just before the change.
            let early = after.to_timestamp(wall).ok();
            let change = early
                .and_then(|t| zone.following(t).next())
                .map(|c| c.timestamp());
            return change.or(early).map_or(0, Timestamp::as_microsecond);
        }
    };
    offset
        .to_timestamp(wall)
        .map_or(0, Timestamp::as_microsecond)
}
