//! Finding every occurrence of many phrases in one pass over a text's stems.

use crate::model::text::Tokens;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Phrases of stems, each with a payload, indexed by their first stem.
///
/// A text's stems become small numbers by one hash look-up each; most words of a report are in no phrase and cost
/// nothing more. Against an Aho-Corasick automaton over stems this needs no failure links, because phrases are short
/// and few share a first word. The hash function is not keyed: the table never takes keys from a report.
#[derive(Debug)]
pub(crate) struct Lexicon<P> {
    ids: FxHashMap<Box<str>, u16>,
    by_first: Vec<Vec<Phrase<P>>>,
}

#[derive(Debug)]
struct Phrase<P> {
    rest: SmallVec<[u16; 4]>,
    payload: P,
}

/// No phrase has this word.
const UNKNOWN: u16 = u16::MAX;

impl<P> Lexicon<P> {
    /// A lexicon of `phrases`, each a term as written and what it stands for; terms without a word are left out.
    ///
    /// # Panics
    ///
    /// With 65,535 different words or more; packs are bounded far below.
    pub(crate) fn new<'a>(phrases: impl IntoIterator<Item = (&'a str, P)>) -> Self {
        let mut lexicon = Self {
            ids: FxHashMap::default(),
            by_first: Vec::new(),
        };
        for (term, payload) in phrases {
            let tokens = Tokens::new(term);
            let mut ids = tokens.stems().map(|stem| lexicon.intern(stem));
            let Some(first) = ids.next() else { continue };
            let rest = ids.collect();
            lexicon.by_first[usize::from(first)].push(Phrase { rest, payload });
        }
        lexicon
    }

    fn intern(&mut self, stem: &str) -> u16 {
        if let Some(&id) = self.ids.get(stem) {
            return id;
        }
        let id = u16::try_from(self.by_first.len())
            .ok()
            .filter(|&id| id != UNKNOWN)
            .expect("a pack has at most 4,000 terms of 6 words");
        self.ids.insert(stem.into(), id);
        self.by_first.push(Vec::new());
        id
    }

    /// Calls `found(payload, position, words)` for every occurrence of every phrase, in order of position.
    pub(crate) fn scan(&self, tokens: &Tokens, mut found: impl FnMut(&P, usize, usize)) {
        let words: SmallVec<[u16; 64]> = tokens
            .stems()
            .map(|stem| self.ids.get(stem).copied().unwrap_or(UNKNOWN))
            .collect();
        for (position, &first) in words.iter().enumerate() {
            if first == UNKNOWN {
                continue;
            }
            let after = &words[position + 1..];
            for phrase in &self.by_first[usize::from(first)] {
                if after.starts_with(&phrase.rest) {
                    found(&phrase.payload, position, phrase.rest.len() + 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_overlapping_inflected_phrases() {
        let terms = ["smell gas", "smell", "gas leak", "gas", "needle"];
        let lexicon = Lexicon::new(terms.into_iter().zip(0..));
        let mut hits = Vec::new();
        lexicon.scan(
            &Tokens::new("Smelling gas; gas leaks. Needles"),
            |&payload, at, words| hits.push((terms[payload], at, words)),
        );
        assert_eq!(
            hits,
            [
                ("smell gas", 0, 2),
                ("smell", 0, 1),
                ("gas", 1, 1),
                ("gas leak", 2, 2),
                ("gas", 2, 1),
                ("needle", 4, 1),
            ]
        );
    }

    #[test]
    fn a_phrase_is_not_found_past_the_end() {
        let lexicon = Lexicon::new([("no fire extinguisher", ()), ("…", ())]);
        let mut hits = 0;
        lexicon.scan(&Tokens::new("no fire"), |(), _, _| hits += 1);
        lexicon.scan(&Tokens::new(""), |(), _, _| hits += 1);
        assert_eq!(hits, 0);
    }
}
