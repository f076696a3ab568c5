//! What is answered where no route is.

use askama::Template as _;
use axum::response::{Html, IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::policy::POLICY;
use crate::view::MessagePage;

/// Answers an unknown path: a page for browsers, an empty 404 for everybody else, which the edge turns into a problem
/// document.
pub async fn not_found(method: Method, headers: HeaderMap) -> Response {
    let vary = [(VARY, HeaderValue::from_static("accept"))];
    if !(matches!(method, Method::GET | Method::HEAD) && wants_html(&headers)) {
        return (StatusCode::NOT_FOUND, vary).into_response();
    }
    let page = MessagePage::new(
        "There is no page here",
        "The address may be mistyped, or the page has moved.",
    );
    let html = page.render().unwrap_or_default();
    let policy = [(CONTENT_SECURITY_POLICY, POLICY.clone())];
    (StatusCode::NOT_FOUND, vary, policy, Html(html)).into_response()
}

/// A browser names `text/html` itself; API clients send `*/*` or nothing.
fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let html = pieces
                .next()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
            html && !pieces.any(|p| matches!(p, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}
