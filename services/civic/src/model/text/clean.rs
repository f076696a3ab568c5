//! What a submitted text loses before it is checked and stored.

use std::borrow::Cow;

/// `text` without control characters and without white space at its ends.
///
/// Newline and tab stay. Direction overrides and isolates (U+202A to U+202E, U+2066 to U+2069) and the byte order mark
/// go too: they are not control characters by category, but they let a text display as something else than it says.
/// HTML is left as it is, because it is shown as plain text. Borrows when there is nothing to remove.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_removed) {
        return Cow::Borrowed(text.trim());
    }
    let mut kept = String::with_capacity(text.len());
    kept.extend(text.chars().filter(|&c| !is_removed(c)));
    let end = kept.trim_end().len();
    kept.truncate(end);
    let start = kept.len() - kept.trim_start().len();
    kept.drain(..start);
    Cow::Owned(kept)
}

fn is_removed(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_newlines_and_tabs_and_drops_other_controls() {
        assert_eq!(clean("  a\tb\r\nc\u{0}\u{7f}\u{85}d \n"), "a\tb\ncd");
        assert_eq!(clean("<b>bold</b>"), "<b>bold</b>");
        assert_eq!(clean("\u{202e}evil\u{202c}"), "evil");
        assert_eq!(clean("\u{1} x \u{1} "), "x");
    }

    #[test]
    fn borrows_a_text_that_is_clean() {
        assert!(matches!(
            clean(" pothole on Élan Street "),
            Cow::Borrowed("pothole on Élan Street")
        ));
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let once = clean(&text).into_owned();
            prop_assert_eq!(clean(&once), once.as_str());
        }
    }
}
