//! Whether the tables agree with what the callers heard.

use std::collections::HashMap;

use brisk_db::Db;

use super::book::{Op, Outcome};
use super::world::*;
use crate::harness::session;

type Key = (i64, i64);

/// What is stored.
#[derive(Default)]
struct Stored {
    entries: HashMap<Key, u32>,
    counters: HashMap<Key, i64>,
    balances: HashMap<Key, i64>,
    transfers: HashMap<Key, Vec<Transfer>>,
}

async fn stored(db: &Db) -> Stored {
    let session = session(db);
    let mut stored = Stored::default();
    for entry in session.run(&ALL_ENTRIES, ()).await.unwrap() {
        assert_eq!(entry, Entry::of(entry.tenant_id, entry.id), "a mixed row");
        *stored
            .entries
            .entry((entry.tenant_id, entry.id))
            .or_default() += 1;
    }
    for c in session.run(&ALL_COUNTERS, ()).await.unwrap() {
        stored.counters.insert((c.tenant_id, c.id), c.n);
    }
    for a in session.run(&ALL_BALANCES, ()).await.unwrap() {
        stored.balances.insert((a.tenant_id, a.id), a.n);
    }
    for t in session.run(&ALL_TRANSFERS, ()).await.unwrap() {
        let key = (t.tenant_id, t.id);
        stored.transfers.entry(key).or_default().push(t);
    }
    stored
}

/// How often a write is there, against what its caller heard.
fn times(what: &Op, outcome: Outcome, there: usize) -> Option<String> {
    match (outcome, there) {
        (Outcome::Done, 1) | (Outcome::Refused, 0) | (Outcome::Unknown, 0 | 1) => None,
        (Outcome::Done, 0) => Some(format!("lost although acknowledged: {what:?}")),
        (Outcome::Refused, _) => Some(format!("there although refused: {what:?}")),
        (_, n) => Some(format!("there {n} times: {what:?}")),
    }
}

/// What the shared counter of a tenant may hold.
#[derive(Clone, Copy, Default)]
struct Bumps {
    done: i64,
    unknown: i64,
    pairs: i64,
}

/// Reads everything and compares; answers how many writes were acknowledged.
pub(super) async fn check(db: &Db, ops: &[(Op, Outcome)]) -> usize {
    let mut stored = stored(db).await;
    let mut wrong = Vec::new();
    let mut bumps = HashMap::<i64, Bumps>::new();
    let mut sets = HashMap::<Key, (i64, Vec<i64>)>::new();
    for (op, outcome) in ops {
        match op {
            Op::Insert { tenant, id } => {
                let there = stored.entries.remove(&(*tenant, *id)).unwrap_or(0);
                wrong.extend(times(op, *outcome, there as usize));
            }
            Op::Pair { tenant, id } => {
                let one = stored.entries.remove(&(*tenant, *id)).unwrap_or(0);
                let other = stored.entries.remove(&(*tenant, *id + 1)).unwrap_or(0);
                wrong.extend(times(op, *outcome, one as usize));
                if one != other {
                    wrong.push(format!("half there: {op:?}"));
                }
                bumps.entry(*tenant).or_default().pairs += i64::from(one);
            }
            Op::Bump { tenant } => {
                let bumps = bumps.entry(*tenant).or_default();
                bumps.done += i64::from(*outcome == Outcome::Done);
                bumps.unknown += i64::from(*outcome == Outcome::Unknown);
            }
            Op::Set { tenant, counter, n } => {
                let (least, possible) = sets.entry((*tenant, *counter)).or_default();
                if *outcome == Outcome::Done {
                    *least = (*least).max(*n);
                }
                if *outcome != Outcome::Refused {
                    possible.push(*n);
                }
            }
            Op::Transfer(transfer) => {
                let key = (transfer.tenant_id, transfer.id);
                let there = stored.transfers.remove(&key).unwrap_or_default();
                wrong.extend(times(op, *outcome, there.len()));
                for t in there {
                    if t != *transfer {
                        wrong.push(format!("{t:?} instead of {op:?}"));
                    }
                    *stored.balances.entry((t.tenant_id, t.source)).or_default() += t.amount;
                    *stored.balances.entry((t.tenant_id, t.target)).or_default() -= t.amount;
                }
            }
        }
    }
    wrong.extend(
        stored
            .entries
            .keys()
            .map(|k| format!("nobody asked for entry {k:?}")),
    );
    wrong.extend(
        stored
            .transfers
            .keys()
            .map(|k| format!("nobody asked for transfer {k:?}")),
    );
    // The transfers that are there explain every balance.
    for (account, balance) in &stored.balances {
        if *balance != BALANCE {
            let by = balance - BALANCE;
            wrong.push(format!("account {account:?} is off by {by}"));
        }
    }
    for ((tenant, counter), n) in &stored.counters {
        if *counter == SHARED {
            let Bumps {
                done,
                unknown,
                pairs,
            } = bumps.remove(tenant).unwrap_or_default();
            let least = done + pairs;
            if !(least..=least + unknown).contains(n) {
                wrong.push(format!(
                    "tenant {tenant} counts {n}, not {least} and at most {unknown} more"
                ));
            }
        } else {
            let (least, possible) = sets.remove(&(*tenant, *counter)).unwrap_or_default();
            if *n < least || (*n != 0 && !possible.contains(n)) {
                wrong.push(format!(
                    "counter {counter} of {tenant} holds {n}, acknowledged was {least}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(30)].join("\n")
    );
    ops.iter().filter(|(_, o)| *o == Outcome::Done).count()
}
