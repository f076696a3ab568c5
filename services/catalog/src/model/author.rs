//! Authors.

use brisk_db::FromRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rules;
use crate::ids::AuthorId;

/// Whether an author is shown.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AuthorStatus {
    /// Writes.
    #[default]
    Active,
    /// Does not write at present.
    Inactive,
    /// Is kept for the record.
    Archived,
}

impl AuthorStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Archived];

    /// Their words.
    pub const WORDS: &[&str] = &["active", "inactive", "archived"];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
        }
    }

    /// The status of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

brisk_db::text_column!(AuthorStatus);

/// An author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow, utoipa::ToSchema)]
pub struct Author {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: AuthorId,
    /// Its name, which no other author of the tenant has.
    pub name: String,
    /// Its address, which no other author of the tenant has.
    pub email: Option<String>,
    /// See [`AuthorStatus`].
    pub status: AuthorStatus,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// An author as somebody writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAuthor {
    /// 1 to 200 characters after trimming.
    pub name: String,
    /// An address, if one is known.
    pub email: Option<String>,
    /// `active` where it is left out.
    #[serde(default)]
    pub status: AuthorStatus,
}

impl NewAuthor {
    /// The same without spaces around its texts, as far as its fields may be so.
    pub(crate) fn tidied(mut self, rules: &mut Rules) -> Self {
        self.name = self.name.trim().to_owned();
        self.email = self.email.map(|email| email.trim().to_owned());
        rules.length("name", &self.name, 1..=200);
        rules.email("email", self.email.as_deref());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_statuses() {
        assert_eq!(
            AuthorStatus::ALL.map(AuthorStatus::as_str),
            AuthorStatus::WORDS
        );
    }
}
