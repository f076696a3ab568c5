//! Parameters in the path.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use brisk_core::{Class, FieldError};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Problem;

/// The parameters of the route's template; one that cannot be read is 422 with its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // No text of ours holds it, and PostgreSQL cannot even be asked for one that does.
        if parts.uri.path().contains("%00") {
            return Err(refused(ErrorKind::Message(
                "must not contain the character U+0000".to_owned(),
            )));
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failed)) => {
                Err(refused(failed.into_kind()))
            }
            Err(other) => Err(fault(&other.to_string())),
        }
    }
}

fn refused(kind: ErrorKind) -> Problem {
    let field = |name: String, message: String| {
        Problem::fields(vec![FieldError::new(name, "wrong_type", message)])
    };
    match kind {
        ErrorKind::ParseErrorAtKey {
            key, expected_type, ..
        } => field(key, format!("cannot be read as {expected_type}")),
        ErrorKind::ParseErrorAtIndex {
            index,
            expected_type,
            ..
        } => field(
            format!("path[{index}]"),
            format!("cannot be read as {expected_type}"),
        ),
        ErrorKind::ParseError { expected_type, .. } => field(
            "path".to_owned(),
            format!("cannot be read as {expected_type}"),
        ),
        ErrorKind::InvalidUtf8InPathParam { key } => field(key, "is not UTF-8".to_owned()),
        ErrorKind::DeserializeError { key, message, .. } => field(key, message),
        ErrorKind::Message(message) => field("path".to_owned(), message),
        other => fault(&other.to_string()),
    }
}

/// The handler asks for parameters that its route has not.
fn fault(chain: &str) -> Problem {
    Problem::new(
        Class::Internal,
        "internal",
        "something went wrong on our side",
    )
    .because(chain)
}
