//! Where the relay puts events and everybody else takes them: hooks at once, subscribers through bounded channels.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

use brisk_core::Ticks;
use tokio::sync::{Notify, mpsc, watch};

use super::change::{Commit, CommitId, Event, Number, Reached, ResetReason, Ticket};
use super::declare::Declarations;
use super::metrics;
use super::position::{At, Position};

/// Without a successful look for so long the stream is lost: the promised bound of staleness.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(1);

/// Events that may wait for one subscriber; one that falls further behind is told that it lost track.
const WAITING: usize = 1_024;

type Hook = Arc<dyn Fn(&Event) + Send + Sync>;

/// What is known about the stream at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is captured, capture is switched off, or the stream was not started.
    Off,
    /// All that was committed before `as_of` has been told.
    Trusted {
        /// When the last successful look began.
        as_of: Instant,
    },
    /// Nobody knows what was committed after `since`.
    Lost {
        /// When the last successful look began, or the stream was started.
        since: Instant,
    },
}

/// The middle of the stream of one process.
pub(crate) struct Hub {
    hooks: RwLock<Arc<[(u64, Hook)]>>,
    next_hook: AtomicU64,
    subscribers: Mutex<Vec<Subscriber>>,
    head: watch::Sender<Option<Position>>,
    declarations: RwLock<Arc<Declarations>>,
    phase: Mutex<Phase>,
    /// The tick until which the stream is trusted; readers look here only.
    trusted_until: AtomicU64,
    /// Looks at the database that were begun, and the latest of those that were told to their end.
    begun: AtomicU64,
    passed: AtomicU64,
    passing: Notify,
    /// Tells this process's counts from those of others.
    process: u64,
    commits: AtomicU64,
    started: AtomicBool,
    /// Wakes the relay: something was declared anew, or this process wrote.
    pub(crate) wake: Notify,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Off,
    Lost(Instant),
    Trusted(Instant),
}

#[derive(Debug)]
struct Subscriber {
    events: mpsc::Sender<Event>,
    lagging: Arc<AtomicBool>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("standing", &self.standing())
            .finish_non_exhaustive()
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            hooks: RwLock::new(Arc::new([])),
            next_hook: AtomicU64::new(0),
            subscribers: Mutex::default(),
            head: watch::Sender::new(None),
            declarations: RwLock::default(),
            phase: Mutex::new(Phase::Off),
            trusted_until: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            passing: Notify::new(),
            process: RandomState::new().build_hasher().finish(),
            commits: AtomicU64::new(0),
            started: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }
}

impl Hub {
    /// Whether this call is the first.
    pub(crate) fn start(&self) -> bool {
        !self.started.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// Whether anybody would hear an event.
    pub(crate) fn is_heard(&self) -> bool {
        !self.hooks().is_empty() || !self.subscribers().is_empty()
    }

    /// Whether anybody would hear of what this process writes.
    pub(crate) fn has_hooks(&self) -> bool {
        !self.hooks().is_empty()
    }

    /// Tells hooks, then subscribers.
    pub(crate) fn publish(&self, event: &Event) {
        if let Event::Reset(reason) = event {
            metrics::reset(*reason);
        }
        self.tell_hooks(event);
        let mut gone = false;
        let mut subscribers = self.subscribers();
        for subscriber in subscribers.iter() {
            if subscriber.lagging.load(Ordering::SeqCst) {
                continue;
            }
            match subscriber.events.try_send(event.clone()) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    metrics::reset(ResetReason::Slow);
                    subscriber.lagging.store(true, Ordering::SeqCst);
                }
                Err(mpsc::error::TrySendError::Closed(_)) => gone = true,
            }
        }
        if gone {
            subscribers.retain(|s| !s.events.is_closed());
        }
    }

    /// Tells hooks only.
    pub(crate) fn tell_hooks(&self, event: &Event) {
        for (_, hook) in self.hooks().iter() {
            if catch_unwind(AssertUnwindSafe(|| hook(event))).is_err() {
                tracing::error!("a hook of the change stream panicked");
            }
        }
    }

    /// Tells of one commit.
    pub(crate) fn commit(&self, commit: Commit) {
        if commit.changes.is_empty() {
            return;
        }
        metrics::commit(commit.changes.len());
        self.publish(&Event::Committed(Arc::new(commit)));
    }

    /// Counts a commit of this process, whose changes have been told.
    pub(crate) fn counted(&self) {
        let commits = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        self.head.send_replace(Some(self.at(commits)));
    }

    /// The number of the commit that is about to be told and then [counted](Self::counted).
    pub(crate) fn next_id(&self) -> CommitId {
        CommitId(Number::Count {
            process: self.process,
            commits: self.commits.load(Ordering::Relaxed) + 1,
        })
    }

    /// The count of commits of this process so far.
    pub(crate) fn count(&self) -> Position {
        self.at(self.commits.load(Ordering::Relaxed))
    }

    const fn at(&self, commits: u64) -> Position {
        Position(At::Count {
            process: self.process,
            commits,
        })
    }

    /// All that `position` includes has been told.
    pub(crate) fn reached(&self, position: Position) {
        self.head.send_if_modified(|head| {
            let moved = head.as_ref() != Some(&position);
            *head = Some(position);
            moved
        });
    }

    /// The same for a place that means something to other nodes: hooks hear of it first. Its look has [passed](Self::looked)
    /// before, so that whoever waited for the place finds the exact changes of what it includes.
    pub(crate) fn reached_with(&self, reached: Reached) {
        let position = reached.position.clone();
        self.tell_hooks(&Event::Reached(Arc::new(reached)));
        self.reached(position);
    }

    pub(crate) fn head(&self) -> watch::Receiver<Option<Position>> {
        self.head.subscribe()
    }

    /// A look at the database begins; what is committed already will be told when it has [passed](Self::looked).
    pub(crate) fn look(&self) -> Ticket {
        Ticket(self.begun.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// The next look that begins from now on.
    pub(crate) fn next_look(&self) -> Ticket {
        Ticket(self.begun.load(Ordering::SeqCst) + 1)
    }

    /// What the look saw has been told; it began at `began`.
    pub(crate) fn looked(&self, look: Ticket, began: Instant) {
        self.passed.fetch_max(look.0, Ordering::SeqCst);
        self.passing.notify_waiters();
        let mut phase = self.phase();
        if let Phase::Trusted(at) = &mut *phase {
            metrics::lag(began.saturating_duration_since(*at));
            *at = began;
            self.trust_until(began + WATCHDOG);
        }
    }

    /// Waits until the look has been told.
    pub(crate) async fn pass(&self, ticket: Ticket) {
        loop {
            let passing = self.passing.notified();
            if self.has_passed(ticket) {
                return;
            }
            passing.await;
        }
    }

    pub(crate) fn has_passed(&self, ticket: Ticket) -> bool {
        self.passed.load(Ordering::SeqCst) >= ticket.0
    }

    /// The stream is cut off; told once.
    pub(crate) fn lose(&self) {
        {
            let mut phase = self.phase();
            let since = match *phase {
                Phase::Trusted(at) => at,
                Phase::Off => Instant::now(),
                Phase::Lost(_) => return,
            };
            *phase = Phase::Lost(since);
            self.trusted_until.store(0, Ordering::SeqCst);
        }
        metrics::trusted(false);
        self.publish(&Event::Lost);
    }

    /// The stream begins anew: everything before is void, from the look that began at `began` on it is trusted.
    pub(crate) fn restart(&self, reason: ResetReason, began: Instant) {
        self.publish(&Event::Reset(reason));
        let again = {
            let mut phase = self.phase();
            let again = !matches!(*phase, Phase::Trusted(_));
            *phase = Phase::Trusted(began);
            self.trust_until(began + WATCHDOG);
            again
        };
        if again {
            metrics::trusted(true);
            self.publish(&Event::Trusted);
        }
    }

    /// There is nothing to tell: nothing is captured.
    pub(crate) fn rest(&self) {
        if matches!(*self.phase(), Phase::Trusted(_)) {
            self.lose();
        }
        *self.phase() = Phase::Off;
    }

    /// The stream begins anew and is trusted until it is lost.
    #[cfg(feature = "testing")]
    pub(super) fn trust_for_good(&self) {
        self.restart(ResetReason::Connected, Instant::now());
        self.trusted_until
            .store(Ticks::NEVER.get(), Ordering::SeqCst);
    }

    /// What a look saw has been told.
    #[cfg(feature = "testing")]
    pub(super) fn passed(&self, look: Ticket) {
        self.passed.fetch_max(look.0, Ordering::SeqCst);
    }

    fn trust_until(&self, end: Instant) {
        let left = end.saturating_duration_since(Instant::now());
        let until = Ticks::now().after(left);
        self.trusted_until.store(until.get(), Ordering::SeqCst);
    }

    pub(crate) fn is_trusted(&self) -> bool {
        Ticks::now().get() < self.trusted_until.load(Ordering::Acquire)
    }

    pub(crate) fn standing(&self) -> Standing {
        match *self.phase() {
            Phase::Off => Standing::Off,
            Phase::Trusted(as_of) if as_of.elapsed() < WATCHDOG => Standing::Trusted { as_of },
            Phase::Lost(since) | Phase::Trusted(since) => Standing::Lost { since },
        }
    }

    pub(crate) fn declarations(&self) -> Arc<Declarations> {
        let declarations = self.declarations.read();
        Arc::clone(&declarations.expect("no holder of this lock can panic"))
    }

    pub(crate) fn declare(&self, declarations: Declarations) {
        let mut place = self
            .declarations
            .write()
            .expect("no holder of this lock can panic");
        *place = Arc::new(declarations);
    }

    pub(crate) fn add_hook(&self, hook: Hook) -> u64 {
        let id = self.next_hook.fetch_add(1, Ordering::Relaxed);
        let mut hooks = self
            .hooks
            .write()
            .expect("no holder of this lock can panic");
        *hooks = hooks.iter().cloned().chain([(id, hook)]).collect();
        id
    }

    pub(crate) fn remove_hook(&self, id: u64) {
        let mut hooks = self
            .hooks
            .write()
            .expect("no holder of this lock can panic");
        *hooks = hooks
            .iter()
            .filter(|(known, _)| *known != id)
            .cloned()
            .collect();
    }

    pub(crate) fn subscribe(&self) -> (mpsc::Receiver<Event>, Arc<AtomicBool>) {
        let (events, receiver) = mpsc::channel(WAITING);
        let lagging = Arc::<AtomicBool>::default();
        self.subscribers().push(Subscriber {
            events,
            lagging: Arc::clone(&lagging),
        });
        (receiver, lagging)
    }

    fn hooks(&self) -> Arc<[(u64, Hook)]> {
        let hooks = self.hooks.read();
        Arc::clone(&hooks.expect("no holder of this lock can panic"))
    }

    fn subscribers(&self) -> MutexGuard<'_, Vec<Subscriber>> {
        self.subscribers
            .lock()
            .expect("no holder of this lock can panic")
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().expect("no holder of this lock can panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::stream::Subscription;

    #[tokio::test]
    async fn a_slow_subscriber_hears_what_it_had_room_for_and_then_that_it_lost_track() {
        let hub = Hub::default();
        let (events, lagging) = hub.subscribe();
        let mut slow = Subscription::new(events, lagging);
        for _ in 0..WAITING + 10 {
            hub.publish(&Event::Trusted);
        }
        for _ in 0..WAITING {
            assert!(matches!(slow.next().await, Some(Event::Trusted)));
        }
        assert!(matches!(
            slow.next().await,
            Some(Event::Reset(ResetReason::Slow))
        ));
        hub.publish(&Event::Lost);
        assert!(matches!(slow.next().await, Some(Event::Lost)));
    }

    #[test]
    fn a_hook_that_panics_or_is_dropped_leaves_the_others() {
        let hub = Hub::default();
        let heard = Arc::new(AtomicU64::new(0));
        hub.add_hook(Arc::new(|_: &Event| panic!("a test")));
        let counted = Arc::clone(&heard);
        let count: Hook = Arc::new(move |_: &Event| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let id = hub.add_hook(count);
        hub.publish(&Event::Trusted);
        hub.remove_hook(id);
        hub.publish(&Event::Trusted);
        assert_eq!(heard.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn trust_ends_by_itself() {
        let hub = Hub::default();
        assert_eq!(hub.standing(), Standing::Off);
        hub.restart(ResetReason::Connected, Instant::now());
        assert!(hub.is_trusted());
        let before = Instant::now().checked_sub(WATCHDOG).unwrap();
        hub.restart(ResetReason::Connected, before);
        assert!(!hub.is_trusted());
        assert!(matches!(hub.standing(), Standing::Lost { .. }));
    }

    #[test]
    fn a_ticket_passes_with_a_look_that_began_later() {
        let hub = Hub::default();
        let under_way = hub.look();
        let ticket = hub.next_look();
        hub.looked(under_way, Instant::now());
        assert!(!hub.has_passed(ticket));
        let next = hub.look();
        hub.looked(next, Instant::now());
        assert!(hub.has_passed(ticket));
    }
}
