//! The context of a piece of work: for which tenant, by whom, until when, and at what cost.

use std::fmt;
use std::sync::Arc;

use crate::{Deadline, Hold, Ledger, Principal, TenantId};

/// The id of one request, as answered in `x-request-id` and written in every log line about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub Arc<str>);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Context only: it opens nothing and knows no database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scope {
    tenant: TenantId,
    principal: Arc<Principal>,
    deadline: Deadline,
    ledger: Arc<Ledger>,
    hold: Option<Hold>,
}

impl Scope {
    /// The scope of one request.
    pub const fn new(
        tenant: TenantId,
        principal: Arc<Principal>,
        deadline: Deadline,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            tenant,
            principal,
            deadline,
            ledger,
            hold: None,
        }
    }

    /// Our own work for `tenant`, without a deadline, with a ledger of its own.
    pub fn system(tenant: TenantId, subject: &str) -> Self {
        Self::new(
            tenant,
            Arc::new(Principal::system(subject)),
            Deadline::NONE,
            Arc::new(Ledger::default()),
        )
    }

    /// Our own work that belongs to no tenant.
    pub fn platform(subject: &str) -> Self {
        Self::system(TenantId::PLATFORM, subject)
    }

    /// The same work for another tenant; for platform callers and workers, whose right to it was checked before.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self {
            tenant,
            ..self.clone()
        }
    }

    /// The same work with an earlier end.
    #[must_use]
    pub fn shortened(&self, span: std::time::Duration) -> Self {
        Self {
            deadline: self.deadline.shortened(span),
            ..self.clone()
        }
    }

    /// The same work inside an open transaction, so that a call that leaves the program is noticed.
    #[must_use]
    pub fn held_by(&self, hold: &Hold) -> Self {
        Self {
            hold: Some(hold.clone()),
            ..self.clone()
        }
    }

    pub(crate) const fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Whose rows.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who asks.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Until when.
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// At what cost so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
