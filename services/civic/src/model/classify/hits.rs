//! Which of the terms found in a text count, and what they add up to.

use smallvec::SmallVec;

/// The categories that terms speak for, in the order that breaks ties; `other` has no terms.
pub(super) const CATEGORIES: usize = 5;

/// One occurrence of a category term.
///
/// Packed so that the written order (more words first, then heavier, then earlier, then category and term) is the
/// order of one integer: terms are numbered by category, then alphabetically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit(u64);

impl Hit {
    /// `None` when the phrase has more than 255 words or stands beyond 2^32 tokens, which no stored text reaches.
    pub(super) fn new(words: usize, weight: u8, position: usize, term: u16) -> Option<Self> {
        let words = u8::try_from(words).ok()?;
        let position = u32::try_from(position).ok()?;
        Some(Self(
            u64::from(u8::MAX - words) << 56
                | u64::from(u8::MAX - weight) << 48
                | u64::from(position) << 16
                | u64::from(term),
        ))
    }

    fn words(self) -> u8 {
        u8::MAX - self.0.to_be_bytes()[0]
    }

    fn weight(self) -> u8 {
        u8::MAX - self.0.to_be_bytes()[1]
    }

    fn position(self) -> usize {
        usize::try_from(self.0 >> 16 & u64::from(u32::MAX)).expect("32 bits fit")
    }

    fn term(self) -> u16 {
        u16::from_be_bytes([self.0.to_be_bytes()[6], self.0.to_be_bytes()[7]])
    }
}

/// What the counted hits add up to, per category.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    sums: [u32; CATEGORIES],
    heaviest: [Option<(u8, u16)>; CATEGORIES],
}

/// The strongest category of a tally.
#[derive(Clone, Copy, Debug)]
pub(super) struct Winner {
    pub(super) category: usize,
    pub(super) term: u16,
    /// Its sum over its sum, the second's and one; rounded to two decimals.
    pub(super) confidence: f64,
}

impl Tally {
    /// Takes `hits` in their order: a word inside a longer phrase already taken is skipped, and a single shielded
    /// word, and a word already used in the same category; a term counts once.
    pub(super) fn of(
        mut hits: SmallVec<[Hit; 32]>,
        shielded: &[bool],
        category_of: impl Fn(u16) -> usize,
    ) -> Self {
        hits.sort_unstable();
        let mut tally = Self::default();
        let mut longest: SmallVec<[u8; 64]> = SmallVec::from_elem(0, shielded.len());
        let mut used: SmallVec<[u8; 64]> = SmallVec::from_elem(0, shielded.len());
        let mut counted: SmallVec<[u16; 16]> = SmallVec::new();
        for hit in hits {
            let span = hit.position()..hit.position() + usize::from(hit.words());
            let category = category_of(hit.term());
            let bit = 1 << category;
            if longest[span.clone()]
                .iter()
                .any(|&words| words > hit.words())
                || (hit.words() == 1 && shielded[span.start])
                || used[span.clone()].iter().any(|&mask| mask & bit != 0)
            {
                continue;
            }
            for token in span {
                longest[token] = longest[token].max(hit.words());
                used[token] |= bit;
            }
            if counted.contains(&hit.term()) {
                continue;
            }
            counted.push(hit.term());
            tally.sums[category] += u32::from(hit.weight());
            let heaviest = &mut tally.heaviest[category];
            if heaviest.is_none_or(|(weight, _)| hit.weight() > weight) {
                *heaviest = Some((hit.weight(), hit.term()));
            }
        }
        tally
    }

    /// The category with the highest sum, the first of equals; `None` when nothing was counted.
    pub(super) fn winner(&self) -> Option<Winner> {
        let (mut category, mut top, mut second) = (0, 0, 0);
        for (index, &sum) in self.sums.iter().enumerate() {
            if sum > top {
                (category, top, second) = (index, sum, top);
            } else {
                second = second.max(sum);
            }
        }
        let (_, term) = self.heaviest[category]?;
        let ratio = f64::from(top) / f64::from(top + second + 1);
        Some(Winner {
            category,
            term,
            confidence: (ratio * 100.0).round() / 100.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(words: usize, weight: u8, position: usize, term: u16) -> Hit {
        Hit::new(words, weight, position, term).unwrap()
    }

    #[test]
    fn hits_sort_in_the_written_order() {
        let mut hits = [
            hit(1, 3, 0, 1),
            hit(2, 1, 9, 7),
            hit(1, 3, 0, 0),
            hit(1, 2, 0, 0),
            hit(2, 3, 70_000, 65_535),
        ];
        hits.sort_unstable();
        let read: Vec<_> = hits
            .map(|h| (h.words(), h.weight(), h.position(), h.term()))
            .to_vec();
        assert_eq!(
            read,
            [
                (2, 3, 70_000, 65_535),
                (2, 1, 9, 7),
                (1, 3, 0, 0),
                (1, 3, 0, 1),
                (1, 2, 0, 0)
            ]
        );
    }

    #[test]
    fn a_repeated_term_counts_once_and_ties_go_to_the_first_category() {
        let hits = [hit(1, 3, 2, 1), hit(1, 3, 0, 0), hit(1, 3, 1, 0)];
        let tally = Tally::of(hits.into_iter().collect(), &[false; 3], usize::from);
        assert_eq!(tally.sums, [3, 3, 0, 0, 0]);
        let winner = tally.winner().unwrap();
        assert_eq!((winner.category, winner.term), (0, 0));
        assert!((winner.confidence - 0.43).abs() < 1e-12);
    }
}
