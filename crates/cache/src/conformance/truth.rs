//! The truth that a cache is measured by, and the judge.

use std::sync::{Mutex, MutexGuard};

use super::report::Tally;

/// Keys of one interleaving.
pub(super) const KEYS: usize = 2;

/// What the truth says of a key at some moment, and so what a cache may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Grows with each commit that changes the key.
    pub version: u64,
    /// Whether there is such a row.
    pub present: bool,
}

/// Versions that are not committed have this bit, and become others when they are.
const UNCOMMITTED: u64 = 1 << 63;

/// A small versioned store.
#[derive(Debug, Default)]
pub(super) struct Truth(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rows: [Row; KEYS],
    /// While the link is cut and the cache knows it.
    is_cut: bool,
    next: u64,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Row {
    /// Whether the row was there, by version from 1.
    history: Vec<bool>,
    /// The version that the cache was told of.
    told: u64,
    staged: Option<Answer>,
    /// Which version became of a staged one.
    became: Vec<(u64, u64)>,
}

impl Row {
    fn committed(&self) -> Answer {
        let version = self.history.len();
        Answer {
            version: u64::try_from(version).expect("versions are few"),
            present: version > 0 && self.history[version - 1],
        }
    }

    /// The committed version that an answer is of.
    fn version_of(&self, answer: Answer) -> Option<u64> {
        let became = self.became.iter().find(|(from, _)| *from == answer.version);
        let version = became.map_or(answer.version, |(_, to)| *to);
        let at = usize::try_from(version.checked_sub(1)?).ok()?;
        (self.history.get(at) == Some(&answer.present)).then_some(version)
    }
}

/// What a get may answer at least.
#[derive(Clone, Copy, Debug)]
pub(super) enum Floor {
    /// This version or a later one.
    Version(u64),
    /// Exactly what the transaction wrote in which it asks.
    Own(Answer),
}

impl Truth {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of this lock can panic")
    }

    /// A new interleaving: each key is there, in its first version.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        state.is_cut = false;
        for row in &mut state.rows {
            *row = Row {
                history: vec![true],
                told: 1,
                ..Row::default()
            };
        }
    }

    /// What is committed.
    pub(super) fn read(&self, key: usize) -> Answer {
        let mut state = self.lock();
        state.tally.loads += 1;
        state.rows[key].committed()
    }

    /// Writes without committing.
    pub(super) fn stage(&self, key: usize, present: bool) {
        let mut state = self.lock();
        state.next += 1;
        let version = UNCOMMITTED | state.next;
        state.rows[key].staged = Some(Answer { version, present });
    }

    /// What the transaction sees that has written a key.
    pub(super) fn staged(&self, key: usize) -> Option<Answer> {
        self.lock().rows[key].staged
    }

    /// Commits what is staged for a key.
    pub(super) fn commit(&self, key: usize) {
        let row = &mut self.lock().rows[key];
        if let Some(staged) = row.staged.take() {
            row.history.push(staged.present);
            let version = row.committed().version;
            row.became.push((staged.version, version));
        }
    }

    pub(super) fn undo(&self, key: usize) {
        self.lock().rows[key].staged = None;
    }

    /// The latest version of each key.
    pub(super) fn versions(&self) -> [u64; KEYS] {
        let state = self.lock();
        std::array::from_fn(|key| state.rows[key].committed().version)
    }

    /// The cache has been told of this version.
    pub(super) fn told(&self, key: usize, version: u64) {
        let row = &mut self.lock().rows[key];
        row.told = row.told.max(version);
    }

    /// The cache knows whether its link is cut.
    pub(super) fn cut(&self, is_cut: bool) {
        self.lock().is_cut = is_cut;
    }

    /// What a get that begins now may answer at least.
    pub(super) fn floor(&self, key: usize) -> Floor {
        let state = self.lock();
        let row = &state.rows[key];
        Floor::Version(if state.is_cut {
            row.committed().version
        } else {
            row.told
        })
    }

    /// Judges an answer; `is_last` where nothing else is under way and nothing will come.
    pub(super) fn judge(&self, key: usize, floor: Floor, answer: Answer, is_last: bool) {
        let mut state = self.lock();
        state.tally.gets += 1;
        let version = state.rows[key].version_of(answer);
        let tally = &mut state.tally;
        match (floor, version) {
            (Floor::Own(own), _) => tally.inside += u64::from(own != answer),
            (Floor::Version(_), None) => tally.undone += 1,
            (Floor::Version(floor), Some(version)) if version < floor => {
                if is_last {
                    tally.lost += 1;
                } else {
                    tally.stale += 1;
                }
            }
            (Floor::Version(_), Some(_)) => {}
        }
    }

    /// A get that was never answered.
    pub(super) fn stuck(&self) {
        self.lock().tally.stuck += 1;
    }

    /// A get that ended in a panic.
    pub(super) fn broke(&self) {
        self.lock().tally.broken += 1;
    }

    /// An answer that was kept once nothing changed any more.
    pub(super) fn kept(&self) {
        self.lock().tally.kept += 1;
    }

    /// What was counted until now.
    pub(super) fn tally(&self) -> Tally {
        self.lock().tally
    }

    pub(super) fn take_tally(&self) -> Tally {
        std::mem::take(&mut self.lock().tally)
    }
}
