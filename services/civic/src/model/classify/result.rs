//! What every classifier answers, and the trait that rules and models share.

use crate::model::{Category, Severity};
use serde::{Deserialize, Serialize};

/// Whose word a report's class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassifiedBy {
    /// A language model.
    Llm,
    /// The rules of [`super::Rules`].
    Rules,
    /// The reporter's own hint.
    Reporter,
    /// A person of the tenant.
    Staff,
    /// The imported row.
    Import,
}

impl ClassifiedBy {
    /// All origins.
    pub const ALL: [Self; 5] = [
        Self::Llm,
        Self::Rules,
        Self::Reporter,
        Self::Staff,
        Self::Import,
    ];

    /// The word used in JSON, in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Rules => "rules",
            Self::Reporter => "reporter",
            Self::Staff => "staff",
            Self::Import => "import",
        }
    }

    /// The origin of that exact word; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

/// The class of one report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// What it is about.
    pub category: Category,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the classifier is, 0 to 1; the rules round it to two decimals.
    pub confidence: f64,
    /// The canonical key of the strongest term, by which reports of one thing find each other; none for `other`.
    pub anchor: Option<String>,
    /// One sentence, at most [`crate::model::text::SUMMARY_CHARS`] characters.
    pub summary: String,
    /// Whether a place or people in need of care raised a medium severity.
    pub sensitive: bool,
    /// Whose word this is.
    pub classified_by: ClassifiedBy,
}

/// A way to classify a text at once, on the caller's thread.
///
/// Rule versions stay selectable behind this trait. A model answers later and joins through [`super::decide`].
pub trait Classifier: Send + Sync {
    /// The name and version, such as `rules/1`.
    fn version(&self) -> &'static str;

    /// The class of `text`; total, for any text whatever.
    fn classify(&self, text: &str) -> Classification;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_json_agree() {
        for by in ClassifiedBy::ALL {
            assert_eq!(ClassifiedBy::parse(by.as_str()), Some(by));
            assert_eq!(serde_json::to_value(by).unwrap(), by.as_str());
        }
        assert_eq!(ClassifiedBy::parse("LLM"), None);
    }
}
