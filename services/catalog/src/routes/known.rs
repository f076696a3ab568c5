//! Who asks, in its tenant.

use axum::extract::FromRequestParts;
use brisk_core::Scope;
use brisk_http::{Auth, Problem, TenantScope};
use http::request::Parts;

/// The scope of somebody who is known, in its own tenant; who runs the installation names one by `tenant_id`. The public is
/// answered 401.
#[derive(Clone, Debug)]
pub(super) struct Known(pub(super) Scope);

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Auth::from_request_parts(parts, state).await?;
        let TenantScope(scope) = TenantScope::from_request_parts(parts, state).await?;
        Ok(Self(scope))
    }
}
