//! Times as the layouts write them, and the instants that they mean.
//!
//! A time without offset is a wall clock in the tenant's zone. Where that clock showed it twice, the reading is
//! chosen that keeps open <= closed, else the earlier; where it never showed it, the first instant after the gap.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// How a layout writes its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// ISO 8601; an offset counts.
    Iso,
    /// ISO 8601; an offset is there but wrong, the clock reading is local.
    IsoWall,
    /// ISO 8601, or month/day/year with a 12-hour or 24-hour clock.
    American,
}

/// A time that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    At(Timestamp),
    Wall(DateTime),
}

impl Reading {
    /// The time in `text`; `None` when it is none, or not within 1970 to 2199.
    pub(super) fn parse(text: &str, style: Style) -> Option<Self> {
        let reading = if style == Style::American && text.contains('/') {
            Self::Wall(american(text)?)
        } else {
            let offset = offset_at(text);
            match offset {
                Some(_) if style != Style::IsoWall => Self::At(text.parse().ok()?),
                at => Self::Wall(text[..at.unwrap_or(text.len())].trim_end().parse().ok()?),
            }
        };
        let year = match reading {
            Self::At(at) => at.to_zoned(TimeZone::UTC).year(),
            Self::Wall(wall) => wall.year(),
        };
        (1970..2200).contains(&year).then_some(reading)
    }

    /// The earliest and the latest instant that it can mean; `None` outside of what can be represented.
    fn instants(self, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let wall = match self {
            Self::At(at) => return Some((at, at)),
            Self::Wall(wall) => wall,
        };
        match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let at = offset.to_timestamp(wall).ok()?;
                Some((at, at))
            }
            AmbiguousOffset::Fold { before, after } => Some((
                before.to_timestamp(wall).ok()?,
                after.to_timestamp(wall).ok()?,
            )),
            AmbiguousOffset::Gap { after, .. } => {
                let inside = after
                    .to_timestamp(wall)
                    .ok()?
                    .checked_sub(SignedDuration::from_nanos(1))
                    .ok()?;
                let end = zone.following(inside).next()?.timestamp();
                Some((end, end))
            }
        }
    }
}

/// The instants of one row, chosen together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instants {
    pub(super) opened: Timestamp,
    pub(super) due: Option<Timestamp>,
    pub(super) closed: Option<Timestamp>,
}

impl Instants {
    pub(super) fn choose(
        opened: Reading,
        due: Option<Reading>,
        closed: Option<Reading>,
        zone: &TimeZone,
    ) -> Option<Self> {
        let (opened, _) = opened.instants(zone)?;
        let not_before_opening = |reading: Option<Reading>| match reading {
            None => Some(None),
            Some(reading) => {
                let (early, late) = reading.instants(zone)?;
                Some(Some(if early < opened && opened <= late {
                    late
                } else {
                    early
                }))
            }
        };
        Some(Self {
            opened,
            due: not_before_opening(due)?,
            closed: not_before_opening(closed)?,
        })
    }
}

/// Where the offset begins in an ISO time.
fn offset_at(text: &str) -> Option<usize> {
    let time = text.find(['T', 't', ' '])?;
    text[time..].find(['+', '-', 'Z', 'z']).map(|at| time + at)
}

fn american(text: &str) -> Option<DateTime> {
    let half = text.len() > 2 && text.as_bytes()[text.len() - 1].eq_ignore_ascii_case(&b'm');
    let forms: &[&str] = if half {
        &["%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p"]
    } else {
        &["%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M"]
    };
    forms
        .iter()
        .find_map(|form| DateTime::strptime(form, text).ok())
        .or_else(|| {
            let date = jiff::civil::Date::strptime("%m/%d/%Y", text).ok()?;
            Some(date.at(0, 0, 0, 0))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boston() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn wall(text: &str) -> Reading {
        Reading::parse(text, Style::Iso).unwrap()
    }

    fn chosen(opened: &str, due: Option<&str>, closed: Option<&str>) -> Instants {
        Instants::choose(wall(opened), due.map(wall), closed.map(wall), &boston()).unwrap()
    }

    #[test]
    fn the_styles_are_read() {
        for (text, style, expected) in [
            ("2011-07-01 01:32:33", Style::Iso, "2011-07-01T05:32:33Z"),
            (
                "2011-07-01T01:32:33.25",
                Style::Iso,
                "2011-07-01T05:32:33.25Z",
            ),
            (
                "2026-08-05 17:29:53.34+00",
                Style::Iso,
                "2026-08-05T17:29:53.34Z",
            ),
            (
                "2026-08-05T17:29:53-07:00",
                Style::Iso,
                "2026-08-06T00:29:53Z",
            ),
            ("2026-08-05T17:29:53Z", Style::Iso, "2026-08-05T17:29:53Z"),
            (
                "2026-08-05 17:29:53.34+00",
                Style::IsoWall,
                "2026-08-05T21:29:53.34Z",
            ),
            (
                "05/01/2022 12:00:03 AM",
                Style::American,
                "2022-05-01T04:00:03Z",
            ),
            (
                "05/01/2022 12:07:46 PM",
                Style::American,
                "2022-05-01T16:07:46Z",
            ),
            ("5/1/2022 13:07", Style::American, "2022-05-01T17:07:00Z"),
            ("05/01/2022", Style::American, "2022-05-01T04:00:00Z"),
            (
                "2022-05-01T00:00:03.000",
                Style::American,
                "2022-05-01T04:00:03Z",
            ),
            ("2022-05-01", Style::Iso, "2022-05-01T04:00:00Z"),
        ] {
            let reading = Reading::parse(text, style).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                reading.instants(&boston()).unwrap().0,
                at(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "NA",
            "yesterday",
            "2011-02-30 00:00:00",
            "05/01/2022",
            "1900-01-01",
            "2011-07-01 25:00:00",
        ] {
            assert_eq!(Reading::parse(text, Style::Iso), None, "{text}");
        }
        assert_eq!(
            Reading::parse("13/01/2022 01:00:00 PM", Style::American),
            None
        );
    }

    #[test]
    fn a_repeated_hour_is_read_so_that_closing_follows_opening() {
        let row = chosen("2011-11-06 01:50:00", None, Some("2011-11-06 01:30:00"));
        assert_eq!(row.opened, at("2011-11-06T05:50:00Z"));
        assert_eq!(row.closed, Some(at("2011-11-06T06:30:00Z")));
        let row = chosen(
            "2011-11-06 01:10:00",
            Some("2011-11-06 01:40:00"),
            Some("2011-11-06 01:30:00"),
        );
        assert_eq!(row.closed, Some(at("2011-11-06T05:30:00Z")));
        assert_eq!(row.due, Some(at("2011-11-06T05:40:00Z")));
    }

    #[test]
    fn a_closing_that_precedes_opening_either_way_takes_the_earlier_reading() {
        let row = chosen("2011-11-06 09:00:00", None, Some("2011-11-06 01:30:00"));
        assert_eq!(row.closed, Some(at("2011-11-06T05:30:00Z")));
    }

    #[test]
    fn a_skipped_wall_time_moves_to_the_first_instant_after_the_gap() {
        for text in [
            "2012-03-11 02:00:00",
            "2012-03-11 02:30:00",
            "2012-03-11 02:59:59",
        ] {
            assert_eq!(
                chosen(text, None, None).opened,
                at("2012-03-11T07:00:00Z"),
                "{text}"
            );
        }
        assert_eq!(
            chosen("2012-03-11 03:00:00", None, None).opened,
            at("2012-03-11T07:00:00Z")
        );
    }
}
