//! The context of a piece of work: for which tenant, by whom, until when, and at what cost.

use std::fmt;
use std::sync::Arc;

use crate::{Deadline, Excuse, FindingKind, Hold, Ledger, Principal, TenantId};

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
    transaction: u32,
    excuse: Option<(FindingKind, &'static str)>,
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
            transaction: 0,
            excuse: None,
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

    /// Work of ours that others may wait for too, and that goes on when this work is given up: for `tenant`, named `subject`,
    /// until `span` from now, at the cost of the same ledger and with the same excuse.
    #[must_use]
    pub fn apart(&self, tenant: TenantId, subject: &str, span: std::time::Duration) -> Self {
        let apart = Self::new(
            tenant,
            Arc::new(Principal::system(subject)),
            Deadline::after(span),
            Arc::clone(&self.ledger),
        );
        Self {
            excuse: self.excuse,
            ..apart
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

    /// The same work at the cost of another ledger.
    #[must_use]
    pub fn counted_in(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger, ..self }
    }

    /// The same work where findings of this kind are meant to be; `reason` stands beside them wherever they are shown.
    #[must_use]
    pub fn expecting(&self, kind: FindingKind, reason: &'static str) -> Self {
        Self {
            excuse: Some((kind, reason)),
            ..self.clone()
        }
    }

    /// The same work inside one more attempt of a transaction, for its trace.
    #[must_use]
    pub fn in_transaction(&self) -> Self {
        Self {
            transaction: self.ledger.next_transaction(),
            ..self.clone()
        }
    }

    /// The number of the transaction in the trace; 0 outside, and where no trace is kept.
    pub const fn transaction(&self) -> u32 {
        self.transaction
    }

    /// What is meant to be so in this work, for its trace.
    pub fn excuse(&self) -> Option<Excuse> {
        let (kind, reason) = self.excuse?;
        Some(Excuse {
            kind,
            reason: reason.into(),
        })
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
