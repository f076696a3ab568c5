//! Entity tags for single reads.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use brisk_core::Class;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::Problem;

/// `value` as JSON with a tag over its bytes; 304 without a body when the client has it already.
///
/// The tag is the same on every node and after a restart.
pub fn json_with_etag<T: Serialize>(headers: &HeaderMap, value: &T) -> Response {
    let body = match serde_json::to_vec(value) {
        Ok(body) => body,
        Err(error) => return unwritable(&error).into_response(),
    };
    let tag = HeaderValue::try_from(format!("\"{:032x}\"", xxh3_128(&body)))
        .expect("hexadecimal digits in quotes may stand in a header");
    let fresh = matches_etag(headers, tag.to_str().unwrap_or_default());
    let mut response = Response::new(if fresh {
        Body::empty()
    } else {
        Body::from(body)
    });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, crate::json::JSON);
    }
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Whether `If-None-Match` names `tag` (compared weakly, RFC 9110 section 13.1.2) or is `*`.
pub fn matches_etag(headers: &HeaderMap, tag: &str) -> bool {
    let bare = |t: &str| t.trim().trim_start_matches("W/").to_owned();
    let tag = bare(tag);
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|one| one.trim() == "*" || bare(one) == tag)
}

pub(crate) fn unwritable(error: &serde_json::Error) -> Problem {
    Problem::new(
        Class::Internal,
        "internal",
        "something went wrong on our side",
    )
    .because(format!("the answer cannot be written as JSON: {error}"))
}
