//! Books.

use brisk_db::FromRow;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Rules;
use crate::ids::{AuthorId, BookId};

/// A book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow, utoipa::ToSchema)]
pub struct Book {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: BookId,
    /// Who wrote it.
    #[schema(value_type = i64)]
    pub author_id: AuthorId,
    /// Its title.
    pub title: String,
    /// Its number, which no other book of the tenant has.
    pub isbn: Option<String>,
    /// The day on which it came out.
    #[schema(value_type = Option<String>, format = Date)]
    pub published_on: Option<Date>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A book as somebody writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBook {
    /// Who wrote it.
    #[schema(value_type = i64)]
    pub author_id: AuthorId,
    /// 1 to 300 characters after trimming.
    pub title: String,
    /// 20 characters at most; blank is none.
    pub isbn: Option<String>,
    /// The day on which it came out.
    #[schema(value_type = Option<String>, format = Date)]
    pub published_on: Option<Date>,
}

impl NewBook {
    /// The same without spaces around its texts, as far as its fields may be so.
    pub(crate) fn tidied(mut self, rules: &mut Rules) -> Self {
        self.title = self.title.trim().to_owned();
        let isbn = self.isbn.map(|isbn| isbn.trim().to_owned());
        self.isbn = isbn.filter(|isbn| !isbn.is_empty());
        rules.length("title", &self.title, 1..=300);
        if let Some(isbn) = &self.isbn {
            rules.length("isbn", isbn, 1..=20);
        }
        self
    }
}
