//! Bodies of requests.

use axum::extract::{FromRequest, Request};
use brisk_core::Class;
use brisk_http::{Json, Problem};
use http::StatusCode;
use serde::de::DeserializeOwned;

/// A JSON body. What is no JSON at all is as invalid here as JSON of another shape: both are 422.
#[derive(Clone, Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
                Err(problem.as_class(Class::Invalid))
            }
            Err(problem) => Err(problem),
        }
    }
}
