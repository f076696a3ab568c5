//! What kinds of tenants there are.

use serde::{Deserialize, Serialize};

/// The kind of place a tenant runs; decides some defaults and rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantKind {
    /// A town or city.
    City,
    /// One building with tenants or owners.
    Building,
    /// A school, university or company ground.
    Campus,
    /// A hotel.
    Hotel,
    /// Any other facility.
    Facility,
}

impl TenantKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::City,
        Self::Building,
        Self::Campus,
        Self::Hotel,
        Self::Facility,
    ];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Building => "building",
            Self::Campus => "campus",
            Self::Hotel => "hotel",
            Self::Facility => "facility",
        }
    }

    /// The kind of that exact word; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }

    /// How a tenant is shown: its name and, in title case, its kind, as in `Springfield (City)`.
    pub fn display_name(self, name: &str) -> String {
        let title = match self {
            Self::City => "City",
            Self::Building => "Building",
            Self::Campus => "Campus",
            Self::Hotel => "Hotel",
            Self::Facility => "Facility",
        };
        format!("{name} ({title})")
    }
}
