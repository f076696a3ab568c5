//! Change capture: what is committed to declared tables, by whomever, told in order to everybody on this node.
//!
//! On PostgreSQL triggers write into the table `brisk_outbox`, in the transaction that makes the change, and a relay on
//! each node reads it by the difference of two snapshots. On SQLite the writer's own triggers keep notes in memory, which
//! are told after the commit. Both feed one [`ChangeStream`]. What is captured is declared by migrations, as rows of
//! `brisk_captured`.
//!
//! Left to others: what is done with a change. The surprising decision: nothing is kept about who has read what. A node
//! that starts or was cut off is told to forget everything instead.

mod change;
mod declare;
mod decode;
mod drain;
mod hub;
mod image;
mod layout;
mod metrics;
mod notes;
mod position;
mod postgres_triggers;
mod relay;
mod rotate;
#[cfg(feature = "testing")]
mod simulated;
mod snapshot;
mod sqlite_triggers;
mod stream;
mod sync;
mod task;
mod written;

pub use change::{
    Cell, Cells, Change, Commit, CommitId, Event, Reached, ResetReason, Ticket, What, Wrote,
};
pub use declare::Captured;
pub(crate) use drain::Drain;
pub(crate) use hub::Hub;
pub use hub::Standing;
pub(crate) use notes::Notes;
pub(crate) use position::position;
pub use position::{BadPosition, Position};
#[cfg(feature = "testing")]
pub use simulated::SimulatedStream;
pub use stream::{ChangeStream, HookGuard, StreamWatch, Subscription};
pub(crate) use task::{Task, migrated_postgres, migrated_sqlite};
pub(crate) use written::{Texts, tell};

/// How changes are noticed.
///
/// It is one decision for all nodes of a database: the one that migrates last makes the triggers, or takes them away,
/// and nodes that rely on them then know that they are blind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capture {
    /// Triggers write what changed into an outbox; nothing is missed, whoever writes.
    #[default]
    Outbox,
    /// No triggers: each process hears of its own statements only, by table and tenant. For a single process that
    /// writes alone.
    App,
    /// Nothing is noticed.
    Off,
}
