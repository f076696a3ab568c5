//! The words that every part of the service shares: categories and severities.

use serde::{Deserialize, Serialize};

/// What kind of thing a report or issue is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Danger to people: crime, fire, gas, accidents.
    Safety,
    /// Streets, lights, pipes, bridges and wires.
    Infrastructure,
    /// Refuse, vermin, dirt.
    Sanitation,
    /// Repair and upkeep of buildings and grounds.
    Maintenance,
    /// Sound that disturbs.
    Noise,
    /// Anything else.
    Other,
}

impl Category {
    /// All categories in the order that breaks ties between them.
    pub const ALL: [Self; 6] = [
        Self::Safety,
        Self::Infrastructure,
        Self::Sanitation,
        Self::Maintenance,
        Self::Noise,
        Self::Other,
    ];

    /// The word used in JSON, in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safety => "safety",
            Self::Infrastructure => "infrastructure",
            Self::Sanitation => "sanitation",
            Self::Maintenance => "maintenance",
            Self::Noise => "noise",
            Self::Other => "other",
        }
    }

    /// The category of that exact word; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == word)
    }
}

/// How bad it is, from cosmetic to danger to life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Cosmetic, or a wish.
    Low,
    /// A normal repair.
    Medium,
    /// Danger, or loss of an essential service within a day.
    High,
    /// Danger to life now.
    Critical,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used in JSON, in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that exact word; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}
