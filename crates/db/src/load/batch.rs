//! A batch: the callers that wait for one statement, and the answers on their way back.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use super::answer::{Answer, LoadKey};
use super::answers::Shared;
use super::joined::Waking;
use crate::error::Error;
use crate::witness::Seen;

/// Callers of one load and one tenant that share a statement.
pub(super) struct Batch<K, S> {
    name: &'static str,
    pub(super) waking: Arc<Waking>,
    // A std mutex: held for a few moves, never across an await.
    state: Mutex<State<K, S>>,
}

struct State<K, S> {
    /// Where the rows leave their prints, once a caller keeps a trace.
    seen: Option<Arc<Seen>>,
    entries: Vec<Entry<K, S>>,
    /// Callers that still wait.
    waiting: usize,
    /// The first deadline of a caller that waits.
    earliest: Option<Instant>,
    /// Whether the task that opened the batch has come round without meeting new callers.
    ticked: bool,
    tick: Option<Waker>,
    driver: Option<Waker>,
}

struct Entry<K, S> {
    /// Until it is asked for.
    key: Option<K>,
    /// Tells ledgers apart; each counts the statement once.
    ledger: usize,
    end: Option<Instant>,
    slot: Slot<S>,
}

enum Slot<S> {
    Waiting(Option<Waker>),
    Answered(Answered<S>),
    /// The caller has its answer, or went away.
    Left,
}

/// What a caller gets.
pub(super) struct Answered<S> {
    pub(super) result: Result<S, Error>,
    /// Whether the caller's ledger counts the statement on its account.
    pub(super) first: bool,
    /// What came back to all callers, in prints.
    pub(super) seen: Option<Arc<Seen>>,
}

/// A caller on its way in.
pub(super) struct Guest<K> {
    pub(super) key: K,
    pub(super) ledger: usize,
    pub(super) end: Option<Instant>,
    /// Whether the caller keeps a trace.
    pub(super) traced: bool,
}

impl<K: LoadKey, S: Answer> Batch<K, S> {
    pub(super) fn new(name: &'static str, waking: Arc<Waking>) -> Self {
        Self {
            name,
            waking,
            state: Mutex::new(State {
                seen: None,
                entries: Vec::with_capacity(16),
                waiting: 0,
                earliest: None,
                ticked: false,
                tick: None,
                driver: None,
            }),
        }
    }

    /// Takes a caller in; answers its place.
    pub(super) fn enter(&self, guest: Guest<K>) -> usize {
        let mut state = self.lock();
        state.waiting += 1;
        if guest.traced {
            state.seen.get_or_insert_default();
        }
        if let Some(end) = guest.end
            && state.earliest.is_none_or(|earliest| end < earliest)
        {
            state.earliest = Some(end);
            state.wake_driver();
        }
        state.entries.push(Entry {
            key: Some(guest.key),
            ledger: guest.ledger,
            end: guest.end,
            slot: Slot::Waiting(None),
        });
        state.entries.len() - 1
    }

    pub(super) fn seen(&self) -> Option<Arc<Seen>> {
        self.lock().seen.clone()
    }

    /// Ready when no more callers come, or the batch is full.
    pub(super) async fn ticked(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.ticked {
                return Poll::Ready(());
            }
            let before = set(&mut state.tick, cx);
            drop(state);
            drop(before);
            Poll::Pending
        })
        .await;
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().waiting == 0
    }

    /// The keys of those that still wait, with their places, and the last of their deadlines.
    pub(super) fn take(&self) -> (Vec<(usize, K)>, Option<Instant>) {
        let mut state = self.lock();
        let mut last = Some(Instant::now());
        let mut keys = Vec::with_capacity(state.waiting);
        for (place, entry) in state.entries.iter_mut().enumerate() {
            if let (Slot::Waiting(_), Some(key)) = (&entry.slot, entry.key.take()) {
                last = last.zip(entry.end).map(|(last, end)| last.max(end));
                keys.push((place, key));
            }
        }
        (keys, last)
    }

    /// Hands the answers out; `of` tells which of them is for whom.
    pub(super) fn answer(&self, mut of: Vec<(usize, usize)>, answers: Vec<Result<S, Error>>) {
        {
            let state = self.lock();
            of.retain(|(place, _)| matches!(state.entries[*place].slot, Slot::Waiting(_)));
        }
        let mut answers: Vec<_> = answers.into_iter().map(Shared::of).collect();
        for (_, answer) in &of {
            answers[*answer].use_once_more();
        }
        let results = of
            .into_iter()
            .map(|(place, answer)| (place, answers[answer].take(self.name)))
            .collect();
        self.settle(results);
    }

    /// Answers all that still wait with an error.
    pub(super) fn fail(&self, why: impl Fn() -> Error) {
        self.fail_where(|_| true, why);
    }

    /// Lets go whose deadline has passed; ready when nobody waits any more.
    pub(super) async fn released(&self) {
        let mut sleep = pin!(tokio::time::sleep(Duration::ZERO));
        let mut armed = None;
        poll_fn(|cx| {
            loop {
                let mut state = self.lock();
                if state.waiting == 0 {
                    return Poll::Ready(());
                }
                let before = set(&mut state.driver, cx);
                let earliest = state.earliest;
                drop(state);
                drop(before);
                if earliest != armed {
                    armed = earliest;
                    if let Some(end) = armed {
                        sleep.as_mut().reset(end.into());
                    }
                }
                if armed.is_none() {
                    return Poll::Pending;
                }
                ready!(sleep.as_mut().poll(cx));
                let now = Instant::now();
                let name = self.name;
                self.fail_where(
                    |end| end.is_some_and(|end| end <= now),
                    || Error::Timeout { statement: name },
                );
                armed = None;
            }
        })
        .await;
    }

    fn fail_where(&self, chosen: impl Fn(Option<Instant>) -> bool, why: impl Fn() -> Error) {
        let state = self.lock();
        let results = state
            .entries
            .iter()
            .enumerate()
            .filter(|(_, e)| matches!(e.slot, Slot::Waiting(_)) && chosen(e.end))
            .map(|(place, _)| (place, Err(why())))
            .collect();
        drop(state);
        self.settle(results);
    }

    /// Puts results in the places of those that wait, and wakes them.
    fn settle(&self, results: Vec<(usize, Result<S, Error>)>) {
        let mut wakers = Vec::with_capacity(results.len());
        // For callers that left meanwhile; dropped behind the lock.
        let mut late = Vec::new();
        let mut state = self.lock();
        let seen = state.seen.clone();
        let mut ledgers: Vec<_> = results
            .iter()
            .map(|(place, _)| (*place, &state.entries[*place]))
            .filter(|(_, entry)| matches!(entry.slot, Slot::Waiting(_)))
            .map(|(place, entry)| (entry.ledger, place))
            .collect();
        ledgers.sort_unstable();
        ledgers.dedup_by_key(|(ledger, _)| *ledger);
        let woken = || ledgers.iter().map(|(ledger, _)| *ledger);
        // Before anybody can see an answer.
        self.waking.begin(woken());
        for (place, result) in results {
            let slot = &mut state.entries[place].slot;
            let Slot::Waiting(waker) = slot else {
                late.push(result);
                continue;
            };
            wakers.extend(waker.take());
            let first = false;
            let seen = seen.clone();
            *slot = Slot::Answered(Answered {
                result,
                first,
                seen,
            });
            state.waiting -= 1;
        }
        for (_, place) in &ledgers {
            if let Slot::Answered(answered) = &mut state.entries[*place].slot {
                answered.first = true;
            }
        }
        state.earliest = state
            .entries
            .iter()
            .filter(|e| matches!(e.slot, Slot::Waiting(_)))
            .filter_map(|e| e.end)
            .min();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.waking.end(woken());
        drop(late);
    }
}

impl<K, S> Batch<K, S> {
    fn lock(&self) -> MutexGuard<'_, State<K, S>> {
        self.state.lock().expect("no holder of this lock can panic")
    }

    /// How many came in so far.
    pub(super) fn gathered(&self) -> usize {
        self.lock().entries.len()
    }

    /// The batch is complete.
    pub(super) fn tick(&self) {
        let mut state = self.lock();
        state.ticked = true;
        let waker = state.tick.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn leave(&self, place: usize) {
        let mut state = self.lock();
        let slot = std::mem::replace(&mut state.entries[place].slot, Slot::Left);
        if matches!(slot, Slot::Waiting(_)) {
            state.waiting -= 1;
            if state.waiting == 0 {
                state.wake_driver();
            }
        }
        drop(state);
        // What an answer holds is somebody else's code to drop.
        drop(slot);
    }

    pub(super) fn poll(&self, place: usize, cx: &mut Context<'_>) -> Poll<Answered<S>> {
        let mut state = self.lock();
        let slot = &mut state.entries[place].slot;
        if let Slot::Waiting(waker) = slot {
            let before = set(waker, cx);
            drop(state);
            drop(before);
            return Poll::Pending;
        }
        match std::mem::replace(slot, Slot::Left) {
            Slot::Answered(answered) => Poll::Ready(answered),
            // Asked again after the answer.
            Slot::Waiting(_) | Slot::Left => Poll::Pending,
        }
    }
}

impl<K, S> State<K, S> {
    fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

/// Keeps the waker of who polls now. The one before comes back, to be dropped behind the lock: that may be the end of a
/// task and of all that it holds.
#[must_use]
fn set(waker: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    if waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
        None
    } else {
        waker.replace(cx.waker().clone())
    }
}
