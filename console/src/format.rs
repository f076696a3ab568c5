//! Numbers, times and words as people read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `12,480`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `92%`; rounded down above 99 so that 100% means all.
pub(crate) fn percent(share: f64) -> String {
    let value = share.clamp(0.0, 1.0) * 100.0;
    if value > 99.0 {
        format!("{}%", value.floor())
    } else {
        format!("{value:.0}%")
    }
}

/// `40 min`, `18.5 h`, `3.2 days`.
pub(crate) fn hours(hours: f64) -> String {
    if hours < 1.0 {
        format!("{:.0} min", hours * 60.0)
    } else if hours < 48.0 {
        format!("{hours:.1} h")
    } else {
        format!("{:.1} days", hours / 24.0)
    }
}

/// `0.42 ms`, `18 ms`, `1.2 s`.
pub(crate) fn elapsed(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1_000.0;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1_000.0)
    }
}

/// `just now`, `5 min ago`, `3 h ago`, `yesterday`, `6 days ago`, then the date.
pub(crate) fn relative(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let seconds = now.as_second() - at.as_second();
    let local = at.to_zoned(zone.clone());
    let today = now.to_zoned(zone.clone()).date();
    let days = local
        .date()
        .until(today)
        .map_or(i32::MAX, |span| span.get_days());
    match (seconds, days) {
        (..60, _) => "just now".to_owned(),
        (60..3_600, _) => format!("{} min ago", seconds / 60),
        (_, 0) | (3_600..21_600, _) => format!("{} h ago", seconds / 3_600),
        (_, 1) => "yesterday".to_owned(),
        (_, 2..=13) => format!("{days} days ago"),
        _ if local.year() == today.year() => local.strftime("%-d %b").to_string(),
        _ => local.strftime("%-d %b %Y").to_string(),
    }
}

/// `Sat 21 Nov 2026, 08:32 EST`.
pub(crate) fn exact(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone())
        .strftime("%a %-d %b %Y, %H:%M %Z")
        .to_string()
}

/// A word of the API as a label: `in-progress` becomes `In progress`.
pub(crate) fn label(word: &str) -> String {
    let spaced = word.replace(['_', '-'], " ");
    let mut chars = spaced.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_shares_are_honest() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.0, 0.924, 0.9961, 1.0].map(percent),
            ["0%", "92%", "99%", "100%"]
        );
        assert_eq!(
            [0.5, 18.46, 76.8].map(hours),
            ["30 min", "18.5 h", "3.2 days"]
        );
    }

    #[test]
    fn relative_times_follow_the_local_day() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let now: Timestamp = "2026-03-08T14:00:00Z".parse().unwrap();
        let of = |text: &str| relative(text.parse().unwrap(), now, &zone);
        assert_eq!(of("2026-03-08T13:59:30Z"), "just now");
        assert_eq!(of("2026-03-08T14:00:30Z"), "just now");
        assert_eq!(of("2026-03-08T13:20:00Z"), "40 min ago");
        assert_eq!(of("2026-03-08T05:30:00Z"), "8 h ago");
        // 23:30 on the evening before, local time.
        assert_eq!(of("2026-03-08T04:30:00Z"), "yesterday");
        assert_eq!(of("2026-03-01T12:00:00Z"), "7 days ago");
        assert_eq!(of("2026-01-05T12:00:00Z"), "5 Jan");
        assert_eq!(of("2025-12-31T12:00:00Z"), "31 Dec 2025");
        assert_eq!(exact(now, &zone), "Sun 8 Mar 2026, 10:00 EDT");
    }

    #[test]
    fn words_of_the_api_become_labels() {
        assert_eq!(label("in-progress"), "In progress");
        assert_eq!(label("street_light"), "Street light");
        assert_eq!(label(""), "");
    }
}
