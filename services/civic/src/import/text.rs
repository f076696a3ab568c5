//! Small repairs of text.

use std::borrow::Cow;

/// Control characters removed except new line and tab; trimmed.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let unwanted = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(unwanted) {
        let kept: String = text.chars().filter(|c| !unwanted(*c)).collect();
        Cow::Owned(kept.trim().to_owned())
    } else {
        Cow::Borrowed(text)
    }
}

/// Cleaned, on one line, with single spaces.
pub(super) fn one_line(text: &str) -> String {
    let text = clean(text);
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Adds `part` after `: ` unless the text holds it already.
pub(super) fn join(text: &mut String, part: &str) {
    if part.is_empty() || text.to_lowercase().contains(&part.to_lowercase()) {
        return;
    }
    if !text.is_empty() {
        text.push_str(": ");
    }
    text.push_str(part);
}

/// A US postal code that lost its leading zero or became a decimal number, as five digits; others unchanged.
pub(super) fn zip(text: &str) -> Cow<'_, str> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    if (3..5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        Cow::Owned(format!("{digits:0>5}"))
    } else if digits.len() == 5 {
        Cow::Borrowed(digits)
    } else {
        Cow::Borrowed(text)
    }
}

/// At most the first `count` characters.
pub(super) fn head(text: &str, count: usize) -> &str {
    text.char_indices()
        .nth(count)
        .map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go_and_line_ends_stay() {
        assert_eq!(clean(" a\u{7}b\tc\nd\u{0} "), "ab\tc\nd");
        assert_eq!(one_line(" Mattapan  MA\n 02126 "), "Mattapan MA 02126");
    }

    #[test]
    fn postal_codes_get_their_zero_back() {
        for (from, to) in [
            ("2128", "02128"),
            ("2215.0", "02215"),
            ("02131", "02131"),
            ("10452", "10452"),
            ("K1A 0B1", "K1A 0B1"),
        ] {
            assert_eq!(zip(from), to);
        }
    }

    #[test]
    fn a_part_that_is_there_already_is_not_repeated() {
        let mut text = "Noise".to_owned();
        join(&mut text, "noise");
        join(&mut text, "");
        join(&mut text, "Loud party");
        assert_eq!(text, "Noise: Loud party");
    }
}
