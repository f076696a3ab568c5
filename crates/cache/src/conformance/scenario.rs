//! What may happen at once, and in which orders.

use super::truth::KEYS;

/// One step of somebody. Numbers of readers and keys are from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A reader asks for a key.
    Ask(usize, usize),
    /// Its load, where it has one, reads.
    Read(usize),
    /// Its load answers.
    Answer(usize),
    /// A writer writes a key, or deletes it, without committing.
    Write(usize),
    Delete(usize),
    /// It asks for that key inside its transaction.
    AskInside(usize),
    /// It commits what it wrote to a key, or takes it back.
    Commit(usize),
    Undo(usize),
    /// It tells the cache of its commits to these keys: a bit for each.
    Tell(u8),
    /// News without a key.
    CatchUp,
    Flush,
    Cut,
    Link,
}

/// Readers of one scenario at most.
pub(super) const READERS: usize = 3;

/// Lanes whose steps may come in any order among each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) lanes: &'static [&'static [Step]],
}

use Step::{
    Answer, Ask, AskInside, CatchUp, Commit, Cut, Delete, Flush, Link, Read, Tell, Undo, Write,
};

const FIRST: &[Step] = &[Ask(0, 0), Read(0), Answer(0)];
const SECOND: &[Step] = &[Ask(1, 0), Read(1), Answer(1)];
const THIRD: &[Step] = &[Ask(2, 0), Read(2), Answer(2)];
const OF_OTHER: &[Step] = &[Ask(1, 1), Read(1), Answer(1)];

const _: () = assert!(
    KEYS == 2 && READERS == 3,
    "the scenarios name these keys and readers"
);

/// All scenarios, in the order of the report.
pub(super) const ALL: [Scenario; 9] = [
    Scenario {
        name: "commit",
        lanes: &[FIRST, SECOND, &[Write(0), Commit(0), Tell(0b01), CatchUp]],
    },
    Scenario {
        name: "commit, three readers",
        lanes: &[FIRST, SECOND, THIRD, &[Write(0), Commit(0), Tell(0b01)]],
    },
    Scenario {
        name: "two commits",
        lanes: &[
            FIRST,
            SECOND,
            &[
                Write(0),
                Commit(0),
                Tell(0b01),
                Write(0),
                Commit(0),
                Tell(0b01),
            ],
            &[CatchUp],
        ],
    },
    Scenario {
        name: "delete",
        lanes: &[
            FIRST,
            SECOND,
            &[
                Delete(0),
                Commit(0),
                Tell(0b01),
                Write(0),
                Commit(0),
                Tell(0b01),
            ],
        ],
    },
    Scenario {
        name: "rollback",
        lanes: &[FIRST, SECOND, &[Write(0), AskInside(0), Undo(0)]],
    },
    Scenario {
        name: "transaction",
        lanes: &[
            FIRST,
            OF_OTHER,
            &[
                Write(0),
                AskInside(0),
                Write(1),
                Commit(0),
                Commit(1),
                Tell(0b11),
            ],
            &[CatchUp],
        ],
    },
    Scenario {
        name: "flush",
        lanes: &[FIRST, SECOND, &[Write(0), Commit(0), Flush]],
    },
    Scenario {
        name: "reconnect",
        lanes: &[FIRST, SECOND, &[Cut, Link], &[Write(0), Commit(0)]],
    },
    Scenario {
        name: "everything",
        lanes: &[
            FIRST,
            SECOND,
            &[Ask(2, 1), Read(2), Answer(2)],
            &[
                Write(0),
                Commit(0),
                Tell(0b01),
                Delete(0),
                AskInside(0),
                Undo(0),
                Write(0),
                Commit(0),
                Tell(0b01),
            ],
            &[Write(1), Commit(1), Tell(0b10)],
            &[CatchUp, CatchUp],
            &[Flush],
            &[Cut, Link],
        ],
    },
];

impl Scenario {
    /// In how many orders the steps can come; none where they are past counting.
    pub(super) fn orders(&self) -> Option<u64> {
        let mut total: u128 = 1;
        let mut steps: u128 = 0;
        for lane in self.lanes {
            for n in 1..=lane.len() as u128 {
                steps += 1;
                // Always a whole number: a product of binomial coefficients.
                total = total.checked_mul(steps)? / n;
            }
        }
        u64::try_from(total).ok()
    }

    /// The order of this number, from 0.
    pub(super) fn order(&self, mut number: u64) -> Vec<Step> {
        let mut among = self.orders().unwrap_or(u64::MAX);
        self.in_order(|left, all| {
            for (lane, left) in left.iter().enumerate() {
                let with_it = u128::from(among) * u128::from(*left) / u128::from(all);
                let with_it = u64::try_from(with_it).unwrap_or(u64::MAX);
                if number < with_it {
                    among = with_it;
                    return lane;
                }
                number -= with_it;
            }
            0
        })
    }

    /// An order by chance, each as likely as any other.
    pub(super) fn drawn(&self, rng: &mut fastrand::Rng) -> Vec<Step> {
        self.in_order(|left, all| {
            let mut at = rng.u64(0..all);
            for (lane, left) in left.iter().enumerate() {
                if at < *left {
                    return lane;
                }
                at -= left;
            }
            0
        })
    }

    fn in_order(&self, mut choose: impl FnMut(&[u64], u64) -> usize) -> Vec<Step> {
        let mut left: Vec<u64> = self.lanes.iter().map(|lane| lane.len() as u64).collect();
        let mut all: u64 = left.iter().sum();
        let mut steps = Vec::with_capacity(usize::try_from(all).unwrap_or_default());
        while all > 0 {
            let lane = choose(&left, all);
            let steps_of = self.lanes[lane];
            steps.push(steps_of[steps_of.len() - usize::try_from(left[lane]).unwrap_or_default()]);
            left[lane] -= 1;
            all -= 1;
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_order_has_a_number_and_keeps_the_order_of_each_lane() {
        for scenario in ALL.iter().filter(|s| s.orders().is_some_and(|n| n < 5_000)) {
            let orders = scenario.orders().unwrap();
            let mut seen = HashSet::new();
            for number in 0..orders {
                let steps = scenario.order(number);
                for lane in scenario.lanes {
                    let mut rest = steps.iter();
                    assert!(lane.iter().all(|step| rest.any(|s| s == step)));
                }
                seen.insert(format!("{steps:?}"));
            }
            assert_eq!(seen.len() as u64, orders, "{}", scenario.name);
        }
        assert_eq!(ALL[0].orders(), Some(4_200));
        assert_eq!(ALL[1].orders(), Some(369_600));
    }
}
