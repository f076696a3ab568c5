//! What a text alone says about being spam.
//!
//! The rest of a spam score (repeats, bans, forms, bounds, trust) needs a memory and is added elsewhere.

use super::classify::Lexicon;
use super::text::Tokens;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// From this score on a report is held for a moderator.
pub const HELD: i32 = 60;
/// From this score on a report is rejected.
pub const REJECTED: i32 = 100;

/// More links than this are too many.
const FEW_LINKS: usize = 3;
/// More letters than this in capitals only are shouting.
const CALM_LETTERS: usize = 40;
/// Fewer letters than this may be abbreviations and pass without a vowel.
const GIBBERISH_LETTERS: usize = 8;
/// A single word of one sign counts as a repetition from this length on.
const REPEATED_SIGNS: usize = 4;

/// Endings by which a bare host name is taken for a link.
const LINK_ENDINGS: [&str; 14] = [
    "biz", "click", "com", "info", "io", "link", "net", "online", "org", "ru", "shop", "site",
    "top", "xyz",
];

static ABUSE: LazyLock<Lexicon<()>> = LazyLock::new(|| {
    let words: Vec<String> = serde_json::from_str(include_str!("../../packs/abuse_en.json"))
        .expect("the shipped pack is tested");
    Lexicon::new(words.iter().map(|word| (word.as_str(), ())))
});

/// One thing about a text that raised its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpamReason {
    /// More than three links.
    ManyLinks,
    /// A link from an anonymous sender.
    AnonymousLink,
    /// Punctuation only, one word over and over, or letters without any vowel.
    Gibberish,
    /// A word or phrase of the abuse pack.
    AbusiveWord,
    /// More than forty letters, all capitals.
    AllCapitals,
}

impl SpamReason {
    /// What it adds to the score.
    pub const fn points(self) -> i32 {
        match self {
            Self::ManyLinks | Self::Gibberish => 40,
            Self::AnonymousLink => 15,
            Self::AbusiveWord => 20,
            Self::AllCapitals => 5,
        }
    }

    /// The word used in JSON, in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ManyLinks => "many_links",
            Self::AnonymousLink => "anonymous_link",
            Self::Gibberish => "gibberish",
            Self::AbusiveWord => "abusive_word",
            Self::AllCapitals => "all_capitals",
        }
    }
}

/// Who sent a text, as far as links are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Nobody we know.
    Anonymous,
    /// Someone with a key or a token.
    Known,
}

/// A text's part of the spam score.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSpam {
    /// The sum of the reasons' points.
    pub score: i32,
    /// Why, in the order of [`SpamReason`].
    pub reasons: Vec<SpamReason>,
}

/// Scores `text` by what it says; each reason counts once.
pub fn text_spam(text: &str, sender: Sender) -> TextSpam {
    let links = text.split_whitespace().map(links_in).sum::<usize>();
    let tokens = Tokens::new(text);
    let mut abusive = false;
    ABUSE.scan(&tokens, |(), _, _| abusive = true);
    let reasons: Vec<SpamReason> = [
        (links > FEW_LINKS, SpamReason::ManyLinks),
        (
            links > 0 && sender == Sender::Anonymous,
            SpamReason::AnonymousLink,
        ),
        (is_gibberish(text, &tokens), SpamReason::Gibberish),
        (abusive, SpamReason::AbusiveWord),
        (is_shouted(text), SpamReason::AllCapitals),
    ]
    .into_iter()
    .filter_map(|(applies, reason)| applies.then_some(reason))
    .collect();
    TextSpam {
        score: reasons.iter().map(|reason| reason.points()).sum(),
        reasons,
    }
}

/// Links in a word without white space: each `http://`, `https://` or `ftp://`, else one for `www.` or a host name.
fn links_in(word: &str) -> usize {
    let lower = word.to_ascii_lowercase();
    let schemes = lower.matches("http://").count()
        + lower.matches("https://").count()
        + lower.matches("ftp://").count();
    if schemes > 0 {
        return schemes;
    }
    usize::from(!lower.contains('@') && (lower.contains("www.") || is_host(&lower)))
}

fn is_host(word: &str) -> bool {
    let host = word
        .trim_start_matches(|c: char| !c.is_alphanumeric())
        .split(['/', '?', '#', ':'])
        .next()
        .unwrap_or_default()
        .trim_end_matches(|c: char| !c.is_alphanumeric());
    host.rsplit_once('.').is_some_and(|(name, ending)| {
        LINK_ENDINGS.contains(&ending)
            && name.len() >= 2
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    })
}

fn is_gibberish(text: &str, tokens: &Tokens) -> bool {
    let mut words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase);
    let Some(first) = words.next() else {
        return true;
    };
    let mut others = words.peekable();
    let repeated = if others.peek().is_some() {
        others.all(|word| word == first)
    } else {
        first.chars().count() >= REPEATED_SIGNS && is_one_sign(&first)
    };
    repeated || is_without_vowel(text, tokens)
}

fn is_one_sign(word: &str) -> bool {
    let mut signs = word.chars();
    let first = signs.next();
    signs.all(|sign| Some(sign) == first)
}

/// Judged only where folding keeps every letter: other scripts have other vowels, or none.
fn is_without_vowel(text: &str, tokens: &Tokens) -> bool {
    let letters = tokens
        .line()
        .iter()
        .filter(|b| b.is_ascii_lowercase())
        .count();
    let vowel = tokens
        .line()
        .iter()
        .any(|b| matches!(b, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'));
    letters >= GIBBERISH_LETTERS
        && !vowel
        && text.chars().filter(|c| c.is_alphabetic()).count() <= letters
}

fn is_shouted(text: &str) -> bool {
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    capitals > CALM_LETTERS && !text.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reasons(text: &str) -> Vec<SpamReason> {
        text_spam(text, Sender::Known).reasons
    }

    #[test]
    fn plain_reports_score_nothing() {
        for text in [
            "Large pothole on Main St.Comes and goes",
            "Call me: jo@example.com, room 4B",
            "Яма на дороге",
            "道路に大きな穴があります",
            "FIRE IN THE BASEMENT",
            "Strng smll nr blk 7, very bad",
            "Dog poop and crap everywhere",
            "Fight near Scunthorpe station",
        ] {
            assert_eq!(
                text_spam(text, Sender::Anonymous),
                TextSpam::default(),
                "{text}"
            );
        }
    }

    #[test]
    fn links_weigh_by_number_and_sender() {
        use SpamReason::{AnonymousLink, ManyLinks};
        let one = "see https://example.org/a for the photo";
        assert_eq!(reasons(one), []);
        assert_eq!(text_spam(one, Sender::Anonymous).score, 15);
        let three = "http://a.b www.shop.example cheap-pills.com/buy?x=1";
        assert_eq!(reasons(three), []);
        let four = format!("{three} (best.xyz)");
        assert_eq!(reasons(&four), [ManyLinks]);
        let spam = text_spam(&four, Sender::Anonymous);
        assert_eq!(
            (spam.score, spam.reasons),
            (55, vec![ManyLinks, AnonymousLink])
        );
        assert_eq!(reasons("http://a,http://b,http://c,HTTPS://d"), [ManyLinks]);
    }

    #[test]
    fn gibberish_is_punctuation_repetition_or_no_vowel() {
        for text in [
            "?!?!?! ... ---",
            "💩💩💩",
            "spam spam, SPAM!",
            "aaaaaaaaaaaa",
            "яма яма яма",
            "sdfg hjkl qwrt",
        ] {
            assert_eq!(reasons(text), [SpamReason::Gibberish], "{text}");
        }
        for text in [
            "noise, noise, and noise",
            "hm",
            "TV rm 4",
            "asdf qwer",
            "sdfghjkl дом",
        ] {
            assert_eq!(reasons(text), [], "{text}");
        }
    }

    #[test]
    fn abuse_and_shouting_add_up() {
        use SpamReason::{AbusiveWord, AllCapitals};
        let shout = "YOU MORONS NEVER FIX ANYTHING IN THIS WHOLE STREET 123";
        let spam = text_spam(shout, Sender::Known);
        assert_eq!(
            (spam.score, spam.reasons),
            (25, vec![AbusiveWord, AllCapitals])
        );
        assert_eq!(reasons("Go  to HELL already"), [AbusiveWord]);
        assert_eq!(reasons(&"A ".repeat(20).replace(' ', "B")), []);
        assert_eq!(reasons(&format!("{}B C", "AB ".repeat(20))), [AllCapitals]);
    }

    #[test]
    fn reasons_speak_the_words_of_the_database() {
        let spam = text_spam("spam spam", Sender::Known);
        assert_eq!(
            serde_json::to_value(&spam).unwrap(),
            serde_json::json!({"score": 40, "reasons": [SpamReason::Gibberish.as_str()]})
        );
    }

    proptest! {
        #[test]
        fn any_text_has_a_score(text in any::<String>()) {
            let known = text_spam(&text, Sender::Known);
            let anonymous = text_spam(&text, Sender::Anonymous);
            prop_assert!(known.score <= anonymous.score && anonymous.score <= 120);
        }
    }
}
