//! The timeline against a server and a node that are drawn by chance.

use std::sync::Arc;

use brisk_db::{CommitId, Reached, Ticket};

use crate::board::Version;
use crate::timeline::{MARKS, SHARPNESS, Timeline};

fn place(position: &str, look: u64) -> Arc<Reached> {
    Arc::new(Reached {
        position: position.parse().unwrap(),
        origin: 7,
        look: Ticket::from_raw(look),
    })
}

/// That of another node, whose looks are not ours.
fn theirs(position: &str) -> Reached {
    Reached::clone(&place(position, 0))
}

const fn id(xid: u64) -> CommitId {
    CommitId::transaction(xid)
}

#[test]
fn a_place_stands_for_what_was_told_before_it() {
    let line = Timeline::default();
    assert_eq!(line.version_of(&theirs("p:9:9:")), None);
    let began = line.reset();
    line.reached(&place("p:10:10:", 1));
    assert_eq!(line.version_of(&theirs("p:9:9:")), None);
    assert_eq!(line.version_of(&theirs("p:10:10:")), Some(began));
    let told = line.commit(Some(id(10)));
    // Our look is not over, but it is known which transaction it was.
    assert_eq!(line.version_of(&theirs("p:11:11:")), Some(told));
    assert_eq!(line.version_of(&theirs("p:10:12:10")), Some(began));
    line.reached(&place("p:14:14:", 2));
    assert_eq!(line.version_of(&theirs("p:11:11:")), Some(told));
    let mut other = theirs("p:14:14:");
    other.origin = 8;
    assert_eq!(line.version_of(&other), None);
    line.reset();
    line.reached(&place("p:14:14:", 3));
    assert_eq!(line.version_of(&theirs("p:11:11:")), None);
}

#[test]
fn an_own_commit_is_included_once_its_exact_changes_are() {
    let line = Timeline::default();
    let began = line.reset();
    line.reached(&place("p:10:10:", 1));
    // While look 2 is under way.
    line.wrote(Ticket::from_raw(3));
    line.reached(&place("p:10:10:", 2));
    assert_eq!(line.version_of(&theirs("p:20:20:")), Some(began));
    let told = line.commit(Some(id(10)));
    assert_eq!(line.version_of(&theirs("p:20:20:")), Some(began));
    line.reached(&place("p:12:12:", 3));
    assert_eq!(line.version_of(&theirs("p:11:11:")), Some(told));
    assert_eq!(line.version_of(&theirs("p:10:12:10")), Some(began));
    assert_eq!(line.version_of(&theirs("p:12:12:")), Some(told));
}

#[test]
fn what_was_swept_is_included_in_a_place_that_was_looked_for_later() {
    let line = Timeline::default();
    let began = line.reset();
    line.reached(&place("p:10:10:", 1));
    // While look 2 is under way, twice.
    line.swept(Ticket::from_raw(3));
    let swept = line.swept(Ticket::from_raw(3));
    line.reached(&place("p:12:12:", 2));
    assert_eq!(line.version_of(&theirs("p:20:20:")), Some(began));
    line.reached(&place("p:14:14:", 3));
    assert_eq!(line.version_of(&theirs("p:13:13:")), Some(began));
    assert_eq!(line.version_of(&theirs("p:14:14:")), Some(swept));
    let told = line.commit(Some(id(14)));
    assert_eq!(line.version_of(&theirs("p:15:15:")), Some(told));
}

#[test]
fn places_that_do_not_follow_each_other_stand_for_nothing_until_a_reset() {
    let line = Timeline::default();
    line.reset();
    line.reached(&place("p:10:10:", 1));
    line.reached(&place("p:9:9:", 2));
    for look in 3..5 {
        assert!(line.place().is_none());
        assert_eq!(line.version_of(&theirs("p:20:20:")), None);
        line.reached(&place("p:12:12:", look));
    }
    let began = line.reset();
    line.reached(&place("p:12:12:", 6));
    assert_eq!(line.version_of(&theirs("p:12:12:")), Some(began));
}

#[test]
fn what_is_forgotten_of_the_past_makes_no_place_newer() {
    let line = Timeline::default();
    line.reset();
    line.reached(&place("p:10:10:", 1));
    let mut versions = Vec::new();
    for xid in 10..100_000 {
        versions.push((xid + 1, line.commit(Some(id(xid)))));
        line.reached(&place(&format!("p:{0}:{0}:", xid + 1), xid));
    }
    assert!(line.marks() <= MARKS);
    let now = line.version();
    for (xmax, version) in versions {
        let found = line.version_of(&theirs(&format!("p:{xmax}:{xmax}:")));
        let before = version - found.unwrap();
        let age = now - version;
        assert!(before <= age / SHARPNESS + 1, "{before} at {age}");
    }
}

/// A server with transactions that take their time, and a node whose looks do.
#[derive(Default)]
struct World {
    line: Timeline,
    begun: u64,
    next: u64,
    running: Vec<Transaction>,
    finished: Vec<u64>,
    /// Own commits whose caller is about to tell: with the ticket, once it is taken.
    telling: Vec<(Transaction, Option<Ticket>)>,
    look: Option<Look>,
    seen: Vec<u64>,
    captured: Vec<u64>,
    /// What each version stands for.
    told: Vec<(Version, Transaction)>,
}

#[derive(Clone, Copy)]
struct Transaction {
    xid: u64,
    captured: bool,
    own: bool,
}

struct Look {
    number: u64,
    /// Once the server has answered: what it saw, what is still to be told.
    answer: Option<(String, Vec<u64>)>,
}

impl World {
    fn snapshot(&self) -> String {
        let running: Vec<u64> = self.running.iter().map(|t| t.xid).collect();
        let xmin = running.iter().min().copied().unwrap_or(self.next);
        let running: Vec<_> = running.iter().map(u64::to_string).collect();
        format!("p:{xmin}:{}:{}", self.next, running.join(","))
    }

    fn step(&mut self, chance: &mut fastrand::Rng) {
        match chance.u32(..8) {
            0 | 1 => {
                let transaction = Transaction {
                    xid: self.next,
                    captured: chance.u32(..4) > 0,
                    own: chance.bool(),
                };
                self.next += 1;
                self.running.push(transaction);
            }
            2 | 3 if !self.running.is_empty() => {
                let at = chance.usize(..self.running.len());
                let transaction = self.running.remove(at);
                self.running.sort_by_key(|t| t.xid);
                self.finished.push(transaction.xid);
                if transaction.captured {
                    self.captured.push(transaction.xid);
                }
                if transaction.own {
                    self.telling.push((transaction, None));
                }
            }
            4 if !self.telling.is_empty() => {
                let at = chance.usize(..self.telling.len());
                let coming = Ticket::from_raw(self.begun + 1);
                let (transaction, ticket) = &mut self.telling[at];
                match ticket {
                    None => *ticket = Some(coming),
                    Some(ticket) => {
                        self.told.push((self.line.wrote(*ticket), *transaction));
                        self.telling.remove(at);
                    }
                }
            }
            _ => self.look(chance),
        }
    }

    fn look(&mut self, chance: &mut fastrand::Rng) {
        let Some(mut look) = self.look.take() else {
            self.begun += 1;
            self.look = Some(Look {
                number: self.begun,
                answer: None,
            });
            return;
        };
        let snapshot = self.snapshot();
        match &mut look.answer {
            None => {
                let new = self.finished.iter().filter(|x| !self.seen.contains(x));
                let new: Vec<u64> = new.copied().collect();
                self.seen.extend(&new);
                let captured = new.into_iter().filter(|x| self.captured.contains(x));
                look.answer = Some((snapshot, captured.collect()));
            }
            Some((_, new)) if !new.is_empty() => {
                let xid = new.remove(chance.usize(..new.len()));
                let transaction = Transaction {
                    xid,
                    captured: true,
                    own: false,
                };
                self.told
                    .push((self.line.commit(Some(id(xid))), transaction));
            }
            Some((snapshot, _)) => {
                self.line.reached(&place(snapshot, look.number));
                return;
            }
        }
        self.look = Some(look);
    }
}

#[test]
fn whatever_happens_side_by_side_a_place_stands_for_nothing_that_it_lacks() {
    let mut good = 0;
    for seed in 0..300 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut world = World {
            next: 1,
            ..World::default()
        };
        world.line.reset();
        world.line.reached(&place("p:1:1:", 0));
        let mut places = Vec::new();
        for _ in 0..300 {
            world.step(&mut chance);
            places.push(world.snapshot());
            let position = &places[chance.usize(..places.len())];
            let foreign = theirs(position);
            let version = world.line.version_of(&foreign).unwrap();
            for (told, transaction) in world.told.iter().filter(|(v, _)| *v <= version) {
                let included = foreign.position.has(id(transaction.xid));
                assert!(
                    included || !transaction.captured,
                    "seed {seed}: {told} of {version}: {} is not in {position}",
                    transaction.xid
                );
                good += 1;
            }
        }
    }
    assert!(good > 100_000, "{good}: the test would see little");
}
