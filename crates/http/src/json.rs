//! JSON bodies in and out.

use axum::body::Body;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use brisk_core::{Class, FieldError};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON body.
///
/// In: another content type is 415, broken JSON 400, JSON of the wrong shape 422 with the field's path. Out: JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

/// Rules that types cannot state; every broken one is reported in one answer.
pub trait Check {
    /// Adds an entry for each wrong field.
    fn check(&self, errors: &mut Vec<FieldError>);
}

/// A JSON body whose rules hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Valid<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request).await.map(Self)
    }
}

/// A body that may be left out, together with its content type.
impl<S: Send + Sync, T: DeserializeOwned> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(CONTENT_TYPE) && !request.body().is_end_stream() {
            return read(request).await.map(|value| Some(Self(value)));
        }
        let body = collect(request.into_body()).await?;
        // Whoever sends something has to say what it is.
        if body.is_empty() {
            Ok(None)
        } else {
            Err(not_json())
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Check> FromRequest<S> for Valid<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let value: T = read(request).await?;
        let mut errors = Vec::new();
        value.check(&mut errors);
        if errors.is_empty() {
            Ok(Self(value))
        } else {
            Err(Problem::fields(errors))
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Most answers are single rows; growing from nothing would copy four times.
        let mut body = Vec::with_capacity(256);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => {
                let mut response = Response::new(Body::from(body));
                response.headers_mut().insert(CONTENT_TYPE, JSON);
                response
            }
            Err(error) => crate::etag::unwritable(&error).into_response(),
        }
    }
}

async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    if !kind.is_some_and(is_json) {
        return Err(not_json());
    }
    let bytes = collect(request.into_body()).await?;
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| wrong_shape(&e))?;
    reader.end().map_err(|e| malformed(&e))?;
    Ok(value)
}

/// A value of JSON that came otherwise than as a body, as this type.
///
/// # Errors
///
/// 422 with the path of the field that is wrong, as for a body.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|e| wrong_shape(&e))
}

fn not_json() -> Problem {
    Problem::new(
        Class::UnsupportedMedia,
        "unsupported_media_type",
        "this route reads JSON; send `content-type: application/json`",
    )
}

/// `application/json` and `application/anything+json`, with or without parameters.
fn is_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let Some((top, sub)) = essence.split_once('/') else {
        return false;
    };
    let sub = sub.to_ascii_lowercase();
    top.eq_ignore_ascii_case("application") && (sub == "json" || sub.ends_with("+json"))
}

pub(crate) fn too_large() -> Problem {
    Problem::new(
        Class::TooLarge,
        "body_too_large",
        "the body is larger than this route takes",
    )
}

async fn collect(body: Body) -> Result<Bytes, Problem> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_over_limit(&error) => Err(too_large()),
        Err(_gone) => Err(Problem::new(
            Class::Malformed,
            "body_incomplete",
            "the body ended too early",
        )),
    }
}

fn is_over_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn malformed(error: &serde_json::Error) -> Problem {
    let at = format!(
        "the body is not JSON: line {}, column {}",
        error.line(),
        error.column()
    );
    Problem::new(Class::Malformed, "malformed_json", at)
}

fn wrong_shape(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let inner = error.inner();
    if !inner.is_data() {
        return malformed(inner);
    }
    // The library appends where it stood in the text; the field's path says it better.
    let text = inner.to_string();
    let text = text
        .rfind(" at line ")
        .map_or(text.as_str(), |end| &text[..end]);
    Problem::fields(vec![field_error(&error.path().to_string(), text)])
}

/// A field error out of serde's message; names what is missing or unknown by its own path.
pub(crate) fn field_error(path: &str, text: &str) -> FieldError {
    let path = if path == "." { "" } else { path };
    let quoted = text.split('`').nth(1).unwrap_or_default();
    let (code, message) = if text.starts_with("missing field") {
        ("missing_field", "is required".to_owned())
    } else if text.starts_with("unknown field") {
        let known = text.split_once(", ").map_or("", |(_, rest)| rest);
        ("unknown_field", format!("is not known here; {known}"))
    } else {
        ("wrong_type", text.to_owned())
    };
    let names_own = code != "wrong_type" && path.rsplit('.').next() != Some(quoted);
    let field = match (names_own, path.is_empty()) {
        (true, true) => quoted.to_owned(),
        (true, false) => format!("{path}.{quoted}"),
        (false, _) => path.to_owned(),
    };
    FieldError::new(field, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_that_are_json() {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in ["text/json", "application/jsonp", "text/plain", ""] {
            assert!(!is_json(kind), "{kind}");
        }
    }

    #[test]
    fn missing_and_unknown_fields_are_named_by_their_own_path() {
        let missing = field_error("contact", "missing field `email`");
        assert_eq!(
            (missing.field.as_ref(), missing.code.as_ref()),
            ("contact.email", "missing_field")
        );
        let unknown = field_error("contact.mail", "unknown field `mail`, expected `email`");
        assert_eq!(
            (unknown.field.as_ref(), unknown.code.as_ref()),
            ("contact.mail", "unknown_field")
        );
        assert_eq!(field_error(".", "missing field `a`").field, "a");
    }
}
