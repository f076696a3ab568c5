//! One spelling for places that people write in many.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// `location` in the spelling used for comparing and for look-ups.
///
/// Lower-case without diacritics, words separated by one space, common street words and compass points abbreviated as
/// whole words ("Broadway" keeps its "road"), `and`, `at` and `@` written `&`, other punctuation gone: full stops and
/// apostrophes without a trace, the rest as a separation. Normalising twice changes nothing.
pub fn normalise_location(location: &str) -> String {
    let mut out = String::with_capacity(location.len());
    let mut word = String::new();
    let mut digit_before = false;
    let mut chars = location
        .nfkd()
        .filter(|&c| canonical_combining_class(c) == 0)
        .flat_map(char::to_lowercase)
        .filter(|&c| canonical_combining_class(c) == 0)
        .peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_alphanumeric() => word.push(c),
            '\'' | '\u{2019}' | '\u{2bc}' => {}
            '.' if !(digit_before && chars.peek().is_some_and(char::is_ascii_digit)) => {}
            '&' | '@' => {
                push_word(&mut out, &mut word);
                push_joined(&mut out, "&");
            }
            _ => push_word(&mut out, &mut word),
        }
        digit_before = c.is_ascii_digit();
    }
    push_word(&mut out, &mut word);
    out
}

fn push_word(out: &mut String, word: &mut String) {
    if !word.is_empty() {
        push_joined(out, abbreviated(word));
        word.clear();
    }
}

fn push_joined(out: &mut String, word: &str) {
    if word == "&" && out.ends_with('&') {
        return;
    }
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(word);
}

fn abbreviated(word: &str) -> &str {
    match word {
        "street" => "st",
        "avenue" => "ave",
        "road" => "rd",
        "boulevard" => "blvd",
        "drive" => "dr",
        "lane" => "ln",
        "square" => "sq",
        "place" => "pl",
        "highway" => "hwy",
        "north" => "n",
        "south" => "s",
        "east" => "e",
        "west" => "w",
        "and" | "at" => "&",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn abbreviates_whole_words_only() {
        for (text, expected) in [
            ("  Main   Street and 1st Avenue ", "main st & 1st ave"),
            ("Main St. @ 1st Ave.", "main st & 1st ave"),
            ("Main St & 1st Ave", "main st & 1st ave"),
            ("Broadway", "broadway"),
            ("12 Northgate Road, East", "12 northgate rd e"),
            ("St. Mary's Square!", "st marys sq"),
            ("Café-Lane/Highway 4.5", "cafe ln hwy 4 5"),
            ("street!", "st"),
            ("", ""),
        ] {
            assert_eq!(normalise_location(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in any::<String>()) {
            let once = normalise_location(&text);
            prop_assert_eq!(normalise_location(&once), once);
        }

        #[test]
        fn address_like_texts_are_stable(text in "(?i)[ .'&@,0-9]{0,3}(street|and|at|north|4b|é|ǅ|İ|road)[ .'&@,0-9]{0,4}(lane|at|@)?") {
            let once = normalise_location(&text);
            prop_assert_eq!(normalise_location(&once), once);
        }
    }
}
