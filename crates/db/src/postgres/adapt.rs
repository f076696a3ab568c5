//! How many lanes are open: more while statements queue up on each of them, fewer once that was not so for long.

use std::time::{Duration, Instant};

/// Statements that stand before a new one, on the average: above this one more lane is worth its connection. Two or
/// three in line keep the server busy between the network's round trips and are no queue.
const CROWDED: u64 = 4;

/// It must have been so for as many looks, so that a single burst opens nothing.
const LOOKS: u32 = 3;

/// The bounds of the number of lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) least: usize,
    pub(super) most: usize,
    /// How long there must be no queue before a lane is closed.
    pub(super) idle_after: Duration,
}

/// What was sent on all lanes since the last look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crowd {
    pub(super) sent: u64,
    /// Statements that stood before those.
    pub(super) before: u64,
    /// Lanes that have a connection.
    pub(super) connected: usize,
}

#[derive(Debug)]
pub(super) struct Adapt {
    /// Looks in a row that found a crowd.
    crowded: u32,
    /// Since when there was no queue worth the last lane.
    quiet_since: Instant,
}

impl Adapt {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            crowded: 0,
            quiet_since: now,
        }
    }

    /// How many lanes there should be, where `open` are.
    ///
    /// Growth takes a crowd of four, and a lane goes only where half a statement stood in line for all of `idle_after`,
    /// so that no number of callers makes it swing.
    pub(super) fn look(
        &mut self,
        now: Instant,
        open: usize,
        crowd: &Crowd,
        bounds: Bounds,
    ) -> usize {
        // While a lane is still being connected, or the server is away, another one would help nobody.
        let is_crowded =
            crowd.sent > 0 && crowd.before >= crowd.sent * CROWDED && crowd.connected >= open;
        self.crowded = if is_crowded { self.crowded + 1 } else { 0 };
        if crowd.before * 2 > crowd.sent {
            self.quiet_since = now;
        }
        if self.crowded >= LOOKS && open < bounds.most {
            self.crowded = 0;
            return open + 1;
        }
        if open > bounds.least
            && now.saturating_duration_since(self.quiet_since) >= bounds.idle_after
        {
            self.quiet_since = now;
            return open - 1;
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        least: 2,
        most: 4,
        idle_after: Duration::from_mins(1),
    };

    /// Looks once a second; answers the number of lanes after each look.
    fn looks(open: usize, crowds: &[(u64, u64)]) -> Vec<usize> {
        let began = Instant::now();
        let mut adapt = Adapt::new(began);
        let mut open = open;
        let mut numbers = Vec::new();
        for (second, (sent, before)) in crowds.iter().copied().enumerate() {
            let now = began + Duration::from_secs(second as u64);
            let crowd = Crowd {
                sent,
                before,
                connected: open,
            };
            open = adapt.look(now, open, &crowd, BOUNDS);
            numbers.push(open);
        }
        numbers
    }

    #[test]
    fn a_lasting_crowd_opens_lanes_up_to_the_bound_and_a_burst_none() {
        assert_eq!(looks(2, &[(100, 900); 9]), [2, 2, 3, 3, 3, 4, 4, 4, 4]);
        assert_eq!(
            looks(2, &[(9, 90), (9, 90), (9, 9), (9, 90), (9, 90), (0, 0)]),
            [2; 6]
        );
    }

    #[test]
    fn lanes_close_one_by_one_after_a_long_quiet_and_not_below_the_least() {
        let numbers = looks(4, &[(5, 0); 200]);
        assert_eq!((numbers[59], numbers[60], numbers[119]), (4, 3, 3));
        assert_eq!((numbers[120], numbers[199]), (2, 2));
    }

    #[test]
    fn a_load_between_the_two_marks_changes_nothing() {
        assert_eq!(looks(3, &[(10, 20); 200]), [3; 200]);
    }
}
