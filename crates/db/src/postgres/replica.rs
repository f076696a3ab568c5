//! Reads on a streaming replica, where it has already what the caller must see.
//!
//! The primary is asked every few milliseconds what is committed and up to where its log is written, the replica up to
//! where it has replayed the log. Once the replica is past a place in the log, it shows every commit that the primary
//! showed when the place was read. So a write is there as soon as that is true for a place that was read after it, and
//! writes need no statement of their own to find out where in the log they are.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use brisk_core::Scope;
use metrics::{Counter, counter};
use tokio::time::{sleep, timeout};

use super::lane::{Connection, Made};
use super::lanes::Lanes;
use crate::capture::Position;
use crate::column::BoxedError;
use crate::error::Error;
use crate::pace::Recent;
use crate::pools::ReplicaReads;
use crate::sight::{Caller, Sight};
use crate::statement::{Call, Shape};

/// Reads that a replica may answer, by where they went.
const READS: &str = "brisk_db_replica_reads_total";

/// The time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// How long a server may take to tell where it is.
const LOOK_WAIT: Duration = Duration::from_secs(1);

/// Places that the replica has not reached yet; past that those between are left out.
const PLACES: usize = 64;

/// Callers whose last write is remembered until the replica has it; past that everybody waits for everybody's.
const CALLERS: usize = 10_000;

// The insert position and not the one that is flushed: a commit without a flush can be seen, too.
const PRIMARY: &str =
    "SELECT 'p:' || pg_current_snapshot()::text || ' ' || pg_current_wal_insert_lsn()::text";

/// A server that is no replica any more has a history of its own.
const REPLAYED: &str =
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text ELSE '' END";

#[derive(Debug)]
pub(super) struct Replica {
    pub(super) lanes: Lanes,
    most_behind: Duration,
    // Std mutexes: held for a look-up only, never across an await.
    seen: Mutex<Option<Arc<Seen>>>,
    written: Mutex<Written>,
    counts: Counts,
}

/// How far the replica is known to be.
#[derive(Debug)]
struct Seen {
    place: Place,
    /// When the replica was asked.
    told_at: Instant,
}

/// A place in the primary's log.
#[derive(Debug)]
struct Place {
    /// Before the primary was asked: it had told of every write by then.
    asked_at: Instant,
    position: Position,
    lsn: u64,
}

#[derive(Debug, Default)]
struct Written {
    callers: HashMap<Caller, Instant>,
    everybody: Option<Instant>,
}

struct Counts {
    served: Count,
    unseen: Count,
    behind: Count,
    failed: Count,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counts").finish_non_exhaustive()
    }
}

struct Count(AtomicU64, Counter);

impl Count {
    fn of(outcome: &'static str) -> Self {
        Self(AtomicU64::new(0), counter!(READS, "outcome" => outcome))
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.increment(1);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Replica {
    pub(super) fn new(lanes: Lanes, most_behind: Duration) -> Self {
        Self {
            lanes,
            most_behind,
            seen: Mutex::default(),
            written: Mutex::default(),
            counts: Counts {
                served: Count::of("served"),
                unseen: Count::of("unseen"),
                behind: Count::of("behind"),
                failed: Count::of("failed"),
            },
        }
    }

    /// Notes that the caller has written now.
    pub(super) fn wrote(&self, scope: &Scope, sight: &Sight) {
        let now = Instant::now();
        if let Some(latest) = &sight.wrote {
            latest.note(now);
        }
        let mut written = self.written();
        let caller = Caller::of(scope);
        if written.callers.len() >= CALLERS && !written.callers.contains_key(&caller) {
            written.callers.clear();
            written.everybody = Some(now);
        }
        written.callers.insert(caller, now);
    }

    /// Reads on the replica; none where the primary has to answer.
    pub(super) async fn read<S: Shape>(
        &self,
        call: &Call,
        scope: &Scope,
        sight: &Sight,
        recent: &Recent,
    ) -> Option<Result<(S::Out, u64), Error>> {
        let connection = self.connection(scope, sight)?;
        match connection.run::<S>(call, recent).await {
            result @ (Ok(_)
            | Err(Error::NoRow { .. } | Error::Decode { .. } | Error::Timeout { .. })) => {
                self.counts.served.add();
                Some(result)
            }
            // Lost, in the way of what is replayed, or in need of what only a primary can do. A read changed nothing.
            Err(error) => {
                tracing::debug!(statement = call.name, %error, "the replica could not answer; the primary is asked");
                self.counts.failed.add();
                None
            }
        }
    }

    fn connection(&self, scope: &Scope, sight: &Sight) -> Option<Arc<Connection>> {
        let seen = self.seen().clone();
        let fresh = seen.filter(|seen| seen.place.asked_at.elapsed() <= self.most_behind);
        // A connection that was made later may lead to a server that has begun anew and is further back.
        let found = fresh.and_then(|seen| {
            let connection = self.lanes.free(Made::Before(seen.told_at))?;
            Some((seen, connection))
        });
        let Some((seen, connection)) = found else {
            self.counts.behind.add();
            return None;
        };
        if !self.has_all(&seen.place, scope, sight) {
            self.counts.unseen.add();
            return None;
        }
        Some(connection)
    }

    /// Whether the replica shows what the caller wrote, here or elsewhere.
    fn has_all(&self, place: &Place, scope: &Scope, sight: &Sight) -> bool {
        let before = |wrote: Instant| wrote < place.asked_at;
        let mine = sight.wrote.as_ref();
        mine.is_none_or(|latest| latest.is_before(place.asked_at))
            && sight.after.iter().all(|p| place.position.includes(p))
            && {
                let written = self.written();
                let caller = Caller::of(scope);
                written.everybody.is_none_or(before)
                    && written.callers.get(&caller).copied().is_none_or(before)
            }
    }

    /// Looks where both are, again and again. Runs until it is aborted.
    pub(super) async fn follow(&self, primary: &Lanes) {
        let mut ahead = VecDeque::new();
        loop {
            if let Err(error) = self.look(primary, &mut ahead).await {
                tracing::debug!(%error, "the place of the replica is not known");
                ahead.clear();
                *self.seen() = None;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self, primary: &Lanes, ahead: &mut VecDeque<Place>) -> Result<(), BoxedError> {
        let asked_at = Instant::now();
        let answer = ask(primary, PRIMARY).await?;
        let (position, lsn) = answer.split_once(' ').ok_or("no place")?;
        if ahead.len() >= PLACES {
            ahead.pop_back();
        }
        ahead.push_back(Place {
            asked_at,
            position: position.parse()?,
            lsn: log_place(lsn).ok_or("no place in the log")?,
        });
        let told_at = Instant::now();
        let replayed = ask(&self.lanes, REPLAYED).await?;
        let replayed = log_place(&replayed).ok_or("the server of the replica is none")?;
        let mut reached = None;
        while let Some(place) = ahead.pop_front_if(|place| place.lsn <= replayed) {
            reached = Some(place);
        }
        if let Some(place) = reached {
            self.written().forget_before(place.asked_at);
            *self.seen() = Some(Arc::new(Seen { place, told_at }));
        }
        Ok(())
    }

    pub(super) fn reads(&self) -> ReplicaReads {
        ReplicaReads {
            served: self.counts.served.get(),
            unseen: self.counts.unseen.get(),
            behind: self.counts.behind.get(),
            failed: self.counts.failed.get(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Option<Arc<Seen>>> {
        self.seen.lock().expect("no holder of this lock can panic")
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written
            .lock()
            .expect("no holder of this lock can panic")
    }
}

impl Written {
    fn forget_before(&mut self, place: Instant) {
        self.callers.retain(|_, wrote| *wrote >= place);
        self.everybody = self.everybody.filter(|wrote| *wrote >= place);
    }
}

async fn ask(lanes: &Lanes, text: &str) -> Result<String, BoxedError> {
    let connection = lanes.free(Made::Whenever).ok_or("there is no connection")?;
    Ok(timeout(LOOK_WAIT, connection.ask(text)).await??)
}

/// The number behind the server's `16/B374D848`.
fn log_place(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let part = |text| u64::from_str_radix(text, 16).ok();
    Some(part(high)? << 32 | part(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_log_are_numbers() {
        assert_eq!(log_place("16/B374D848"), Some(0x16_B374_D848));
        assert!(log_place("0/FFFFFFFF") < log_place("1/0"));
        assert_eq!(log_place(""), None);
    }
}
