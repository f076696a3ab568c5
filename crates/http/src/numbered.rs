//! Declared lists over HTTP: what was asked, and the envelope of `items` and `meta`.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use brisk_db::{Asked, FromRow, Listing, Way};
use http::request::Parts;
use serde::Serialize;

use crate::query::pairs;
use crate::{Json, Problem};

/// The parameters of a request for a declared list.
#[derive(Clone, Debug, Default)]
pub struct ListParams(Vec<(String, String)>);

impl ListParams {
    /// Parameters that came otherwise than in a query.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The same with a parameter that stands in the path.
    #[must_use]
    pub fn and(mut self, name: &str, value: String) -> Self {
        self.0.push((name.to_owned(), value));
        self
    }

    /// Where this parameter has a value it counts alone.
    #[must_use]
    pub fn overridden_by(mut self, name: &str) -> Self {
        let is_given = |(n, value): &(String, String)| n == name && !value.is_empty();
        if self.0.iter().any(is_given) {
            self.0.retain(is_given);
        }
        self
    }

    /// What they ask of this list.
    ///
    /// # Errors
    ///
    /// 400 for an unknown filter, sort or relation, 422 for a value that cannot be accepted.
    pub fn of<R: FromRow>(&self, list: &Listing<R>) -> Result<Asked, Problem> {
        let pairs = self.0.iter();
        Ok(list.read(pairs.map(|(name, value)| (name.as_str(), value.as_str())))?)
    }
}

impl<S: Sync> FromRequestParts<S> for ListParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = pairs(parts.uri.query()).into_iter();
        let owned = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self(owned.collect()))
    }
}

/// Where a total comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CountSource {
    /// Counted for this answer.
    Exact,
    /// Counted before, and not changed since.
    Cached,
    /// About so many.
    Estimated,
    /// Nobody asked; the total is 0.
    Skipped,
}

/// What an answer says about its page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PageMeta {
    /// Its number; 1 where pages are asked for by cursor.
    pub page: u64,
    /// Rows asked for, as far as they are allowed.
    pub per_page: u32,
    /// How many rows there are in all; 0 where that was not counted.
    pub total: u64,
    /// How many pages; 0 where rows were not counted.
    pub pages: u64,
    /// Whether there is a page after this one.
    pub has_more: bool,
    /// Where it begins.
    pub next_cursor: Option<String>,
    /// Where the page before begins, when this one was asked for by cursor.
    pub prev_cursor: Option<String>,
    /// Where the total comes from.
    pub count_source: CountSource,
}

/// A page of a declared list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Numbered<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What they are a part of.
    pub meta: PageMeta,
}

impl<T> Numbered<T> {
    /// The answer to `asked`, with the total where it was counted.
    pub fn new(page: brisk_db::Page<T>, asked: &Asked, total: Option<(u64, CountSource)>) -> Self {
        let (total, count_source) = total.unwrap_or((0, CountSource::Skipped));
        // Going back there is always the page that one came from.
        let by_number = matches!(asked.way, Way::Page(_));
        Self {
            meta: PageMeta {
                page: asked.number(),
                per_page: asked.per_page,
                total,
                pages: total.div_ceil(asked.per_page.into()),
                has_more: page.next_cursor.is_some() && !page.items.is_empty(),
                next_cursor: page.next_cursor.filter(|_| !page.items.is_empty()),
                prev_cursor: page.previous_cursor.filter(|_| !by_number),
                count_source,
            },
            items: page.items,
        }
    }
}

impl<T: Serialize> IntoResponse for Numbered<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
