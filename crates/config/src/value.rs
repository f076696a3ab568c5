//! Values with units: `"250ms"`, `"5s"`, `"1h 30m"`, `"7d"`.

use std::time::Duration;

use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SignedDuration, Span, SpanRelativeTo};

fn parse(text: &str) -> Result<Duration, String> {
    let hint =
        "write a number with its unit, for example \"250ms\", \"5s\", \"2m\", \"1h\" or \"7d\"";
    let span: Span = text
        .parse()
        .map_err(|_unhelpful| format!("`{text}` is not a duration; {hint}"))?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok())
        .ok_or_else(|| {
            format!("`{text}` is not a duration of a fixed length of zero or more; {hint}")
        })
}

fn print(duration: Duration) -> String {
    let printer = SpanPrinter::new()
        .designator(Designator::Compact)
        .spacing(Spacing::BetweenUnits);
    SignedDuration::try_from(duration).map_or_else(
        |_too_long| format!("{}s", duration.as_secs()),
        |d| printer.duration_to_string(&d),
    )
}

/// For `#[serde(with = "brisk_config::duration")]` on a [`Duration`].
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `5s`.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::print(*duration))
    }

    /// Reads `5s`; a bare number has no unit and is refused.
    ///
    /// # Errors
    ///
    /// A text that is not a duration of zero or more.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// For `#[serde(with = "brisk_config::optional_duration", default)]` on an `Option<Duration>`.
pub mod optional_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `5s` or null.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_str(&super::print(*duration)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `5s` or null.
    ///
    /// # Errors
    ///
    /// A text that is not a duration of zero or more.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| super::parse(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_with_their_unit() {
        assert_eq!(parse("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(parse("1h 30m").unwrap(), Duration::from_mins(90));
        assert_eq!(parse("7d").unwrap(), Duration::from_hours(168));
        for text in ["5s", "250ms", "1h 30m"] {
            assert_eq!(print(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn a_bare_number_a_negative_and_a_month_are_refused() {
        for text in ["5", "-5s", "1mo", "soon", ""] {
            assert!(parse(text).unwrap_err().contains("250ms"), "{text}");
        }
    }
}
