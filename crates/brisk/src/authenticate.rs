//! Connects the edge's seams with the keys and tenants of `brisk-auth`.

use std::sync::Arc;

use brisk_auth::{Keys, TenantDirectory, TenantStatus, presented};
use brisk_core::{Principal, TenantId};
use brisk_http::{Authenticate, Problem};
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

const API_KEY: &str = "x-api-key";

/// Knows callers by their API key; any other credential in those two headers is refused.
#[derive(Debug)]
pub(crate) struct ByKey(pub(crate) Keys);

impl Authenticate for ByKey {
    fn has_credentials(&self, parts: &Parts) -> bool {
        parts.headers.contains_key(API_KEY) || parts.headers.contains_key(AUTHORIZATION)
    }

    fn authenticate<'a>(
        &'a self,
        parts: &'a Parts,
    ) -> BoxFuture<'a, Result<Arc<Principal>, Problem>> {
        Box::pin(async move {
            let text = |name: &str| text(&parts.headers, name);
            let Some(key) = presented(text(API_KEY), text(AUTHORIZATION.as_str())) else {
                return Err(Problem::unauthenticated());
            };
            Ok(Arc::new(self.0.authenticate(key).await?))
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A tenant is served while it is active.
#[derive(Debug)]
pub(crate) struct Served(pub(crate) TenantDirectory);

impl brisk_http::TenantDirectory for Served {
    fn exists(&self, tenant: TenantId) -> BoxFuture<'_, Result<bool, Problem>> {
        Box::pin(async move {
            let found = self.0.get(tenant).await?;
            Ok(found.is_some_and(|tenant| tenant.status == TenantStatus::Active))
        })
    }
}
