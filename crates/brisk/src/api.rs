//! The program's own API, called without a socket.

use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use brisk_core::Class;
use brisk_http::Problem;
use http::Request;
use tower::ServiceExt as _;

/// All routes of the program, as clients meet them: through the whole pipeline, with its limits and rights. For pages that
/// stand beside the API and must not be able to do more than it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Api(Arc<OnceLock<Router>>);

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

impl Api {
    pub(crate) fn is(&self, router: Router) {
        // A kit is served once.
        drop(self.0.set(router));
    }

    /// The answer to a request; a 503 before the program is ready.
    pub async fn call(&self, request: Request<Body>) -> Response {
        match self.0.get() {
            Some(router) => match router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            None => Problem::new(
                Class::Unavailable,
                "starting",
                "the program is just starting",
            )
            .into_response(),
        }
    }
}
