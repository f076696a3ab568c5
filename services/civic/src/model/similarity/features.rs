//! What two texts are compared by: their telling words and their trigrams.

use crate::model::text::{Tokens, is_stop_word};
use rustc_hash::FxHasher;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// How many texts of an issue are compared with a report: its first and its three latest.
pub const MAX_ISSUE_TEXTS: usize = 4;

/// Share of the words in the text similarity; the trigrams have the rest.
const WORD_SHARE: f64 = 0.6;
const TRIGRAM_SHARE: f64 = 0.4;

/// A text reduced to two sorted sets, compared without looking at the text again.
///
/// Words are kept as 64-bit hashes of their stems; trigrams, over the 37 signs that folded text has, as their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    words: Box<[u64]>,
    trigrams: Box<[u16]>,
}

impl Features {
    /// The features of `text`.
    pub fn new(text: &str) -> Self {
        Self::of(&Tokens::new(text))
    }

    /// The features of a text whose tokens the caller already has.
    pub fn of(tokens: &Tokens) -> Self {
        let words = tokens
            .iter()
            .zip(tokens.stems())
            .filter(|(token, _)| !is_stop_word(token))
            .map(|(_, stem)| hashed(stem));
        let trigrams = tokens.line().windows(3).map(|three| {
            three
                .iter()
                .fold(0, |number, &byte| number * SIGNS + sign(byte))
        });
        Self {
            words: sorted_set(words),
            trigrams: sorted_set(trigrams),
        }
    }

    /// How alike two texts are, 0 to 1 and the same in both directions.
    ///
    /// 0.6 of the Jaccard index of the stems that are not stop words, plus 0.4 of the Dice coefficient of the trigrams; 0
    /// when either text has no token.
    pub fn similarity(&self, other: &Self) -> f64 {
        WORD_SHARE * jaccard(&self.words, &other.words)
            + TRIGRAM_SHARE * dice(&self.trigrams, &other.trigrams)
    }

    /// The most that [`Self::similarity`] can be, from the sizes of the sets alone.
    pub(super) fn similarity_at_most(&self, other: &Self) -> f64 {
        let (few, many) = ordered(self.words.len(), other.words.len());
        let (fewer, more) = ordered(self.trigrams.len(), other.trigrams.len());
        WORD_SHARE * ratio(few, many) + TRIGRAM_SHARE * ratio(2 * fewer, fewer + more)
    }
}

const SIGNS: u16 = 37;

fn sign(byte: u8) -> u16 {
    match byte {
        b'a'..=b'z' => u16::from(byte - b'a') + 1,
        b'0'..=b'9' => u16::from(byte - b'0') + 27,
        _ => 0,
    }
}

pub(super) fn hashed(word: &str) -> u64 {
    let mut hasher = FxHasher::default();
    word.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn sorted_set<T: Ord>(items: impl Iterator<Item = T>) -> Box<[T]> {
    let mut set: Vec<T> = items.collect();
    set.sort_unstable();
    set.dedup();
    set.into_boxed_slice()
}

/// Shared elements over all elements; 0 when both sets are empty.
pub(super) fn jaccard<T: Ord>(a: &[T], b: &[T]) -> f64 {
    let shared = shared(a, b);
    ratio(shared, a.len() + b.len() - shared)
}

/// Twice the shared elements over the sum of the sizes; 0 when both sets are empty.
fn dice<T: Ord>(a: &[T], b: &[T]) -> f64 {
    ratio(2 * shared(a, b), a.len() + b.len())
}

fn shared<T: Ord>(a: &[T], b: &[T]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let order = a[i].cmp(&b[j]);
        shared += usize::from(order == Ordering::Equal);
        i += usize::from(order != Ordering::Greater);
        j += usize::from(order != Ordering::Less);
    }
    shared
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

#[expect(clippy::cast_precision_loss, reason = "set sizes are far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets_count_each_element_once() {
        assert_eq!(sorted_set([3, 1, 3].into_iter()).as_ref(), [1, 3]);
        assert!((jaccard(&[1, 2, 3], &[2, 3, 4]) - 0.5).abs() < 1e-12);
        assert!((dice(&[1, 2, 3], &[2, 3, 4]) - 2.0 / 3.0).abs() < 1e-12);
        assert!(jaccard::<u8>(&[], &[]).abs() < 1e-12);
    }

    #[test]
    fn an_empty_side_is_like_nothing() {
        let empty = Features::new("…");
        let hole = Features::new("hole");
        assert_eq!(empty.similarity(&hole).to_bits(), 0.0_f64.to_bits());
        assert_eq!(empty.similarity(&empty).to_bits(), 0.0_f64.to_bits());
        assert!((hole.similarity(&hole) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_within_bounds(
            a in prop_oneof![any::<String>(), "[a-d ]{0,40}"], b in prop_oneof![any::<String>(), "[a-d ]{0,40}"]
        ) {
            let (a, b) = (Features::new(&a), Features::new(&b));
            let t = a.similarity(&b);
            prop_assert_eq!(t.to_bits(), b.similarity(&a).to_bits());
            prop_assert!((0.0..=1.0).contains(&t));
            prop_assert!(t <= a.similarity_at_most(&b) + 1e-12);
        }
    }
}
