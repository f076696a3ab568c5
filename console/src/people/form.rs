//! Forms, taken from our own pages only.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::BodyExt as _;

use super::asked::message;

/// The fields of a form, each once.
#[derive(Debug)]
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// A field; nothing is as good as empty.
    pub(super) fn get(&self, field: &str) -> &str {
        self.0.get(field).map(String::as_str).unwrap_or_default()
    }

    /// A field that somebody filled in.
    pub(super) fn filled(&self, field: &str) -> Option<&str> {
        Some(self.get(field).trim()).filter(|text| !text.is_empty())
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Response> {
        if !is_own(request.headers()) {
            let why = "The form was not sent from a page of this installation.";
            return Err(message(StatusCode::FORBIDDEN, "This form is not ours", why));
        }
        let broken = |_| {
            message(
                StatusCode::BAD_REQUEST,
                "The form was not sent whole",
                "Please try again.",
            )
        };
        let body = request
            .into_body()
            .collect()
            .await
            .map_err(broken)?
            .to_bytes();
        let pairs = form_urlencoded::parse(&body).into_owned();
        Ok(Self(pairs.collect()))
    }
}

/// Whether a browser sent it from a page of the same host. A browser says so by itself, and no page of another host can say it
/// for us.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let host = text(HOST.as_str());
    let origin = text(ORIGIN.as_str()).and_then(|origin| origin.parse::<Uri>().ok());
    let origin = origin
        .as_ref()
        .and_then(Uri::authority)
        .map(http::uri::Authority::as_str);
    origin.is_some() && origin == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_hosts_are_refused() {
        let of = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_own(&headers)
        };
        assert!(of(&[("sec-fetch-site", "same-origin")]));
        assert!(
            !of(&[("sec-fetch-site", "cross-site")]) && !of(&[("sec-fetch-site", "same-site")])
        );
        assert!(of(&[
            ("host", "a.example:8080"),
            ("origin", "http://a.example:8080")
        ]));
        assert!(!of(&[
            ("host", "a.example"),
            ("origin", "https://b.example")
        ]));
        assert!(!of(&[("host", "a.example"), ("origin", "null")]) && !of(&[("host", "a.example")]));
        assert!(!of(&[]));
    }
}
