//! The public end of the stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brisk_core::{Deadline, TenantId};
use tokio::sync::mpsc;

use super::change::{Event, ResetReason, Ticket};
use super::declare::Captured;
use super::hub::{Hub, Standing};
use super::position::Position;
use crate::database::Db;
use crate::error::Error;

/// The changes of this database's captured tables, whoever makes them, in order; from [`Db::changes`].
///
/// Each commit is told at least once and whole, and changes of one row in their order. On PostgreSQL it is told some
/// milliseconds after the commit, on SQLite before the one who wrote is answered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChangeStream {
    db: Db,
}

impl ChangeStream {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    fn hub(&self) -> &Arc<Hub> {
        self.db.hub()
    }

    /// Starts to read, once for each database; needs a tokio runtime. Subscribing starts it too.
    ///
    /// A server starts it although nobody listens: on PostgreSQL it is also what keeps the outbox small.
    pub fn start(&self) {
        if self.hub().start() {
            self.db.start_capture();
        }
    }

    /// Events from now on: what is read from the database after this call is either up to date or told of later.
    ///
    /// They wait in a bounded channel. A subscriber that falls too far behind finds a
    /// [`Reset`](Event::Reset) in place of what it missed; it never holds up a writer.
    pub fn subscribe(&self) -> Subscription {
        let (events, lagging) = self.hub().subscribe();
        self.start();
        Subscription::new(events, lagging)
    }

    /// Calls `hook` with every event, in order, before the same event reaches any subscriber, until the guard is
    /// dropped. It runs on the thread that tells, on SQLite that of the writer: it must be quick, not block, and not
    /// touch the stream.
    ///
    /// On SQLite it hears of a commit before the caller of that commit. On PostgreSQL it hears
    /// [`Wrote`](Event::Wrote) then, and of the exact changes some milliseconds later.
    #[must_use = "the hook is gone when this is dropped"]
    pub fn on_event(&self, hook: impl Fn(&Event) + Send + Sync + 'static) -> HookGuard {
        let guard = self.watch().on_event(hook);
        self.start();
        guard
    }

    /// Calls `told` whenever rows of these tables may have changed: with the tenant whose rows they are, or with none
    /// where they may be anybody's and whatever was derived from them is void. For what is kept in memory as long as the
    /// stream [is trusted](Self::is_trusted).
    ///
    /// As [`on_event`](Self::on_event), but it does not start the stream: a server does, and a command need not.
    #[must_use = "the hook is gone when this is dropped"]
    pub fn on_change_of(
        &self,
        tables: &'static [&'static str],
        told: impl Fn(Option<TenantId>) + Send + Sync + 'static,
    ) -> HookGuard {
        let concerns = |table: &str| tables.contains(&table);
        let hook = move |event: &Event| match event {
            Event::Committed(commit) => {
                let mut last = None;
                for change in commit.changes.iter().filter(|c| concerns(&c.table)) {
                    if last.replace(change.tenant) != Some(change.tenant) {
                        told(change.tenant);
                    }
                }
            }
            Event::Wrote(wrote) => {
                let named = wrote.tables.as_deref();
                if named.is_none_or(|named| named.iter().any(|table| concerns(table))) {
                    told(Some(wrote.tenant).filter(|t| *t != TenantId::PLATFORM));
                }
            }
            Event::Reset(_) | Event::Lost => told(None),
            Event::Trusted | Event::Reached(_) => {}
        };
        self.watch().on_event(hook)
    }

    /// The same stream, without the database.
    pub fn watch(&self) -> StreamWatch {
        StreamWatch::over(self.hub())
    }

    /// What is known about the stream at this moment.
    pub fn standing(&self) -> Standing {
        self.hub().standing()
    }

    /// Whether nothing older than the watchdog's second can be hidden; a few nanoseconds.
    pub fn is_trusted(&self) -> bool {
        self.hub().is_trusted()
    }

    /// Whether the exact changes of a [`Wrote`](Event::Wrote) have been told.
    pub fn has_passed(&self, ticket: Ticket) -> bool {
        self.hub().has_passed(ticket)
    }

    /// Up to where everything has been told; none before the first look.
    pub fn position(&self) -> Option<Position> {
        self.hub().head().borrow().clone()
    }

    /// Waits until everything that `position` includes has been told to this node's hooks and put before its
    /// subscribers.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] when the deadline passes first.
    pub async fn reached(&self, position: &Position, deadline: Deadline) -> Result<(), Error> {
        self.start();
        let mut head = self.hub().head();
        let waiting = head.wait_for(|head| head.as_ref().is_some_and(|h| h.includes(position)));
        let late = Error::Timeout {
            statement: "db.reached",
        };
        let reached = match deadline.instant() {
            None => waiting.await,
            Some(end) => match tokio::time::timeout_at(end.into(), waiting).await {
                Ok(reached) => reached,
                Err(_) => return Err(late),
            },
        };
        reached
            .map(drop)
            .map_err(|e| Error::unavailable("db.reached", e))
    }

    /// What is captured of a table, as known at this moment; none for a table that is not.
    pub fn captured(&self, table: &str) -> Option<Captured> {
        self.hub().declarations().get(table).cloned()
    }

    /// Whether any table is captured.
    pub fn captures_any(&self) -> bool {
        !self.hub().declarations().is_empty()
    }
}

/// The same stream for whoever must not keep the database open: what it is known to be, and hooks.
#[derive(Clone, Debug)]
pub struct StreamWatch {
    hub: Arc<Hub>,
}

impl StreamWatch {
    pub(super) fn over(hub: &Arc<Hub>) -> Self {
        Self {
            hub: Arc::clone(hub),
        }
    }

    /// As [`ChangeStream::is_trusted`].
    pub fn is_trusted(&self) -> bool {
        self.hub.is_trusted()
    }

    /// Whether anybody started the stream.
    pub fn is_started(&self) -> bool {
        self.hub.is_started()
    }

    /// As [`ChangeStream::has_passed`].
    pub fn has_passed(&self, ticket: Ticket) -> bool {
        self.hub.has_passed(ticket)
    }

    /// Waits until the exact changes of a [`Wrote`](Event::Wrote) have been told; as long as that takes.
    pub async fn pass(&self, ticket: Ticket) {
        self.hub.pass(ticket).await;
    }

    /// The next look at the database that begins from now on: whatever is committed by now is seen by it.
    pub fn next_look(&self) -> Ticket {
        self.hub.next_look()
    }

    /// As [`ChangeStream::position`].
    pub fn position(&self) -> Option<Position> {
        self.hub.head().borrow().clone()
    }

    /// As [`ChangeStream::captured`].
    pub fn captured(&self, table: &str) -> Option<Captured> {
        self.hub.declarations().get(table).cloned()
    }

    /// As [`ChangeStream::on_event`], but it does not start the stream: a server does, and a command need not.
    #[must_use = "the hook is gone when this is dropped"]
    pub fn on_event(&self, hook: impl Fn(&Event) + Send + Sync + 'static) -> HookGuard {
        HookGuard {
            hub: Arc::clone(&self.hub),
            id: self.hub.add_hook(Arc::new(hook)),
        }
    }
}

/// One subscriber's end. Dropped, it is forgotten.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Event>,
    lagging: Arc<AtomicBool>,
}

impl Subscription {
    pub(crate) const fn new(events: mpsc::Receiver<Event>, lagging: Arc<AtomicBool>) -> Self {
        Self { events, lagging }
    }

    /// The next event; none once the database is closed. Given up, it loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        match self.events.try_recv() {
            Ok(event) => Some(event),
            // What was missed came after all that waited, and nothing is put in before this is cleared.
            Err(_) if self.lagging.swap(false, Ordering::SeqCst) => {
                Some(Event::Reset(ResetReason::Slow))
            }
            Err(_) => self.events.recv().await,
        }
    }
}

/// Keeps a hook; see [`ChangeStream::on_event`].
#[derive(Debug)]
pub struct HookGuard {
    hub: Arc<Hub>,
    id: u64,
}

impl Drop for HookGuard {
    fn drop(&mut self) {
        self.hub.remove_hook(self.id);
    }
}
