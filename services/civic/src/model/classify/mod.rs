//! What a report is about and how bad it is: the rules, and who wins when others have an opinion too.
mod decide;
mod hits;
mod lexicon;
mod pack;
mod result;
mod rules;
#[cfg(test)]
mod vectors;

pub use decide::{Choice, Evidence, Hint, decide};
pub use pack::{ExtraRules, LevelTerms, Pack, PackError};
pub use result::{Classification, ClassifiedBy, Classifier};
pub use rules::{RULES_VERSION, Rules};

pub(crate) use lexicon::Lexicon;
