//! A load that stops at gates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Semaphore;

use super::truth::{Answer, Truth};

/// Asks the truth, for a cache that has no answer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Load(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    truth: Arc<Truth>,
    key: usize,
    /// What the transaction sees in which it runs.
    own: Option<Answer>,
    gates: Option<Arc<Gates>>,
    ran: AtomicBool,
}

impl Load {
    /// One that stops at `gates`.
    pub(super) fn stopping(truth: &Arc<Truth>, key: usize, gates: &Arc<Gates>) -> Self {
        Self::of(truth, key, None, Some(Arc::clone(gates)))
    }

    /// One that stops nowhere.
    pub(super) fn through(truth: &Arc<Truth>, key: usize) -> Self {
        Self::of(truth, key, None, None)
    }

    /// One inside a transaction that sees `own`.
    pub(super) fn inside(truth: &Arc<Truth>, key: usize, own: Answer) -> Self {
        Self::of(truth, key, Some(own), None)
    }

    fn of(truth: &Arc<Truth>, key: usize, own: Option<Answer>, gates: Option<Arc<Gates>>) -> Self {
        Self(Arc::new(Inner {
            truth: Arc::clone(truth),
            key,
            own,
            gates,
            ran: AtomicBool::new(false),
        }))
    }

    /// Reads.
    pub async fn run(&self) -> Answer {
        let inner = &*self.0;
        inner.ran.store(true, Ordering::Relaxed);
        if let Some(gates) = &inner.gates {
            gates.pass(Place::BeforeRead).await;
        }
        let answer = inner.own.unwrap_or_else(|| inner.truth.read(inner.key));
        if let Some(gates) = &inner.gates {
            gates.pass(Place::AfterRead).await;
        }
        answer
    }

    /// Whether anybody ran it.
    pub(super) fn has_run(&self) -> bool {
        self.0.ran.load(Ordering::Relaxed)
    }
}

/// Where a get is, as far as can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Place {
    /// In the cache: it has not come to its load, or waits for somebody else's.
    Cache,
    BeforeRead,
    AfterRead,
    /// It has its answer.
    Done,
}

/// Where one load stops.
#[derive(Debug)]
pub(super) struct Gates {
    place: AtomicU8,
    before: Semaphore,
    after: Semaphore,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            place: AtomicU8::new(Place::Cache as u8),
            before: Semaphore::new(0),
            after: Semaphore::new(0),
        }
    }
}

impl Gates {
    async fn pass(&self, place: Place) {
        self.arrive(place);
        let gate = match place {
            Place::AfterRead => &self.after,
            _ => &self.before,
        };
        // A gate that was opened stays open: a cache may load again.
        drop(gate.acquire().await);
    }

    pub(super) fn arrive(&self, place: Place) {
        self.place.store(place as u8, Ordering::Relaxed);
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        self.place.load(Ordering::Relaxed) == place as u8
    }

    pub(super) fn open_before(&self) {
        self.before.add_permits(1);
    }

    pub(super) fn open_after(&self) {
        self.after.add_permits(1);
    }
}
