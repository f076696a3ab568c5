//! The first sentence of a report, short enough for a list.

/// The longest summary, in characters.
pub const SUMMARY_CHARS: usize = 140;

/// Words whose full stop does not end a sentence when a small letter or a digit follows.
const ABBREVIATIONS: [&str; 14] = [
    "st", "ave", "rd", "blvd", "dr", "no", "nr", "apt", "bldg", "approx", "mr", "mrs", "ms", "vs",
];

/// The first sentence of `text`, at most `max_chars` characters, cut after a whole word.
///
/// A sentence ends with `.`, `!` or `?` before white space or the end, or with a line break; the mark stays. White
/// space inside is collapsed. A single word longer than the limit is cut inside.
pub fn first_sentence(text: &str, max_chars: usize) -> String {
    let text = text.trim();
    let mut summary = String::with_capacity(text.len().min(max_chars * 2));
    let mut chars = 0;
    for word in sentence(text).split_whitespace() {
        let length = word.chars().count();
        let gap = usize::from(!summary.is_empty());
        if chars + gap + length > max_chars {
            if summary.is_empty() {
                summary.extend(word.chars().take(max_chars));
            }
            break;
        }
        if gap == 1 {
            summary.push(' ');
        }
        summary.push_str(word);
        chars += gap + length;
    }
    summary
}

fn sentence(text: &str) -> &str {
    for (at, c) in text.char_indices() {
        let end = match c {
            '\n' => at,
            '.' | '!' | '?' => at + 1,
            _ => continue,
        };
        let rest = &text[end..];
        let ends = c == '\n' || rest.chars().next().is_none_or(char::is_whitespace);
        if ends && !(c == '.' && is_abbreviated(&text[..at], rest)) {
            return &text[..end];
        }
    }
    text
}

fn is_abbreviated(before: &str, after: &str) -> bool {
    let word = before
        .rsplit(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let next = after.trim_start_matches([' ', '\t']).chars().next();
    next.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit())
        && ABBREVIATIONS
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stops_at_the_first_sentence() {
        for (text, expected) in [
            ("Pothole on Main. It is deep.", "Pothole on Main."),
            ("Help!! Fire at no. 7", "Help!!"),
            (
                "Hole at 5th St. near the bank. Big.",
                "Hole at 5th St. near the bank.",
            ),
            ("the lift is broken. please fix", "the lift is broken."),
            ("Version 2.5 failed\nsecond line", "Version 2.5 failed"),
            ("  \n ", ""),
        ] {
            assert_eq!(first_sentence(text, SUMMARY_CHARS), expected);
        }
    }

    #[test]
    fn cuts_after_a_whole_word() {
        assert_eq!(first_sentence("alpha beta gamma", 11), "alpha beta");
        assert_eq!(first_sentence("alpha beta gamma", 10), "alpha beta");
        assert_eq!(first_sentence("alpha beta gamma", 9), "alpha");
        assert_eq!(first_sentence("äöüäöü", 3), "äöü");
    }

    proptest! {
        #[test]
        fn never_exceeds_the_limit(text in any::<String>(), max in 1_usize..200) {
            let summary = first_sentence(&text, max);
            prop_assert!(summary.chars().count() <= max);
            prop_assert_eq!(summary.is_empty(), text.trim().is_empty());
        }
    }
}
