//! Reviews.

use brisk_db::FromRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rules;
use crate::ids::{AuthorId, BookId, ReviewId};

/// What somebody thinks of an author, or of one of its books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow, utoipa::ToSchema)]
pub struct Review {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ReviewId,
    /// Of whom.
    #[schema(value_type = i64)]
    pub author_id: AuthorId,
    /// Of which book.
    #[schema(value_type = Option<i64>)]
    pub book_id: Option<BookId>,
    /// Who wrote it: a token's subject.
    pub reviewer_id: String,
    /// From 1 to 5.
    pub rating: i64,
    /// What was written.
    pub body: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A review as somebody writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// Of whom.
    #[schema(value_type = i64)]
    pub author_id: AuthorId,
    /// Of which book.
    #[schema(value_type = Option<i64>)]
    pub book_id: Option<BookId>,
    /// From 1 to 5.
    pub rating: i64,
    /// 10,000 characters at most.
    #[serde(default)]
    pub body: String,
}

impl NewReview {
    pub(crate) fn check(&self, rules: &mut Rules) {
        rules.within("rating", self.rating, 1..=5);
        rules.length("body", &self.body, 0..=10_000);
    }
}
