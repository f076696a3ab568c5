//! Who asks, in its tenant.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use brisk_core::{Scope, TenantId};
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
        if let Some(place) = parts.extensions.get::<Place>() {
            place.is(scope.tenant());
        }
        Ok(Self(scope))
    }
}

/// The tenant in which a request turns out to act, for whoever stands around its handler.
#[derive(Clone, Debug, Default)]
pub(super) struct Place(Arc<OnceLock<TenantId>>);

impl Place {
    fn is(&self, tenant: TenantId) {
        self.0.get_or_init(|| tenant);
    }

    /// The tenant, where somebody was let into one.
    pub(super) fn tenant(&self) -> Option<TenantId> {
        self.0.get().copied()
    }
}
