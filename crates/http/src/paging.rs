//! Lists: what a page is asked for with, and the envelope it comes in.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use brisk_core::FieldError;
use brisk_db::{Count, CursorKey, Paging, Total};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::query::{pairs, read};
use crate::{Json, Problem};

/// Whether a list says how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CountMode {
    /// Exact where that is cheap, else an estimate.
    #[default]
    Auto,
    /// Exact, whatever it costs.
    Exact,
    /// Not at all.
    None,
}

impl CountMode {
    /// As the database takes it; `rows` is how many are cheap to count.
    pub const fn up_to(self, rows: u64) -> Count {
        match self {
            Self::Auto => Count::UpTo(rows),
            Self::Exact => Count::Exact,
            Self::None => Count::Skip,
        }
    }
}

/// The paging parameters as sent.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Rows on a page.
    pub limit: Option<u32>,
    /// Where to go on: `next_cursor` or `previous_cursor` of another page.
    pub cursor: Option<String>,
    /// Rows to leave out; for small numbers, else use the cursor.
    pub skip: Option<u32>,
    /// `auto`, `exact` or `none`.
    #[param(value_type = Option<String>)]
    pub count: Option<CountMode>,
}

const KEYS: [&str; 4] = ["limit", "cursor", "skip", "count"];

/// The bounds of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Rows on a page when nothing is asked for.
    pub default: u32,
    /// The most rows on a page.
    pub max: u32,
    /// The most rows to leave out; beyond, the database would read them all for nothing.
    pub max_skip: u32,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            default: 100,
            max: 1_000,
            max_skip: 10_000,
        }
    }
}

/// A page within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows on the page, at least one.
    pub limit: u32,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Rows to leave out; 0 with a cursor.
    pub skip: u32,
    /// Whether to count.
    pub count: CountMode,
}

impl Page {
    /// This page of a list, as the database takes it; `filter` is what the list was narrowed by.
    pub fn of<'a, F>(
        &'a self,
        key: &'a CursorKey,
        list: &'static str,
        filter: &'a F,
    ) -> Paging<'a, F> {
        Paging {
            key,
            list,
            filter,
            limit: self.limit,
            skip: self.skip,
            cursor: self.cursor.as_deref(),
        }
    }
}

impl PageQuery {
    /// The page within `limits`.
    ///
    /// # Errors
    ///
    /// 422 with every bad parameter: a limit outside its bounds, a skip beyond its (`use_cursor`), or both ways at once.
    pub fn within(self, limits: PageLimits) -> Result<Page, Problem> {
        let mut errors = Vec::new();
        let limit = self.limit.unwrap_or(limits.default);
        if limit == 0 || limit > limits.max {
            let message = format!("must be from 1 to {}", limits.max);
            errors.push(FieldError::new("limit", "out_of_range", message));
        }
        let skip = self.skip.unwrap_or(0);
        if skip > limits.max_skip {
            let message = format!("must be at most {}; go on with `cursor`", limits.max_skip);
            errors.push(FieldError::new("skip", "use_cursor", message));
        }
        if skip > 0 && self.cursor.is_some() {
            errors.push(FieldError::new(
                "skip",
                "conflicting",
                "cannot stand beside `cursor`",
            ));
        }
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }
        let count = self.count.unwrap_or_default();
        Ok(Page {
            limit,
            cursor: self.cursor,
            skip,
            count,
        })
    }
}

/// The parameters of a list: paging, and the filters `F`; strict like [`crate::Query`].
#[derive(Clone, Debug)]
pub struct ListQuery<F> {
    /// The paging parameters.
    pub page: PageQuery,
    /// All others.
    pub filter: F,
}

impl<S: Sync, F: DeserializeOwned> FromRequestParts<S> for ListQuery<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (paging, others) = pairs(parts.uri.query())
            .into_iter()
            .partition(|(key, _)| KEYS.contains(&key.as_ref()));
        Ok(Self {
            page: read(paging)?,
            filter: read(others)?,
        })
    }
}

/// The envelope of a page.
#[derive(Clone, Debug)]
pub struct List<T> {
    /// The member that holds the rows: `reports`.
    pub name: &'static str,
    /// The rows.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: Total,
    /// Rows left out before.
    pub skip: u32,
    /// Rows asked for.
    pub limit: u32,
    /// Where the next page begins; `None` on the last one.
    pub next_cursor: Option<String>,
    /// Where the page before ends; `None` on the first one, and in lists that only go forward.
    pub previous_cursor: Option<String>,
    /// Whether there is more.
    pub has_more: bool,
}

impl<T> List<T> {
    /// The answer to `asked`.
    pub fn new(name: &'static str, page: brisk_db::Page<T>, total: Total, asked: &Page) -> Self {
        Self {
            name,
            items: page.items,
            total,
            skip: asked.skip,
            limit: asked.limit,
            has_more: page.next_cursor.is_some(),
            next_cursor: page.next_cursor,
            previous_cursor: page.previous_cursor,
        }
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (total, estimate) = match self.total {
            Total::Exact(n) => (Some(n), false),
            Total::Estimate(n) => (Some(n), true),
            Total::Skipped => (None, false),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.name, &self.items)?;
        map.serialize_entry("items_total", &total)?;
        map.serialize_entry("total", &total)?;
        if estimate {
            map.serialize_entry("total_is_estimate", &true)?;
        }
        map.serialize_entry("skip", &self.skip)?;
        map.serialize_entry("limit", &self.limit)?;
        map.serialize_entry("has_more", &self.has_more)?;
        map.serialize_entry("next_cursor", &self.next_cursor)?;
        map.serialize_entry("previous_cursor", &self.previous_cursor)?;
        map.end()
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<Page, String> {
        let query: PageQuery = read(pairs(Some(query))).map_err(|p| p.code().to_owned())?;
        query
            .within(PageLimits::default())
            .map_err(|p| p.code().to_owned())
    }

    #[test]
    fn pages_stay_within_their_bounds() {
        assert_eq!(page("").unwrap().limit, 100);
        assert_eq!(page("limit=1000&skip=10000").unwrap().skip, 10_000);
        for (query, count) in [
            ("", Count::UpTo(500)),
            ("count=auto", Count::UpTo(500)),
            ("count=exact", Count::Exact),
            ("count=none", Count::Skip),
        ] {
            assert_eq!(page(query).unwrap().count.up_to(500), count, "{query}");
        }
        for (query, code) in [
            ("limit=0", "out_of_range"),
            ("limit=1001", "out_of_range"),
            ("skip=10001", "use_cursor"),
            ("skip=1&cursor=abc", "conflicting"),
            ("limit=-1", "wrong_type"),
            ("count=maybe", "wrong_type"),
        ] {
            assert_eq!(page(query).unwrap_err(), code, "{query}");
        }
    }

    #[test]
    fn the_envelope_says_whether_the_total_is_an_estimate() {
        let mut list = List {
            name: "reports",
            items: vec![1],
            total: Total::Estimate(500),
            skip: 0,
            limit: 1,
            next_cursor: Some("c".to_owned()),
            previous_cursor: None,
            has_more: true,
        };
        assert_eq!(
            serde_json::to_string(&list).unwrap(),
            r#"{"reports":[1],"items_total":500,"total":500,"total_is_estimate":true,"skip":0,"limit":1,"has_more":true,"next_cursor":"c","previous_cursor":null}"#
        );
        list.total = Total::Skipped;
        let json = serde_json::to_value(&list).unwrap();
        assert!(json["total"].is_null() && json.get("total_is_estimate").is_none());
    }
}
