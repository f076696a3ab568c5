//! The classifier `rules/1`: weighted terms, negation, shields and severity words.

use super::hits::{CATEGORIES, Hit, Tally};
use super::pack::{ExtraRules, Pack, PackError};
use super::{Classification, ClassifiedBy, Classifier, Lexicon};
use crate::model::text::{SUMMARY_CHARS, Tokens, first_sentence};
use crate::model::{Category, Severity};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// The version these rules answer by.
pub const RULES_VERSION: &str = "rules/1";

/// How many tokens before a hit a negator reaches.
const NEGATION_REACH: usize = 3;

/// The summary's length when the rules found nothing to say.
const NOTHING_FOUND_CHARS: usize = 100;

static ENGLISH: LazyLock<Pack> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../packs/en.json"))
        .expect("the shipped pack is tested")
});

static BUILTIN: LazyLock<Arc<Rules>> =
    LazyLock::new(|| Arc::new(Rules::compile(&[&ENGLISH]).expect("the shipped pack is tested")));

/// A compiled rule classifier; immutable and shared freely.
///
/// Category: each term that counts adds its weight; the highest sum wins. Severity: a base level of the category,
/// raised to the worst term that is neither negated nor shielded, or lowered by one for a mild word when there is none;
/// a medium one becomes high near people or places in need of care.
#[derive(Debug)]
pub struct Rules {
    lexicon: Lexicon<Meaning>,
    /// By term number: its category's index and its anchor.
    terms: Vec<(u8, Box<str>)>,
    negators: FxHashSet<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
enum Meaning {
    Term { term: u16, weight: u8 },
    Severity(Severity),
    Sensitive,
    Shield,
}

struct SeverityHit {
    level: Severity,
    position: usize,
    words: usize,
}

impl Rules {
    /// The shipped English rules, compiled once per process.
    pub fn builtin() -> Arc<Self> {
        Arc::clone(&BUILTIN)
    }

    /// The shipped rules with a tenant's additions; where both have a term, the greater weight and the tenant's anchor
    /// count. Compiling costs far more than classifying, so callers keep the result per configuration version.
    ///
    /// # Errors
    ///
    /// What [`Pack::check`] finds wrong with `extra`.
    pub fn with_extra(extra: &ExtraRules) -> Result<Self, PackError> {
        Self::compile(&[&ENGLISH, extra])
    }

    fn compile(packs: &[&Pack]) -> Result<Self, PackError> {
        for pack in packs {
            pack.check()?;
        }
        let anchors: BTreeMap<String, &str> = packs
            .iter()
            .flat_map(|pack| &pack.anchors)
            .flat_map(|(anchor, terms)| {
                terms
                    .iter()
                    .map(move |term| (folded(term), anchor.as_str()))
            })
            .collect();
        let numbered = numbered_terms(packs);
        let terms = numbered
            .keys()
            .map(|(category, term)| {
                let anchor = anchors.get(term).map_or(term.as_str(), |anchor| anchor);
                (index_of(*category), anchor.into())
            })
            .collect();
        let categories = numbered
            .iter()
            .zip(0..)
            .map(|(((_, term), &weight), number)| {
                (
                    term.as_str(),
                    Meaning::Term {
                        term: number,
                        weight,
                    },
                )
            });
        let severities =
            packs
                .iter()
                .flat_map(|pack| &pack.severity)
                .flat_map(|(&level, terms)| {
                    terms
                        .iter()
                        .map(move |term| (term.as_str(), Meaning::Severity(level)))
                });
        let sensitive = packs
            .iter()
            .flat_map(|pack| &pack.sensitive)
            .map(|term| (term.as_str(), Meaning::Sensitive));
        let shields = packs
            .iter()
            .flat_map(|pack| &pack.shields)
            .map(|term| (term.as_str(), Meaning::Shield));
        Ok(Self {
            lexicon: Lexicon::new(categories.chain(severities).chain(sensitive).chain(shields)),
            terms,
            negators: packs
                .iter()
                .flat_map(|pack| &pack.negators)
                .map(|word| folded(word).into())
                .collect(),
        })
    }

    /// The class of `text` by these rules.
    pub fn classify(&self, text: &str) -> Classification {
        self.classify_tokens(text, &Tokens::new(text))
    }

    /// The class of `text`, whose `tokens` the caller already has.
    pub fn classify_tokens(&self, text: &str, tokens: &Tokens) -> Classification {
        let mut hits: SmallVec<[Hit; 32]> = SmallVec::new();
        let mut severities: SmallVec<[SeverityHit; 8]> = SmallVec::new();
        let mut shielded: SmallVec<[bool; 64]> = SmallVec::from_elem(false, tokens.len());
        let mut near_people = false;
        self.lexicon
            .scan(tokens, |&meaning, position, words| match meaning {
                Meaning::Term { term, weight } => {
                    let safety = self.category_of(term) == usize::from(index_of(Category::Safety));
                    if !(safety && self.is_negated(tokens, position)) {
                        hits.extend(Hit::new(words, weight, position, term));
                    }
                }
                Meaning::Severity(level) => severities.push(SeverityHit {
                    level,
                    position,
                    words,
                }),
                Meaning::Sensitive => near_people = true,
                Meaning::Shield => shielded[position..position + words].fill(true),
            });
        let winner = Tally::of(hits, &shielded, |term| self.category_of(term)).winner();
        let category = winner.map_or(Category::Other, |winner| Category::ALL[winner.category]);
        let nothing_found = winner.is_none() && severities.is_empty() && !near_people;
        let level = self.severity(category, &severities, &shielded, tokens);
        let sensitive = near_people && level == Severity::Medium;
        Classification {
            category,
            severity: if sensitive { Severity::High } else { level },
            confidence: winner.map_or(0.0, |winner| winner.confidence),
            anchor: winner.map(|winner| self.terms[usize::from(winner.term)].1.to_string()),
            summary: if nothing_found {
                text.trim().chars().take(NOTHING_FOUND_CHARS).collect()
            } else {
                first_sentence(text, SUMMARY_CHARS)
            },
            sensitive,
            classified_by: ClassifiedBy::Rules,
        }
    }

    fn severity(
        &self,
        category: Category,
        hits: &[SeverityHit],
        shielded: &[bool],
        tokens: &Tokens,
    ) -> Severity {
        let base = match category {
            Category::Safety => Severity::High,
            Category::Noise => Severity::Low,
            Category::Infrastructure
            | Category::Sanitation
            | Category::Maintenance
            | Category::Other => Severity::Medium,
        };
        let worst = hits
            .iter()
            .filter(|hit| hit.level >= Severity::High)
            .filter(|hit| !shielded[hit.position..hit.position + hit.words].contains(&true))
            .filter(|hit| !self.is_negated(tokens, hit.position))
            .map(|hit| hit.level)
            .max();
        match worst {
            Some(worst) => base.max(worst),
            None if hits.iter().any(|hit| hit.level == Severity::Low) => one_lower(base),
            None => base,
        }
    }

    fn category_of(&self, term: u16) -> usize {
        usize::from(self.terms[usize::from(term)].0)
    }

    fn is_negated(&self, tokens: &Tokens, position: usize) -> bool {
        let negates = |at| self.negators.contains(tokens.token(at));
        let from = position.saturating_sub(NEGATION_REACH);
        (from..position).any(negates) && !negates(position)
    }
}

impl Classifier for Rules {
    fn version(&self) -> &'static str {
        RULES_VERSION
    }

    fn classify(&self, text: &str) -> Classification {
        Self::classify(self, text)
    }
}

/// Every term's weight under its category and folded text. Of terms with equal stems in one category only one can ever
/// count, the heaviest and among equals the alphabetically first, so the others are left out here.
fn numbered_terms(packs: &[&Pack]) -> BTreeMap<(Category, String), u8> {
    let mut by_stems: BTreeMap<(Category, String), (u8, String)> = BTreeMap::new();
    let weighted = packs
        .iter()
        .flat_map(|pack| &pack.terms)
        .flat_map(|(&category, levels)| {
            levels.iter().flat_map(move |(&weight, terms)| {
                terms.iter().map(move |term| (category, weight, term))
            })
        });
    for (category, weight, term) in weighted {
        let term = folded(term);
        let stems = Tokens::new(&term).stems().collect::<Vec<_>>().join(" ");
        by_stems
            .entry((category, stems))
            .and_modify(|kept| {
                if weight > kept.0 || (weight == kept.0 && term < kept.1) {
                    *kept = (weight, term.clone());
                }
            })
            .or_insert((weight, term));
    }
    by_stems
        .into_iter()
        .map(|((category, _), (weight, term))| ((category, term), weight))
        .collect()
}

fn folded(term: &str) -> String {
    Tokens::new(term).iter().collect::<Vec<_>>().join(" ")
}

fn index_of(category: Category) -> u8 {
    let index = Category::ALL
        .into_iter()
        .position(|c| c == category)
        .filter(|&index| index < CATEGORIES)
        .expect("packs hold no terms for other");
    u8::try_from(index).expect("five categories fit")
}

fn one_lower(level: Severity) -> Severity {
    match level {
        Severity::Low | Severity::Medium => Severity::Low,
        Severity::High => Severity::Medium,
        Severity::Critical => Severity::High,
    }
}
