//! Compression of answers that are worth it.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, Request};
use http_body::Body as _;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// Whether the answer is text, not yet encoded, of a known size and large enough.
pub(crate) fn is_worth_it(response: &Response, above: u64) -> bool {
    let size = response.body().size_hint().exact();
    size.is_some_and(|n| n >= above) && is_text(response.headers())
}

/// Compresses with gzip at the fastest level where the client takes it: on two cores a denser one costs more time
/// than it saves on a LAN.
pub(crate) async fn compress(response: Response, accept: HeaderValue) -> Response {
    let mut request = Request::new(());
    request.headers_mut().insert(ACCEPT_ENCODING, accept);
    let mut once = Some(response);
    let service = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(tower_http::compression::predicate::SizeAbove::new(0))
        .layer(service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(
                once.take().expect("the service is called once"),
            ))
        }));
    let mut response = match service.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    if response.headers().contains_key(CONTENT_ENCODING) {
        weaken(response.headers_mut());
    }
    response
}

fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) || headers.contains_key(CONTENT_RANGE) {
        return false;
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    kind.starts_with("text/") && !kind.starts_with("text/event-stream")
        || ["json", "xml", "javascript"]
            .iter()
            .any(|word| kind.contains(word))
}

/// A strong tag promises equal bytes, which two encodings of one body have not.
fn weaken(headers: &mut HeaderMap) {
    let weak = headers
        .get(ETAG)
        .and_then(|tag| tag.to_str().ok())
        .filter(|tag| !tag.starts_with("W/"))
        .and_then(|tag| HeaderValue::try_from(format!("W/{tag}")).ok());
    if let Some(weak) = weak {
        headers.insert(ETAG, weak);
    }
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
}
