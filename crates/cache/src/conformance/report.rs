//! What a run has found.

use std::fmt;

/// What was counted in the interleavings of one scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Interleavings that were run.
    pub interleavings: u64,
    /// Answers.
    pub gets: u64,
    /// Loads that read.
    pub loads: u64,
    /// Answers older than promised: the get began after the cache had been told of a newer version, or of one committed
    /// while it knew that its link was cut.
    pub stale: u64,
    /// Keys for which an old answer was still kept when nothing was under way any more: it stays until it expires.
    pub lost: u64,
    /// Answers that were not committed when they were given.
    pub undone: u64,
    /// Answers inside a transaction that do not show what it has written.
    pub inside: u64,
    /// Gets without an answer although nothing held them up any more.
    pub stuck: u64,
    /// Gets that panicked.
    pub broken: u64,
    /// Interleavings after which the cache kept an answer. A cache that keeps nothing is never stale.
    pub kept: u64,
}

impl Tally {
    /// Broken promises.
    pub const fn failures(&self) -> u64 {
        self.stale + self.lost + self.undone + self.inside + self.stuck + self.broken
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.interleavings += other.interleavings;
        self.gets += other.gets;
        self.loads += other.loads;
        self.stale += other.stale;
        self.lost += other.lost;
        self.undone += other.undone;
        self.inside += other.inside;
        self.stuck += other.stuck;
        self.broken += other.broken;
        self.kept += other.kept;
    }
}

/// What a run of the suite has found, by scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The cache.
    pub subject: String,
    /// What chance was drawn from.
    pub seed: u64,
    /// By name.
    pub scenarios: Vec<(&'static str, Tally)>,
    /// The first interleaving of each scenario that broke a promise, step by step.
    pub first: Vec<(&'static str, String)>,
}

impl Report {
    /// The counts of one scenario; zeros where there is none of that name.
    pub fn of(&self, scenario: &str) -> Tally {
        let found = self.scenarios.iter().find(|(name, _)| *name == scenario);
        found.map(|(_, tally)| *tally).unwrap_or_default()
    }

    /// The sum over all scenarios.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for (_, tally) in &self.scenarios {
            total.add(tally);
        }
        total
    }

    pub(super) fn add(&mut self, other: Self) {
        for ((_, here), (_, there)) in self.scenarios.iter_mut().zip(&other.scenarios) {
            here.add(there);
        }
        for (name, steps) in other.first {
            if self.first.iter().all(|(known, _)| *known != name) {
                self.first.push((name, steps));
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (seed {})", self.subject, self.seed)?;
        writeln!(
            f,
            "  {:<22} {:>13} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6}",
            "scenario", "interleavings", "stale", "lost", "undone", "inside", "stuck", "kept"
        )?;
        let total = ("all", self.total());
        for (name, t) in self.scenarios.iter().chain([&total]) {
            let kept = t.kept * 100 / t.interleavings.max(1);
            writeln!(
                f,
                "  {name:<22} {:>13} {:>8} {:>8} {:>8} {:>8} {:>6} {kept:>5}%",
                t.interleavings,
                t.stale,
                t.lost,
                t.undone,
                t.inside,
                t.stuck + t.broken
            )?;
        }
        for (name, steps) in &self.first {
            writeln!(f, "  first of {name}: {steps}")?;
        }
        Ok(())
    }
}
