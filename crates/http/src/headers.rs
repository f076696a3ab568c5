//! The headers that every answer carries.

use std::sync::Arc;
use std::time::Duration;

use brisk_core::{Ids, RequestId, Summary};
use brisk_telemetry::server_timing;
use http::header::{Entry, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The longest request id that we take over; UUIDs and trace ids are shorter.
const LONGEST_ID: usize = 64;

/// The client's id when it is harmless in a log and a header, else a new one.
pub(crate) fn request_id(headers: &HeaderMap, ids: &Ids) -> RequestId {
    let sane = |id: &&str| {
        (8..=LONGEST_ID).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let given = headers
        .get(REQUEST_ID)
        .and_then(|v| v.to_str().ok())
        .filter(sane);
    let Some(id) = given else {
        let mut buffer = uuid::Uuid::encode_buffer();
        return RequestId(Arc::from(&*ids.uuid().simple().encode_lower(&mut buffer)));
    };
    RequestId(id.into())
}

pub(crate) fn identify(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
}

/// What keeps a browser from guessing types, framing our pages and telling others where it was. A page may set its own.
pub(crate) fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ] {
        if let Entry::Vacant(slot) = headers.entry(name) {
            slot.insert(value);
        }
    }
}

pub(crate) fn time(headers: &mut HeaderMap, cost: &Summary, elapsed: Duration) {
    if let Ok(value) = HeaderValue::try_from(server_timing(cost, elapsed)) {
        headers.insert(SERVER_TIMING, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        let ids = Ids::counting();
        let mut headers = HeaderMap::new();
        let mut id = |text: &str| {
            headers.insert(
                REQUEST_ID,
                HeaderValue::from_bytes(text.as_bytes()).unwrap(),
            );
            request_id(&headers, &ids).0.to_string()
        };
        assert_eq!(id("trace-1234.A_b"), "trace-1234.A_b");
        for bad in [
            "short",
            "with space in it",
            "semi;colon-here",
            &"x".repeat(65),
            "ünïcödé-id",
        ] {
            assert_ne!(id(bad), bad);
        }
    }
}
