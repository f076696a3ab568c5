//! Who is at the other end.

use std::sync::Arc;

use brisk_core::{Deadline, Principal, TenantId};
use brisk_http::{Bearer, Exchange, Problem};
use jiff::Timestamp;

/// The one identity of a connection.
#[derive(Debug)]
pub(crate) struct Identity {
    bearer: Bearer,
    pub(crate) principal: Arc<Principal>,
    pub(crate) tenant: TenantId,
}

impl Identity {
    /// The identity of a token `Bearer ...`; none for whoever is not known, belongs to no tenant, or cannot be asked about.
    pub(crate) async fn of(exchange: &Exchange, token: &str, deadline: Deadline) -> Option<Self> {
        if !token.starts_with("Bearer ") {
            return None;
        }
        let bearer = exchange.bearer(token).ok()?;
        match bearer.principal(deadline).await {
            Ok(principal) => Some(Self {
                tenant: principal.tenant?,
                bearer,
                principal,
            }),
            Err(problem) => {
                tracing::debug!(code = problem.code(), "a connection was refused");
                None
            }
        }
    }

    /// When the token ends; never for a key.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        Some(self.principal.sign_in.as_ref()?.expires_at)
    }

    /// Whether this is the same person, client or key.
    pub(crate) fn is_same(&self, other: &Principal) -> bool {
        let own = &*self.principal;
        (own.kind, own.id, own.tenant) == (other.kind, other.id, other.tenant)
    }

    /// Whom the token speaks for now.
    pub(crate) async fn principal_now(
        &self,
        deadline: Deadline,
    ) -> Result<Arc<Principal>, Problem> {
        self.bearer.principal(deadline).await
    }
}
