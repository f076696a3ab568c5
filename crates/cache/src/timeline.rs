//! Which version of this process stands for which place in the database's history: for results of other nodes.
//!
//! A result that another node made of rows says at which place its load began ([`Reached`]): it is made of everything that
//! the place includes. Here it may count as if it had been loaded at version `m`, when everything that was told up to `m`
//! is included in that place; whatever concerns its tags and was told later then ends it, as it ends an entry of this
//! node. [`Timeline::version_of`] finds the largest such `m`.
//!
//! Why what it finds is right, on PostgreSQL, the only engine that tells of places:
//!
//! - *Exact changes.* The relay tells the commits that a look has found, then that it has reached the look's snapshot. So at
//!   that moment all commits that were told are in the snapshot.
//! - *Own commits* ([`Wrote`](brisk_db::Event::Wrote)) are told by their callers at any time. One whose ticket is not later
//!   than the look was committed before the look began and is in its snapshot. One with a later ticket may not be. Its
//!   version is given out under the same lock under which a place is noted, so a place is noted for the versions before the
//!   first of those ([`State::open`]).
//! - So a [`Mark`] says: all that was told up to its version is included in its place. If the foreign place includes the
//!   mark's, it includes that too.
//! - Behind the last such mark single steps are gone through. A commit is included when the foreign place has its
//!   transaction. An own commit's transaction is not known when it is told; but once a look has passed that began after it,
//!   its exact changes are among those told up to that moment, if there were any. So the foreign place includes it, or it
//!   changed nothing, when the place includes all steps up to there.
//! - What somebody sweeps by hand stands for commits that nobody may ever tell. A place includes those when it comes from a
//!   look that began after it; so a mark says that, and single steps never do.
//! - A reset ends all marks: what was told before it says nothing about what was not told while the stream was cut off.
//!   A place of another origin is never compared.
//!
//! Marks are many where much is written. The older they are, the fewer are kept: that makes `m` smaller, never larger.

use std::collections::VecDeque;
use std::sync::Arc;

use brisk_db::{CommitId, Reached, Ticket};

use crate::board::Version;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};

/// Places that are remembered. Thinned out, those of a billion versions take two thirds of it.
pub(crate) const MARKS: usize = 1_024;

/// Marks that stay are their age in versions divided by this apart, at most.
pub(crate) const SHARPNESS: Version = 16;

/// Single steps that are remembered: those of a second where much is written.
const STEPS: usize = 4_096;

const POISONED: &str = "no holder of this lock can panic";

/// Gives out versions, and remembers what they stand for.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    version: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<Arc<Reached>>,
    /// In order; each includes the ones before.
    marks: VecDeque<Mark>,
    /// The last steps, that of the latest version at the end.
    steps: VecDeque<Step>,
    /// Own commits that no place is known to include: of each ticket the first.
    open: Vec<(Ticket, Version)>,
    /// The first sweep that no place is known to include, with the ticket of the last.
    swept: Option<(Ticket, Version)>,
    /// Places did not follow each other; until the next reset nothing can be said.
    is_void: bool,
}

/// All that was told up to `version` is included in `place`.
#[derive(Debug)]
struct Mark {
    version: Version,
    place: Arc<Reached>,
}

/// What one version stands for.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The exact changes of a transaction.
    Commit(CommitId),
    /// An own commit whose exact changes are still to be told.
    Own(Ticket),
    /// One whose exact changes have been told with this version at the latest.
    Wrote(Version),
    /// Nothing that a place could include.
    Other,
}

impl Timeline {
    /// The latest version: whatever a later statement reads includes the commits of this one and of all before it.
    #[inline]
    pub(crate) fn version(&self) -> Version {
        self.version.load(Ordering::Acquire)
    }

    /// Up to where everything has been told: a load that begins now reads all that it includes.
    pub(crate) fn place(&self) -> Option<Arc<Reached>> {
        self.state().latest.clone()
    }

    /// A transaction has been told.
    pub(crate) fn commit(&self, id: Option<CommitId>) -> Version {
        self.next(&mut self.state(), id.map_or(Step::Other, Step::Commit))
    }

    /// This process has committed.
    pub(crate) fn wrote(&self, ticket: Ticket) -> Version {
        let mut state = self.state();
        let version = self.next(&mut state, Step::Own(ticket));
        if state.open.iter().all(|(open, _)| *open != ticket) {
            state.open.push((ticket, version));
        }
        version
    }

    /// Somebody ends entries by hand; `look` is the next that will begin.
    pub(crate) fn swept(&self, look: Ticket) -> Version {
        let mut state = self.state();
        let version = self.next(&mut state, Step::Other);
        let (before, first) = state.swept.unwrap_or((look, version));
        state.swept = Some((before.max(look), first));
        version
    }

    /// All that was told before is void.
    pub(crate) fn reset(&self) -> Version {
        let mut state = self.state();
        state.forget();
        state.latest = None;
        state.is_void = false;
        // Own commits and sweeps stay open: a look that began before them may come yet.
        self.next(&mut state, Step::Other)
    }

    fn next(&self, state: &mut State, step: Step) -> Version {
        if state.steps.len() == STEPS {
            state.steps.pop_front();
        }
        state.steps.push_back(step);
        self.version.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Everything that a place includes has been told.
    pub(crate) fn reached(&self, place: &Arc<Reached>) {
        let mut state = self.state();
        let state = &mut *state;
        let goes_on = |before: &Arc<Reached>| {
            before.origin == place.origin && place.position.includes(&before.position)
        };
        if state.is_void || !state.latest.as_ref().is_none_or(goes_on) {
            state.forget();
            state.latest = None;
            state.is_void = true;
            return;
        }
        state.latest = Some(Arc::clone(place));
        let version = self.version();
        let first = version + 1 - steps(&state.steps);
        let is_over = |ticket: Ticket| ticket <= place.look;
        let over = state.open.iter().filter(|(ticket, _)| is_over(*ticket));
        if let Some(from) = over.map(|(_, at)| *at).min() {
            let from = step(from, first).unwrap_or_default();
            for step in state.steps.iter_mut().skip(from) {
                if matches!(step, Step::Own(ticket) if is_over(*ticket)) {
                    *step = Step::Wrote(version);
                }
            }
            state.open.retain(|(ticket, _)| !is_over(*ticket));
        }
        state.swept = state.swept.filter(|(look, _)| !is_over(*look));
        let open = state.open.iter().chain(&state.swept).map(|(_, at)| at - 1);
        let upto = open.min().unwrap_or(version);
        match state.marks.back_mut() {
            // Of several places for one version the first is included in the most.
            Some(last) if last.version >= upto => {}
            Some(last) if last.place.position == place.position => last.version = upto,
            _ => {
                state.thin();
                let place = Arc::clone(place);
                state.marks.push_back(Mark {
                    version: upto,
                    place,
                });
            }
        }
    }

    /// As of which version a result counts here whose load began at `place` on whatever node; none where that cannot be
    /// said.
    pub(crate) fn version_of(&self, place: &Reached) -> Option<Version> {
        let state = self.state();
        let here = state.latest.as_ref()?;
        if here.origin != place.origin {
            return None;
        }
        let position = &place.position;
        let included = |mark: &Mark| position.includes(&mark.place.position);
        let last = state.marks.partition_point(included).checked_sub(1)?;
        let mut good = state.marks[last].version;
        let first = self.version() + 1 - steps(&state.steps);
        let Some(from) = step(good + 1, first) else {
            return Some(good);
        };
        let (mut at, mut needed) = (good, good);
        for step in state.steps.iter().skip(from) {
            match step {
                Step::Commit(id) if position.has(*id) => {}
                Step::Wrote(told) => needed = needed.max(*told),
                Step::Commit(_) | Step::Own(_) | Step::Other => break,
            }
            at += 1;
            if at >= needed {
                good = at;
            }
        }
        Some(good)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(POISONED)
    }

    /// How many places are remembered.
    #[cfg(test)]
    pub(crate) fn marks(&self) -> usize {
        self.state().marks.len()
    }
}

impl State {
    fn forget(&mut self) {
        self.marks.clear();
        self.steps.clear();
    }

    /// Makes room: a mark goes where the gap that it leaves is small for its age. The first stays, which is the oldest
    /// place that counts.
    fn thin(&mut self) {
        if self.marks.len() < MARKS {
            return;
        }
        let now = self.marks.back().map_or(0, |mark| mark.version);
        let mut marks = std::mem::take(&mut self.marks).into_iter().peekable();
        while let Some(mark) = marks.next() {
            let small = |before: &Mark, after: &Mark| {
                after.version - before.version <= (now - after.version) / SHARPNESS
            };
            let goes = match (self.marks.back(), marks.peek()) {
                (Some(before), Some(after)) => small(before, after),
                _ => false,
            };
            if !goes {
                self.marks.push_back(mark);
            }
        }
    }
}

/// The place of a version's step, where the first is that of version `first`.
fn step(version: Version, first: Version) -> Option<usize> {
    usize::try_from(version.checked_sub(first)?).ok()
}

fn steps(steps: &VecDeque<Step>) -> Version {
    u64::try_from(steps.len()).expect("their number is bounded")
}
