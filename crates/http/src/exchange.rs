//! What is known about one request; extractors take their parts from it.

use std::net::IpAddr;
use std::sync::Arc;

use brisk_core::{Deadline, Ledger, Principal, RequestId};
use http::request::Parts;
use ipnet::IpNet;

use crate::caller::TenantDirectory;
use crate::{Authenticate, Problem, config::Environment};

/// What the pipeline knows about one request, in the request's extensions as `Arc<Exchange>`.
pub struct Exchange {
    /// The request's id.
    pub request_id: RequestId,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// Until when.
    pub deadline: Deadline,
    /// At what cost.
    pub ledger: Arc<Ledger>,
    /// From where, past the proxies that are trusted.
    pub client: IpAddr,
    /// Where the program runs.
    pub environment: Environment,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) tenants: Option<Arc<dyn TenantDirectory>>,
    /// Networks from which anybody may see what the program costs.
    pub(crate) insight: Option<Arc<[IpNet]>>,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("request_id", &self.request_id)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

impl Exchange {
    /// The exchange of this request.
    ///
    /// # Errors
    ///
    /// A 500 where the router was not wrapped by [`crate::Edge`]: a fault in the program, not in the request.
    pub fn of(parts: &Parts) -> Result<Arc<Self>, Problem> {
        parts.extensions.get::<Arc<Self>>().cloned().ok_or_else(|| {
            Problem::new(
                brisk_core::Class::Internal,
                "internal",
                "something went wrong on our side",
            )
            .because("an extractor of brisk-http was used outside the edge's pipeline")
        })
    }
}
