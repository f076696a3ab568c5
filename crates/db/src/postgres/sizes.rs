//! How many connections a node opens: the rule, and what it gives up where the server allows fewer.

use crate::config::PostgresConfig;
use crate::error::Error;

/// Connections beside lanes and pool: the relay of the change stream and a migration.
const BESIDE: usize = 2;

/// Connections that a server keeps for whoever looks after it with `psql`, beside its own reserve.
pub(super) const SPARE: usize = 3;

/// Lanes at most, and connections of the checkout pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) lanes: usize,
    pub(super) pool: usize,
    /// Which of the two are set and not of the rule.
    fixed: (bool, bool),
}

impl Sizes {
    /// What the settings say; else two lanes for each core, 4 to 16, and a pool of two connections for each core and 4.
    ///
    /// A lane keeps a process of the server busy, and half of its time that waits for the network or the disk. The pool's
    /// connections wait for their callers between statements, so they may be more.
    pub(super) fn wished(config: &PostgresConfig) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self::of(config.lanes, config.pool, cores)
    }

    fn of(lanes: usize, pool: usize, cores: usize) -> Self {
        let or = |set: usize, rule: usize| if set > 0 { set } else { rule };
        Self {
            lanes: or(lanes, (cores * 2).clamp(4, 16)),
            pool: or(pool, cores * 2 + 4),
            fixed: (lanes > 0, pool > 0),
        }
    }

    /// Connections that one node opens at most.
    pub(super) const fn needed(&self) -> usize {
        self.lanes + self.pool + BESIDE
    }

    /// The same within `share` connections: what is not set becomes less, the pool first and down to two, then lanes
    /// down to one.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyConnections`] when that is not enough.
    pub(super) fn within(self, share: usize) -> Result<Self, Error> {
        let mut sizes = self;
        let over = |sizes: &Self| sizes.needed().saturating_sub(share);
        if !self.fixed.1 {
            let most = sizes.pool.saturating_sub(2);
            sizes.pool -= over(&sizes).min(most);
        }
        if !self.fixed.0 {
            let most = sizes.lanes.saturating_sub(1);
            sizes.lanes -= over(&sizes).min(most);
        }
        if over(&sizes) > 0 {
            return Err(Error::TooManyConnections {
                needed: sizes.needed(),
                share,
            });
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(lanes: usize, pool: usize, cores: usize, share: usize) -> Option<(usize, usize)> {
        let sizes = Sizes::of(lanes, pool, cores).within(share).ok()?;
        Some((sizes.lanes, sizes.pool))
    }

    #[test]
    fn the_rule_follows_the_cores() {
        assert_eq!(within(0, 0, 1, 100), Some((4, 6)));
        assert_eq!(within(0, 0, 4, 100), Some((8, 12)));
        assert_eq!(within(0, 0, 64, 1_000), Some((16, 132)));
        assert_eq!(within(3, 5, 64, 10), Some((3, 5)));
    }

    #[test]
    fn what_is_not_set_becomes_less_and_what_is_set_is_refused() {
        assert_eq!(within(0, 0, 64, 94), Some((16, 76)));
        assert_eq!(within(0, 0, 64, 12), Some((8, 2)));
        assert_eq!(within(0, 0, 64, 5), Some((1, 2)));
        assert_eq!(within(0, 0, 64, 4), None);
        assert_eq!(within(8, 0, 2, 12), Some((8, 2)));
        assert_eq!(within(8, 8, 2, 17), None);
    }
}
