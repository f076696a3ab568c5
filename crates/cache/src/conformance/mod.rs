//! A suite that any cache can be put through: loads against commits, deletes, rollbacks, flushes and cut links, in every
//! order of their steps.
//!
//! A cache is a [`Subject`]. The suite owns the truth, a small versioned store, and decides in which order everything
//! happens: a load stops at a gate before it reads and at another before it answers, and goes on when its turn comes. No
//! step waits for time to pass. What is promised, and counted when it is broken, stands at [`Tally`].
//!
//! `docs/cache-conformance.md` describes the scenarios. The suite knows nothing of this crate's cache, which is one
//! subject among others: [`Brisk`].

mod brisk;
mod drive;
mod load;
mod plain;
mod report;
mod scenario;
mod truth;

pub use brisk::{Brisk, Depends, Told};
pub use drive::{Effort, run};
pub use load::Load;
pub use plain::{GetComputeInsert, QuickCache};
pub use report::{Report, Tally};
pub use truth::Answer;

/// A cache to be put through the suite. One is made for each thread of a run.
///
/// Keys are never used again by another interleaving, so a subject needs room for a few only.
pub trait Subject: Send + Sync + 'static {
    /// What stands in reports.
    fn name(&self) -> String;

    /// What is kept for `key`; else what [`load.run()`](Load::run) answers, which is then kept as far as the cache sees fit.
    fn get(&self, key: u64, load: Load) -> impl Future<Output = Answer> + Send;

    /// The same, asked by a writer inside its own transaction, for a key that it has written and not committed.
    ///
    /// Most caches do not know where they are asked; then this is [`get`](Self::get).
    fn get_inside(&self, key: u64, load: Load) -> impl Future<Output = Answer> + Send {
        self.get(key, load)
    }

    /// What a cache is told. What it promises holds from when this returns.
    fn hear(&self, news: News) -> impl Future<Output = ()> + Send;

    /// Lets work of the subject go on. For one that waits for a network: sleep for as long as an answer takes.
    fn turn(&self) -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    /// Whether [`get_inside`](Self::get_inside) may wait for a load of somebody else. If not, the suite waits for its end.
    fn shares_inside(&self) -> bool {
        true
    }
}

/// What happens to the truth, as far as a cache is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A transaction was committed that wrote or deleted these keys. Its writer waits for this call: the usual place of
    /// `invalidate`.
    Changed(Vec<u64>),
    /// A change stream that follows the commits has told all those that [`Changed`](Self::Changed) named until now. A
    /// cache without one has nothing to do.
    CaughtUp,
    /// Everything is void, whatever the reason.
    Flush,
    /// The link by which changes are told is cut, and this has been noticed: nothing that is kept may be handed out.
    Cut,
    /// The link stands again. What was changed meanwhile is told by nobody.
    Linked,
}
