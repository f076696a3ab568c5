//! A change stream that a test moves by hand: without a database, and without a clock that ends its trust.

use std::sync::Arc;

use brisk_core::TenantId;

use super::change::{
    Cell, Cells, Change, Commit, CommitId, Event, Number, ResetReason, Ticket, Wrote,
};
use super::declare::{Captured, Declarations};
use super::hub::Hub;
use super::stream::StreamWatch;

/// What the relay of a database does, done by a test. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct SimulatedStream {
    hub: Arc<Hub>,
}

impl SimulatedStream {
    /// One that captures these tables and is trusted.
    pub fn of(tables: Vec<Captured>) -> Self {
        let stream = Self::default();
        stream.hub.declare(Declarations::new(tables, &[]));
        stream.trust();
        stream
    }

    /// Its other end.
    pub fn watch(&self) -> StreamWatch {
        StreamWatch::over(&self.hub)
    }

    /// Tells of a commit.
    pub fn commit(&self, changes: Vec<Change>) {
        self.hub.commit(Commit::of(changes));
    }

    /// Tells what this process has just committed; the exact changes are told by a look that begins later.
    pub fn wrote(&self, tables: &[Arc<str>], tenant: TenantId) {
        self.hub.tell_hooks(&Event::Wrote(Arc::new(Wrote {
            tables: Some(tables.into()),
            tenant,
            ticket: self.hub.next_look(),
        })));
    }

    /// A look at the database begins.
    pub fn look(&self) -> Ticket {
        self.hub.look()
    }

    /// All that the look saw has been told.
    pub fn looked(&self, look: Ticket) {
        self.hub.passed(look);
    }

    /// Everything that was told before is void.
    pub fn reset(&self) {
        self.hub.publish(&Event::Reset(ResetReason::Flood));
    }

    /// It is cut off, and this has been noticed.
    pub fn lose(&self) {
        self.hub.lose();
    }

    /// It tells everything again, until it is lost.
    pub fn trust(&self) {
        self.hub.trust_for_good();
    }
}

impl CommitId {
    /// A transaction of a server.
    pub const fn transaction(xid: u64) -> Self {
        Self(Number::Transaction(xid))
    }
}

impl Cells {
    /// Cells with their names.
    pub fn of(cells: impl IntoIterator<Item = (&'static str, Cell)>) -> Self {
        let (names, cells): (Vec<Arc<str>>, Vec<Cell>) =
            cells.into_iter().map(|(name, c)| (name.into(), c)).unzip();
        Self::new(&names.into(), cells.into())
    }
}
