//! Changes of what the caller has seen, and of nothing newer (`If-Match`, RFC 9110 section 13.1.1).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use brisk_http::json_with_etag;
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

/// The tags that the caller names; none means that any version will do.
#[derive(Clone, Debug)]
pub(super) struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    fn of(headers: &HeaderMap) -> Self {
        let named = headers.get_all(IF_MATCH);
        let tags: Vec<String> = named
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(|tag| bare(tag).to_owned())
            .collect();
        Self(headers.contains_key(IF_MATCH).then_some(tags))
    }

    /// Whether `value` is what the caller has seen.
    ///
    /// A weak tag counts as the strong one: a compressed answer carries the weak form of the same tag.
    pub(super) fn is_met<T: Serialize>(&self, value: &T) -> bool {
        let Some(named) = &self.0 else {
            return true;
        };
        let answer = json_with_etag(&HeaderMap::new(), value);
        let tag = answer.headers().get(ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(bare);
        named
            .iter()
            .any(|one| one == "*" || Some(one.as_str()) == tag)
    }
}

fn bare(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The address of what was made, below the address that was posted to.
pub(super) fn location(
    base: &str,
    id: impl std::fmt::Display,
) -> [(http::HeaderName, HeaderValue); 1] {
    let path = format!("{base}/{id}");
    let value = HeaderValue::try_from(path).expect("paths and ids are plain ASCII");
    [(http::header::LOCATION, value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_goes_to_the_version_that_is_named() {
        let value = serde_json::json!({"a": 1});
        let answer = json_with_etag(&HeaderMap::new(), &value);
        let tag = answer.headers()[ETAG].to_str().unwrap().to_owned();
        let met = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::try_from(text).unwrap());
            IfMatch::of(&headers).is_met(&value)
        };
        assert!(met(&tag) && met("*") && met(&format!("W/{tag}")) && met(&format!("\"x\", {tag}")));
        assert!(!met("\"x\"") && !met(""));
        assert!(IfMatch::of(&HeaderMap::new()).is_met(&value));
    }
}
