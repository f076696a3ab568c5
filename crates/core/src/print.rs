//! Prints of values: numbers by which parameters and answers are compared without keeping them.

use serde::{Deserialize, Serialize};

/// Bytes of a text that count; its length counts, too.
const TEXT: usize = 64;

const TAG: u32 = 3;

/// A short form of one value. Integers and instants keep their lower 61 bits, texts and bytes are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Print(u64);

/// What kind of value a print is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintKind {
    /// A whole number.
    Int,
    /// An instant, in microseconds.
    Instant,
    /// NULL, true or false.
    Constant,
    /// A text, or a date as text.
    Text,
    /// Bytes or a UUID.
    Bytes,
    /// A number with a fraction.
    Float,
    /// A document or an array.
    Compound,
}

impl Print {
    /// NULL.
    pub const NULL: Self = Self::tagged(0, PrintKind::Constant);

    const fn tagged(value: u64, kind: PrintKind) -> Self {
        Self((value << TAG) | kind as u64)
    }

    /// Of a whole number.
    pub const fn int(value: i64) -> Self {
        Self::tagged(value.cast_unsigned(), PrintKind::Int)
    }

    /// Of an instant in microseconds since 1970.
    pub const fn instant(micros: i64) -> Self {
        Self::tagged(micros.cast_unsigned(), PrintKind::Instant)
    }

    /// Of a truth value.
    pub const fn bool(value: bool) -> Self {
        Self::tagged(1 + value as u64, PrintKind::Constant)
    }

    /// Of a text.
    pub fn text(text: &str) -> Self {
        Self::tagged(hash(text.as_bytes()), PrintKind::Text)
    }

    /// Of bytes or a UUID.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::tagged(hash(bytes), PrintKind::Bytes)
    }

    /// Of a number with a fraction.
    pub const fn float(value: f64) -> Self {
        Self::tagged(value.to_bits() >> TAG, PrintKind::Float)
    }

    /// Of a document, by its text.
    pub fn document(text: &str) -> Self {
        Self::tagged(hash(text.as_bytes()), PrintKind::Compound)
    }

    /// Of an array, by its elements.
    pub fn array(elements: impl Iterator<Item = Self>) -> Self {
        let all = elements.fold(START, |sum, element| mix(sum, element.0));
        Self::tagged(all, PrintKind::Compound)
    }

    /// What it is of.
    pub const fn kind(self) -> PrintKind {
        match self.0 & ((1 << TAG) - 1) {
            0 => PrintKind::Int,
            1 => PrintKind::Instant,
            2 => PrintKind::Constant,
            3 => PrintKind::Text,
            4 => PrintKind::Bytes,
            5 => PrintKind::Float,
            _ => PrintKind::Compound,
        }
    }

    /// The whole number, or the instant in microseconds.
    pub const fn number(self) -> Option<i64> {
        match self.kind() {
            PrintKind::Int | PrintKind::Instant => Some(self.0.cast_signed() >> TAG),
            _ => None,
        }
    }

    /// The same for an instant and the number that SQLite keeps for it.
    #[must_use]
    pub const fn plain(self) -> Self {
        match self.kind() {
            PrintKind::Instant => Self::tagged(self.0 >> TAG, PrintKind::Int),
            _ => self,
        }
    }
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

const fn mix(sum: u64, word: u64) -> u64 {
    (sum ^ word)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
}

fn hash(bytes: &[u8]) -> u64 {
    let start = mix(START, bytes.len() as u64);
    let sum = bytes[..bytes.len().min(TEXT)]
        .chunks(8)
        .fold(start, |sum, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            mix(sum, u64::from_le_bytes(word))
        });
    // The upper bits are cut off for the kind.
    sum ^ (sum >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_and_texts_told_apart() {
        for value in [0, 1, -1, 7_654_321, -5_000_000_000] {
            assert_eq!(Print::int(value).number(), Some(value));
            assert_eq!(Print::instant(value).plain(), Print::int(value));
        }
        assert_ne!(Print::int(5), Print::instant(5));
        assert_ne!(Print::text("open"), Print::text("opens"));
        assert_ne!(Print::text("ab"), Print::bytes(b"ab"));
        assert_eq!(Print::text("open").number(), None);
        assert_eq!(Print::float(0.5).kind(), PrintKind::Float);
        let array = |of: [i64; 2]| Print::array(of.into_iter().map(Print::int));
        assert_ne!(array([1, 2]), array([2, 1]));
    }
}
