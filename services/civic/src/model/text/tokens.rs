//! Folding a text into ASCII tokens and their stems, without an allocation per token.

use super::stem::stem_parts;
use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// A text's tokens in order, each with its stem.
///
/// The text is decomposed (NFKD), loses its combining marks and is lower-cased; an apostrophe, straight or typographic,
/// between two word characters vanishes; what remains in runs of `a-z` and `0-9` are the tokens. All tokens live in
/// one buffer and all stems in another.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// A space, then each token followed by a space: also the string whose trigrams are compared.
    line: Vec<u8>,
    stems: Vec<u8>,
    spans: SmallVec<[Span; 32]>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    token: (u32, u32),
    stem: (u32, u32),
}

impl Tokens {
    /// Folds and splits `text`; of any length and any script, though letters outside `a-z` after folding separate.
    pub fn new(text: &str) -> Self {
        let mut tokens = Self {
            line: Vec::with_capacity(text.len() + 2),
            stems: Vec::with_capacity(text.len() + 2),
            spans: SmallVec::new(),
        };
        tokens.line.push(b' ');
        let mut splitter = Splitter {
            tokens: &mut tokens,
            start: 1,
            held_apostrophe: false,
        };
        if text.is_ascii() {
            for byte in text.bytes() {
                splitter.push(byte);
            }
        } else {
            for c in text.nfkd() {
                splitter.push_char(c);
            }
        }
        splitter.end_token();
        tokens
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the text held no token at all.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The token at `index`, as folded.
    ///
    /// # Panics
    ///
    /// When `index` is not below [`Self::len`].
    pub fn token(&self, index: usize) -> &str {
        ascii(&self.line, self.spans[index].token)
    }

    /// The stem of the token at `index`.
    ///
    /// # Panics
    ///
    /// When `index` is not below [`Self::len`].
    pub fn stem(&self, index: usize) -> &str {
        ascii(&self.stems, self.spans[index].stem)
    }

    /// All tokens in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.spans.iter().map(|span| ascii(&self.line, span.token))
    }

    /// All stems in order.
    pub fn stems(&self) -> impl ExactSizeIterator<Item = &str> {
        self.spans.iter().map(|span| ascii(&self.stems, span.stem))
    }

    /// The tokens joined by one space, with a space at each end; a lone space when there is none.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

fn ascii(buffer: &[u8], (from, to): (u32, u32)) -> &str {
    std::str::from_utf8(&buffer[from as usize..to as usize]).expect("tokens are ASCII")
}

struct Splitter<'a> {
    tokens: &'a mut Tokens,
    start: usize,
    /// An apostrophe after a word character: it vanishes before another one and separates before anything else.
    held_apostrophe: bool,
}

impl Splitter<'_> {
    fn push(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.held_apostrophe = false;
            self.tokens.line.push(byte.to_ascii_lowercase());
        } else if byte == b'\'' && self.in_token() && !self.held_apostrophe {
            self.held_apostrophe = true;
        } else {
            self.end_token();
        }
    }

    fn push_char(&mut self, c: char) {
        match c {
            '\u{2019}' | '\u{2bc}' => self.push(b'\''),
            c if c.is_ascii() => self.push(u8::try_from(c).expect("checked to be ASCII")),
            c if canonical_combining_class(c) != 0 => {}
            _ => self.end_token(),
        }
    }

    fn in_token(&self) -> bool {
        self.tokens.line.len() > self.start
    }

    fn end_token(&mut self) {
        self.held_apostrophe = false;
        if !self.in_token() {
            return;
        }
        let tokens = &mut *self.tokens;
        let span = (offset(self.start), offset(tokens.line.len()));
        let stem_start = tokens.stems.len();
        let (rest, y) = stem_parts(ascii(&tokens.line, span));
        tokens.stems.extend_from_slice(rest.as_bytes());
        if y {
            tokens.stems.push(b'y');
        }
        tokens.spans.push(Span {
            token: span,
            stem: (offset(stem_start), offset(tokens.stems.len())),
        });
        tokens.line.push(b' ');
        self.start = tokens.line.len();
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a text of a report is far below 4 GiB")
}

/// Whether a folded token says too little to compare texts by.
pub fn is_stop_word(token: &str) -> bool {
    matches!(
        token,
        "a" | "an"
            | "and"
            | "are"
            | "as"
            | "at"
            | "be"
            | "been"
            | "but"
            | "by"
            | "for"
            | "from"
            | "had"
            | "has"
            | "have"
            | "i"
            | "in"
            | "is"
            | "it"
            | "its"
            | "my"
            | "of"
            | "on"
            | "or"
            | "our"
            | "so"
            | "that"
            | "the"
            | "them"
            | "their"
            | "there"
            | "they"
            | "this"
            | "to"
            | "was"
            | "we"
            | "were"
            | "will"
            | "with"
            | "you"
            | "your"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<String> {
        Tokens::new(text).iter().map(str::to_owned).collect()
    }

    #[test]
    fn folds_marks_case_and_apostrophes() {
        assert_eq!(
            split("Café isn’t OPEN, 4B!"),
            ["cafe", "isnt", "open", "4b"]
        );
        assert_eq!(
            split("Neighbor's 'dog' o''clock"),
            ["neighbors", "dog", "o", "clock"]
        );
        assert_eq!(split("ﬁre ２４ Ⅳ"), ["fire", "24", "iv"]);
        assert_eq!(split("яма on Oak'я"), ["on", "oak"]);
        assert_eq!(split("K2"), split("\u{212a}2"));
    }

    #[test]
    fn the_line_has_a_space_at_each_end() {
        assert_eq!(Tokens::new("Gas, leak").line(), b" gas leak ");
        assert_eq!(Tokens::new("…").line(), b" ");
        assert_eq!(
            Tokens::new("rats and BINS").stems().collect::<Vec<_>>(),
            ["rat", "and", "bin"]
        );
    }

    proptest! {
        #[test]
        fn both_paths_agree_and_tokens_are_stable(text in "[ -~\n\t]{0,60}") {
            let ascii = split(&text);
            prop_assert_eq!(&split(&format!("{text}\u{a0}\u{2026}")), &ascii);
            prop_assert_eq!(&split(&ascii.join(" ")), &ascii);
        }

        #[test]
        fn any_text_folds_to_tokens_that_fold_to_themselves(text in any::<String>()) {
            let once = split(&text);
            prop_assert!(once.iter().all(|t| t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())));
            prop_assert_eq!(split(&once.join(" ")), once);
        }
    }
}
