//! Answers of the API, and what is shown instead of a page.

use askama::Template as _;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use crate::policy::POLICY;
use crate::view::MessagePage;

/// An answer of the API.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Answer {
    /// A field of the body as text; empty where it is none.
    pub(super) fn text(&self, field: &str) -> &str {
        text(&self.body, field)
    }

    /// What went wrong, in words for whoever filled in the form: each field, or the whole.
    pub(super) fn trouble(&self) -> Vec<String> {
        let fields = self.body["errors"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let told: Vec<String> = fields
            .iter()
            .map(|e| {
                format!(
                    "{}: {}",
                    text(e, "field").replace('_', " "),
                    text(e, "message")
                )
            })
            .collect();
        if told.is_empty() {
            let mut whole = self.text("detail").to_owned();
            if let Some(first) = whole.get(..1).map(str::to_uppercase) {
                whole.replace_range(..1, &first);
            }
            vec![whole]
        } else {
            told
        }
    }

    /// The page for an answer that is no good: to the sign-in for whoever is not signed in, else a message.
    pub(super) fn instead(&self, from: &str) -> Response {
        match self.status {
            StatusCode::UNAUTHORIZED => to_sign_in(from),
            StatusCode::FORBIDDEN => {
                let need = self.text("required");
                let why = if need.is_empty() {
                    "You are signed in, and this is not for you to see or do.".to_owned()
                } else {
                    format!("This needs the permission {need}, which none of your roles has.")
                };
                message(StatusCode::FORBIDDEN, "You may not do this", &why)
            }
            StatusCode::NOT_FOUND => message(
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "It was deleted, or the address is mistyped.",
            ),
            status => message(status, "This did not work", &self.trouble().join(" ")),
        }
    }
}

/// A member of an object as text; empty where it is none.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// To the sign-in, and back here after it.
pub(super) fn to_sign_in(from: &str) -> Response {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("to", from)
        .finish();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}

/// A page as it goes out.
pub(super) fn html(status: StatusCode, html: String) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(html)).into_response()
}

/// A page that says one thing.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let page = MessagePage::new(title, text);
    html(status, page.render().unwrap_or_default())
}
