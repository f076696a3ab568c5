//! What the boards are made of in the model.

pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock};

use brisk_db::Ticket;

pub(crate) const TENANTS: usize = 1;
pub(crate) const ROWS: usize = 1;

/// As the stream of `brisk-db` keeps it: looks at the database that were begun, and the latest that was told to its end.
#[derive(Debug, Default)]
pub(crate) struct StreamWatch {
    begun: AtomicU64,
    passed: AtomicU64,
}

impl StreamWatch {
    pub(crate) fn look(&self) -> Ticket {
        Ticket::from_raw(self.begun.fetch_add(1, Ordering::SeqCst) + 1)
    }

    pub(crate) fn next_look(&self) -> Ticket {
        Ticket::from_raw(self.begun.load(Ordering::SeqCst) + 1)
    }

    pub(crate) fn looked(&self, look: Ticket) {
        self.passed.fetch_max(look.get(), Ordering::SeqCst);
    }

    pub(crate) fn has_passed(&self, ticket: Ticket) -> bool {
        self.passed.load(Ordering::SeqCst) >= ticket.get()
    }
}
