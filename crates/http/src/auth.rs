//! Who asks: the seam that the auth crate fills.

use std::sync::Arc;
use std::time::Duration;

use brisk_core::{Principal, Scope};
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;

use crate::Problem;

/// Turns the credentials of a request into a principal.
pub trait Authenticate: Send + Sync + 'static {
    /// Whether the request carries credentials at all; without them nobody is asked and the caller is the public.
    fn has_credentials(&self, parts: &Parts) -> bool {
        let headers = &parts.headers;
        headers.contains_key(AUTHORIZATION)
            || headers.contains_key("x-api-key")
            || headers.contains_key(COOKIE)
    }

    /// The principal of these credentials; `scope` is that of the public for this request: its deadline, at its cost.
    ///
    /// # Errors
    ///
    /// A 401 when the credentials are not good, a 503 when that cannot be found out now. A cookie that is not
    /// about signing in is no credential: answer with the public.
    fn authenticate<'a>(
        &'a self,
        parts: &'a Parts,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, Problem>>;

    /// Looks once more, past every cache, whether the caller of `scope` may still come in and has proved within `span` who it is; for what
    /// cannot be taken back. Without an own answer nobody has.
    ///
    /// # Errors
    ///
    /// As [`Authenticate::authenticate`], and [`Problem::reauthenticate`].
    fn confirm<'a>(
        &'a self,
        scope: &'a Scope,
        span: Duration,
    ) -> BoxFuture<'a, Result<(), Problem>> {
        let _ = (scope, span);
        Box::pin(std::future::ready(Err(Problem::reauthenticate())))
    }
}

/// Knows nobody: everybody is the public, and any credential is ignored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

impl Authenticate for Anonymous {
    fn has_credentials(&self, _: &Parts) -> bool {
        false
    }

    fn authenticate<'a>(
        &'a self,
        _: &'a Parts,
        _: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, Problem>> {
        Box::pin(std::future::ready(Ok(Arc::new(Principal::anonymous()))))
    }
}
