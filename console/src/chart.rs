//! The geometry of the trend chart, in a box that the browser stretches: 10 wide for a day, 100 high.

use std::fmt::Write as _;

use crate::data::Day;
use crate::format::count;

/// Width of a day in the drawing's own units.
const DAY: usize = 10;

/// A bar for the reports of a day, with the text that a pointer over it shows.
#[derive(Debug)]
pub(crate) struct Bar {
    /// Left edge of the day.
    pub(crate) left: usize,
    /// Left edge of the bar.
    pub(crate) x: usize,
    /// Top edge of the bar.
    pub(crate) y: String,
    /// Height of the bar.
    pub(crate) height: String,
    /// What a pointer, or a screen reader, is told.
    pub(crate) title: String,
}

/// A line of the table that says the same as the drawing.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) day: String,
    pub(crate) reported: String,
    pub(crate) resolved: String,
}

/// Everything that the template draws.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) width: usize,
    pub(crate) bars: Vec<Bar>,
    /// The path of the resolved line.
    pub(crate) line: String,
    /// Labels of the vertical axis, from the top.
    pub(crate) scale: [String; 3],
    /// Labels under the first, the middle and the last day.
    pub(crate) under: [String; 3],
    pub(crate) table: Vec<Line>,
}

impl Chart {
    /// Draws the days; `None` when there is nothing to draw.
    pub(crate) fn of(days: &[Day]) -> Option<Self> {
        let (first, last) = (days.first()?, days.last()?);
        let most = days.iter().map(|d| d.reported.max(d.resolved)).max()?;
        if most == 0 {
            return None;
        }
        let top = round_up(most);
        let height = |n: u64| 100.0 * share(n, top);
        let bars = days
            .iter()
            .enumerate()
            .map(|(i, day)| Bar {
                left: i * DAY,
                x: i * DAY + 2,
                y: format!("{:.2}", 100.0 - height(day.reported)),
                height: format!("{:.2}", height(day.reported)),
                title: format!(
                    "{}: {} reported, {} resolved",
                    day.day.strftime("%a %-d %b"),
                    count(day.reported),
                    count(day.resolved)
                ),
            })
            .collect();
        let mut line = String::new();
        for (i, day) in days.iter().enumerate() {
            let start = if i == 0 { 'M' } else { 'L' };
            let (x, y) = (i * DAY + DAY / 2, 100.0 - height(day.resolved));
            write!(line, "{start}{x} {y:.2}").expect("writing to a string does not fail");
        }
        let table = days
            .iter()
            .rev()
            .map(|day| Line {
                day: day.day.strftime("%a %-d %b").to_string(),
                reported: count(day.reported),
                resolved: count(day.resolved),
            })
            .collect();
        let date = |day: &Day| day.day.strftime("%-d %b").to_string();
        Some(Self {
            width: days.len() * DAY,
            bars,
            line,
            scale: [count(top), count(top / 2), count(0)],
            under: [date(first), date(&days[days.len() / 2]), date(last)],
            table,
        })
    }
}

/// `part` of `whole`, 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "a drawing has fewer points than a double has digits"
)]
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// The next even number that reads well on an axis: 1, 2, 3, 4, 5, 6 or 8 times a power of ten, at least 2.
fn round_up(n: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [1, 2, 3, 4, 5, 6, 8] {
            let candidate = power.saturating_mul(step);
            if candidate >= n && candidate.is_multiple_of(2) {
                return candidate;
            }
        }
        let Some(next) = power.checked_mul(10) else {
            return n;
        };
        power = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i8, reported: u64, resolved: u64) -> Day {
        Day {
            day: jiff::civil::date(2026, 3, n),
            reported,
            resolved,
        }
    }

    #[test]
    fn the_highest_value_fits_and_the_axis_reads_well() {
        assert_eq!(
            [1, 3, 7, 11, 48, 61, 950].map(round_up),
            [2, 4, 8, 20, 50, 80, 1_000]
        );
        let chart = Chart::of(&[day(1, 10, 0), day(2, 0, 20)]).unwrap();
        assert_eq!(chart.scale, ["20", "10", "0"]);
        assert_eq!(
            (&*chart.bars[0].y, &*chart.bars[0].height),
            ("50.00", "50.00")
        );
        assert_eq!(chart.line, "M5 100.00L15 0.00");
    }

    #[test]
    fn nothing_is_drawn_without_a_value() {
        assert!(Chart::of(&[]).is_none());
        assert!(Chart::of(&[day(1, 0, 0)]).is_none());
    }
}
