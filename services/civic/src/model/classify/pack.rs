//! The data a rule classifier is built from: shipped per language, extended per tenant.

use crate::model::text::Tokens;
use crate::model::{Category, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Words and phrases by weight, from 1 (a hint) to [`Pack::MAX_WEIGHT`].
pub type LevelTerms = BTreeMap<u8, Vec<String>>;

/// Terms, severity terms and the words that qualify them.
///
/// Every text is folded and stemmed when the pack is compiled, so a term matches its inflections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pack {
    /// Terms of each category by weight; `other` is what is left and takes no terms.
    pub terms: BTreeMap<Category, LevelTerms>,
    /// Terms that lift or lower the severity; `medium` takes none.
    pub severity: BTreeMap<Severity, Vec<String>>,
    /// Places and people that make a medium severity high.
    pub sensitive: Vec<String>,
    /// Single words that, up to three words ahead, take a danger back.
    pub negators: Vec<String>,
    /// Phrases whose words alarm nobody.
    pub shields: Vec<String>,
    /// Canonical key to the terms that mean it; a term under no key is its own.
    pub anchors: BTreeMap<String, Vec<String>>,
}

/// A tenant's additions, `classify.rules` of its configuration; the same shape as a pack, everything optional.
pub type ExtraRules = Pack;

/// Why a pack cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// A term is empty after folding, or has more than [`Pack::MAX_WORDS`] words or [`Pack::MAX_CHARS`] characters.
    #[error("the term {0:?} must have 1 to 6 words of letters or digits and at most 80 characters")]
    BadTerm(String),
    /// A negator of no or several words.
    #[error("the negator {0:?} must be one word")]
    BadNegator(String),
    /// A weight outside 1 to [`Pack::MAX_WEIGHT`].
    #[error("the weight {0} is not within 1 to 9")]
    BadWeight(u8),
    /// Terms for the category `other`, which is what remains when no term is found.
    #[error("the category other takes no terms")]
    TermsForOther,
    /// Terms for the severity `medium`, which is what remains when no term is found.
    #[error("the severity medium takes no terms")]
    TermsForMedium,
    /// More than [`Pack::MAX_TERMS`] terms.
    #[error("{0} terms are more than the limit of 4000")]
    TooManyTerms(usize),
}

impl Pack {
    /// The most words in one term.
    pub const MAX_WORDS: usize = 6;
    /// The longest term, in characters.
    pub const MAX_CHARS: usize = 80;
    /// The greatest weight of a term.
    pub const MAX_WEIGHT: u8 = 9;
    /// The most terms in one pack, anchors' included.
    pub const MAX_TERMS: usize = 4_000;

    /// The first thing wrong with this pack, if any.
    ///
    /// # Errors
    ///
    /// See [`PackError`].
    pub fn check(&self) -> Result<(), PackError> {
        if self.terms.contains_key(&Category::Other) {
            return Err(PackError::TermsForOther);
        }
        if self.severity.contains_key(&Severity::Medium) {
            return Err(PackError::TermsForMedium);
        }
        if let Some(&weight) = self
            .terms
            .values()
            .flat_map(BTreeMap::keys)
            .find(|weight| !(1..=Self::MAX_WEIGHT).contains(*weight))
        {
            return Err(PackError::BadWeight(weight));
        }
        let count = self.all_terms().count() + self.negators.len();
        if count > Self::MAX_TERMS {
            return Err(PackError::TooManyTerms(count));
        }
        if let Some(term) = self.all_terms().find(|term| !is_term(term)) {
            return Err(PackError::BadTerm(term.clone()));
        }
        if let Some(word) = self
            .negators
            .iter()
            .find(|w| !is_term(w) || Tokens::new(w).len() != 1)
        {
            return Err(PackError::BadNegator(word.clone()));
        }
        Ok(())
    }

    fn all_terms(&self) -> impl Iterator<Item = &String> {
        self.terms
            .values()
            .flat_map(BTreeMap::values)
            .chain(self.severity.values())
            .chain([&self.sensitive, &self.shields])
            .chain(self.anchors.values())
            .flatten()
    }
}

fn is_term(term: &str) -> bool {
    term.chars().count() <= Pack::MAX_CHARS
        && (1..=Pack::MAX_WORDS).contains(&Tokens::new(term).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Pack {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_empty_object_is_a_pack() {
        assert_eq!(parse("{}"), Pack::default());
        assert_eq!(parse("{}").check(), Ok(()));
        assert!(serde_json::from_str::<Pack>(r#"{"sheilds": []}"#).is_err());
        assert!(serde_json::from_str::<Pack>(r#"{"terms": {"parks": {}}}"#).is_err());
    }

    #[test]
    fn bad_packs_are_named() {
        let long = "a ".repeat(7);
        for (json, expected) in [
            (
                r#"{"terms": {"other": {"1": ["x"]}}}"#.to_owned(),
                PackError::TermsForOther,
            ),
            (
                r#"{"severity": {"medium": ["x"]}}"#.to_owned(),
                PackError::TermsForMedium,
            ),
            (
                r#"{"terms": {"noise": {"0": ["x"]}}}"#.to_owned(),
                PackError::BadWeight(0),
            ),
            (
                r#"{"terms": {"noise": {"10": ["x"]}}}"#.to_owned(),
                PackError::BadWeight(10),
            ),
            (
                r#"{"shields": ["…"]}"#.to_owned(),
                PackError::BadTerm("…".to_owned()),
            ),
            (
                format!(r#"{{"sensitive": ["{long}"]}}"#),
                PackError::BadTerm(long),
            ),
            (
                r#"{"negators": ["not a"]}"#.to_owned(),
                PackError::BadNegator("not a".to_owned()),
            ),
        ] {
            assert_eq!(parse(&json).check(), Err(expected), "{json}");
        }
        let many = Pack {
            sensitive: vec!["x".to_owned(); Pack::MAX_TERMS + 1],
            ..Pack::default()
        };
        assert_eq!(
            many.check(),
            Err(PackError::TooManyTerms(Pack::MAX_TERMS + 1))
        );
    }
}
