//! Which requests and jobs keep a trace.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use brisk_core::{Ledger, Summary};

/// Chooses the first and then one in so many of one route or kind of job, and the one after one that looks guilty.
#[derive(Debug)]
pub struct Sampler {
    one_in: u32,
    repeats: u32,
    asked: AtomicU64,
    wanted: AtomicBool,
}

impl Sampler {
    pub(crate) const fn new(one_in: u32, repeats: u32) -> Self {
        Self {
            one_in,
            repeats,
            asked: AtomicU64::new(0),
            wanted: AtomicBool::new(false),
        }
    }

    /// The ledger of the next request or job, with a trace where this one is chosen.
    pub fn ledger(&self) -> Ledger {
        if self.one_in == 0 {
            return Ledger::default();
        }
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        let chosen = turn.is_multiple_of(self.one_in.into())
            || (self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::Relaxed));
        if chosen {
            Ledger::traced()
        } else {
            Ledger::default()
        }
    }

    /// A request without a trace ended: where one statement ran so often that it may be N+1, the next one is traced.
    pub fn suspect(&self, ledger: &Ledger, cost: &Summary) {
        let least = u64::from(self.repeats);
        if self.one_in > 1 && cost.statements >= least && ledger.most_repeated() >= least {
            self.wanted.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_is_traced_then_one_in_so_many_and_who_follows_a_suspect() {
        let sampler = Sampler::new(4, 3);
        let traced =
            |n: usize| -> Vec<bool> { (0..n).map(|_| sampler.ledger().is_traced()).collect() };
        assert_eq!(traced(5), [true, false, false, false, true]);
        let busy = Ledger::default();
        (0..3).for_each(|_| busy.statement("a", 1, Duration::ZERO));
        sampler.suspect(&busy, &busy.summary());
        assert_eq!(traced(2), [true, false]);
        let never = Sampler::new(0, 3);
        assert!(!never.ledger().is_traced());
    }
}
