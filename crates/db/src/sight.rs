//! What the reads of a session must see, where a replica may answer them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use brisk_core::{PrincipalKind, Scope, TenantId};
use uuid::Uuid;

use crate::capture::Position;
use crate::session::Session;

/// Goes with a session and its clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    /// Reads are not for a replica.
    pub(crate) primary: bool,
    /// Places in the stream of commits that reads must include.
    pub(crate) after: Vec<Arc<Position>>,
    /// When this session or one of its clones wrote last; none without a replica.
    pub(crate) wrote: Option<Arc<Latest>>,
}

impl Sight {
    /// Whether a replica may be asked at all. Our own work acts on what others have just written, so it reads on the primary
    /// unless it says how far a replica must be.
    pub(crate) fn allows_replica(&self, scope: &Scope) -> bool {
        let is_ours = scope.principal().kind == PrincipalKind::System;
        !self.primary && (!is_ours || !self.after.is_empty())
    }
}

/// The latest of some moments.
#[derive(Debug, Default)]
pub(crate) struct Latest(AtomicU64);

impl Latest {
    pub(crate) fn note(&self, at: Instant) {
        self.0.fetch_max(micros(at), Ordering::Relaxed);
    }

    /// Whether all of them were before `then`.
    pub(crate) fn is_before(&self, then: Instant) -> bool {
        let latest = self.0.load(Ordering::Relaxed);
        latest == 0 || latest < micros(then)
    }
}

/// Since the first call in this process; never zero.
fn micros(at: Instant) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(|| at);
    u64::try_from(at.saturating_duration_since(start).as_micros()).unwrap_or(u64::MAX) + 1
}

/// Somebody whose writes all of their sessions on this node see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    tenant: TenantId,
    id: Uuid,
    /// The name's hash, where there is no id. Two names of one hash wait for each other's writes, which harms nobody.
    name: u64,
}

impl Caller {
    pub(crate) fn of(scope: &Scope) -> Self {
        let principal = scope.principal();
        let name = if principal.id.is_nil() {
            let mut hasher = DefaultHasher::new();
            principal.subject.hash(&mut hasher);
            hasher.finish()
        } else {
            0
        };
        Self {
            tenant: scope.tenant(),
            id: principal.id,
            name,
        }
    }
}

impl Session {
    /// The same session, whose reads are answered by the primary alone.
    ///
    /// For what is kept and shown to others: a cache that a replica fills would keep what the stream of changes had told
    /// it to forget before. Where there is no replica it changes nothing.
    #[must_use]
    pub fn primary(&self) -> Self {
        let mut session = self.clone();
        session.sight.primary = true;
        session
    }

    /// The same session, whose reads include what `position` includes: that of a write on another node, carried here by a
    /// token or a header.
    ///
    /// Reads on the primary always do. A replica is asked only when it has come that far. Whoever reads through a cache
    /// waits with [`ChangeStream::reached`](crate::ChangeStream::reached) instead.
    #[must_use]
    pub fn after(&self, position: &Position) -> Self {
        let mut session = self.clone();
        session.sight.after.push(Arc::new(position.clone()));
        session
    }
}
