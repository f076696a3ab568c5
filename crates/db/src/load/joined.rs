//! A caller in a batch, and how the first of them knows that all are in.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use super::batch::{Answered, Batch};

/// How often the task of the caller that opened a batch lets others run, while more callers come.
///
/// Rounds in which callers of the same request are being woken do not count: those may be about to come.
const ROUNDS: u32 = 4;

/// Whose callers are being woken: those of one request come again one after the other, while they are woken still.
///
/// A request is told by its ledger. Two may share a slot; then one waits for the other's.
#[derive(Debug)]
pub(super) struct Waking(Box<[AtomicU64]>);

impl Waking {
    const SLOTS: usize = 1_024;
    /// The lower half of a slot counts what is under way, the upper half what has ended.
    const ENDED: u64 = 1 << 32;

    fn slot(&self, ledger: usize) -> &AtomicU64 {
        // Ledgers lie at multiples of their alignment, and of the allocator's.
        &self.0[(ledger >> 5) % Self::SLOTS]
    }

    pub(super) fn begin(&self, ledgers: impl Iterator<Item = usize>) {
        for ledger in ledgers {
            self.slot(ledger).fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(super) fn end(&self, ledgers: impl Iterator<Item = usize>) {
        for ledger in ledgers {
            self.slot(ledger)
                .fetch_add(Self::ENDED - 1, Ordering::AcqRel);
        }
    }

    fn now(&self, ledger: usize) -> u64 {
        self.slot(ledger).load(Ordering::Acquire)
    }
}

impl Default for Waking {
    fn default() -> Self {
        Self((0..Self::SLOTS).map(|_| AtomicU64::new(0)).collect())
    }
}

/// What the opener of a batch saw when its task had its turn last.
#[derive(Clone, Copy, Debug)]
struct Opener {
    ledger: usize,
    rounds: u32,
    callers: usize,
    waking: u64,
}

impl Opener {
    /// Looks again; answers whether the batch is complete. Where it goes on being unsure, the batch's own task decides.
    fn looks(&mut self, callers: usize, waking: u64) -> bool {
        let calm = waking == self.waking && waking.is_multiple_of(Waking::ENDED);
        self.rounds += u32::from(calm);
        let done = calm && (callers == self.callers || self.rounds > ROUNDS);
        (self.callers, self.waking) = (callers, waking);
        done
    }
}

/// A caller's place in a batch. Dropped, it is free; its key may still be asked for.
pub(super) struct Joined<'a, K, S> {
    batch: Arc<Batch<K, S>>,
    place: usize,
    /// The caller that opened the batch tells when it is complete: in its own task's turns it cannot miss the others of
    /// that task.
    opener: Option<Opener>,
    _seat: Seat<'a>,
}

/// One of the places that may be taken at once.
pub(super) struct Seat<'a>(pub(super) &'a AtomicUsize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<'a, K, S> Joined<'a, K, S> {
    /// `opener` is the ledger of who opened the batch, for that caller alone.
    pub(super) fn new(
        batch: Arc<Batch<K, S>>,
        place: usize,
        opener: Option<usize>,
        seat: Seat<'a>,
    ) -> Self {
        let opener = opener.map(|ledger| Opener {
            ledger,
            rounds: 0,
            callers: 0,
            waking: batch.waking.now(ledger),
        });
        Self {
            batch,
            place,
            opener,
            _seat: seat,
        }
    }
}

impl<K, S> Future for Joined<'_, K, S> {
    type Output = Answered<S>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered<S>> {
        let joined = self.get_mut();
        let answer = joined.batch.poll(joined.place, cx);
        if let Some(opener) = &mut joined.opener {
            let waking = joined.batch.waking.now(opener.ledger);
            if opener.looks(joined.batch.gathered(), waking) {
                joined.opener = None;
                // Last of all: whom the answer wakes while it is polled would come before the others next time.
                joined.batch.tick();
            } else {
                // Has this task woken once everything else that is ready here has had its turn.
                let _pending = pin!(tokio::task::yield_now()).poll(cx);
            }
        }
        answer
    }
}

impl<K, S> Drop for Joined<'_, K, S> {
    fn drop(&mut self) {
        self.batch.leave(self.place);
        if self.opener.is_some() {
            self.batch.tick();
        }
    }
}
