//! No committed change is missed: every one that the table shows must have been told, or made void by a reset that came
//! after it.
//!
//! Writers add 1 to the number of two rows in one transaction and wait a little before they commit, so that commits
//! come in another order than their transactions began. One transaction is open all the while and commits at the end.
//! Some are undone. Connections are cut. The truth is the table: a row at number 7 has had seven commits.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use brisk_core::{Deadline, TenantId};
use brisk_db::{Cell, Db, DbConfig, Error, Event, Session, Subscription, What};
use brisk_testkit::chance::is_full;
use brisk_testkit::faults::Proxy;
use brisk_testkit::servers::Postgres;
use futures::future::join_all;
use tokio::time::{sleep, timeout};

use super::world::*;
use crate::harness::{TestDb, session};

const ROWS: i64 = 64;

/// The row that only the long transactions change.
pub(super) const LATE: i64 = 1_000;

const WRITERS: i64 = 12;

/// Commits in all: some thousand, or with `BRISK_TEST_FULL=1` as many as the promise names.
pub(super) fn commits() -> u64 {
    if is_full() { 100_000 } else { 3_000 }
}

/// Long enough for the full run.
pub(super) fn patience() -> Duration {
    Duration::from_secs(if commits() > 10_000 { 1_200 } else { 90 })
}

/// What was told of each row.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) numbers: BTreeMap<i64, BTreeSet<i64>>,
    /// The last number in order; forgotten at a reset.
    last: BTreeMap<i64, i64>,
    /// Up to here a reset has made everything void.
    pub(super) excused: BTreeMap<i64, i64>,
    pub(super) marks: HashSet<String>,
    pub(super) resets: u32,
}

impl Heard {
    fn hear(&mut self, event: &Event) {
        let Event::Committed(commit) = event else {
            return;
        };
        let mut of_mark: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for change in &commit.changes {
            let What::Row {
                key,
                new: Some(new),
                ..
            } = &change.what
            else {
                panic!("{change:?}");
            };
            let id = key.get("id").and_then(Cell::as_int).unwrap();
            let n = new.get("n").and_then(Cell::as_int).unwrap();
            let mark = new.get("status").and_then(|c| c.as_text()).unwrap();
            self.numbers.entry(id).or_default().insert(n);
            let last = self.last.insert(id, n);
            assert!(
                last.is_none_or(|last| last < n),
                "row {id}: {n} was told after {last:?}"
            );
            of_mark.entry(mark.to_owned()).or_default().insert(id);
            self.marks.insert(mark.to_owned());
        }
        for (mark, ids) in of_mark {
            assert!(
                mark.starts_with('l') || ids.len() == 2,
                "{mark} was told in parts: {ids:?}"
            );
        }
    }

    /// Everything before a reset is void; what stands there now was committed before or will be told.
    async fn reset(&mut self, session: &Session) {
        self.resets += 1;
        self.last.clear();
        let now = timeout(Duration::from_secs(20), async {
            loop {
                if let Ok(rows) = session.run(&NUMBERS, ()).await {
                    return rows
                        .into_iter()
                        .map(Number::pair)
                        .collect::<BTreeMap<_, _>>();
                }
            }
        });
        self.excused = now.await.unwrap();
    }

    pub(super) fn check(&self, stored: &BTreeMap<i64, i64>) -> usize {
        let mut missed = Vec::new();
        for (id, n) in stored {
            let excused = self.excused.get(id).copied().unwrap_or(0);
            let told = self.numbers.get(id);
            missed.extend(
                (excused + 1..=*n)
                    .filter(|n| told.is_none_or(|told| !told.contains(n)))
                    .map(|n| (*id, n)),
            );
        }
        assert!(
            missed.is_empty(),
            "{} changes were not told: {missed:?}",
            missed.len()
        );
        self.numbers.values().map(BTreeSet::len).sum()
    }
}

/// What a writer does with one transaction.
async fn bump(session: &Session, turn: i64, undo: bool, pause: Duration) -> Result<(), Error> {
    let mark = format!("{}{turn}", if undo { 'u' } else { 'c' });
    // In one order, so that writers do not lock each other out; a gap between, so that they meet in changing pairs.
    let first = turn % (ROWS - 7);
    let second = first + 1 + turn % 7;
    session
        .transaction(|s: Session| {
            let mark = mark.clone();
            async move {
                s.run(&BUMP, (first, mark.clone())).await?;
                sleep(pause).await;
                s.run(&BUMP, (second, mark)).await?;
                if undo { Err(Error::Cursor) } else { Ok(()) }
            }
        })
        .await
}

pub(super) async fn seed(session: &Session) {
    for id in (0..ROWS).chain([LATE]) {
        session
            .run(&ADD, (id, TenantId(1), "new".to_owned()))
            .await
            .unwrap();
    }
}

/// Writes until enough is committed; answers how many transactions were.
pub(super) async fn write(db: &Db, enough: u64, pause: Duration) -> u64 {
    let (turn, done) = (AtomicI64::new(0), AtomicU64::new(0));
    join_all((0..WRITERS).map(async |writer| {
        let session = session(db);
        while done.load(Ordering::Relaxed) < enough {
            let now = turn.fetch_add(1, Ordering::Relaxed);
            // Some hold on to what they have begun while many others commit.
            let pause = if now % 10 == writer % 10 {
                pause * 20
            } else {
                pause
            };
            match bump(&session, now, now % 17 == 3, pause).await {
                Ok(()) => drop(done.fetch_add(1, Ordering::Relaxed)),
                Err(Error::Cursor | Error::Serialization { .. }) => {}
                Err(Error::Unavailable { .. } | Error::Timeout { .. }) => {
                    sleep(Duration::from_millis(10)).await;
                }
                Err(e) => panic!("{e:?}"),
            }
        }
    }))
    .await;
    done.into_inner()
}

/// Listens until the position is reached, then until nothing waits any more.
pub(super) async fn listen(
    mut events: Subscription,
    session: Session,
    done: Arc<tokio::sync::Notify>,
) -> Heard {
    let mut heard = Heard::default();
    loop {
        let event = tokio::select! {
            biased;
            event = events.next() => event.unwrap(),
            () = done.notified() => return heard,
        };
        heard.hear(&event);
        if let Event::Reset(_) = event {
            heard.reset(&session).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_missed_on_postgres() {
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let mut config = DbConfig::new(url);
    config.postgres.pool = 16;
    config.transaction_hold = patience();
    let db = Db::open(config).await.unwrap();
    db.migrate(&[CAPTURED]).await.unwrap();
    // Reads for the checker do not go through the faults.
    let straight = Db::open(DbConfig::new(database.url())).await.unwrap();
    seed(&session(&straight)).await;
    // The long transaction belongs to another node, or its connection would be cut with the others.
    let (begun, may_end) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(tokio::sync::Notify::new()),
    );
    let long = {
        let (db, begun, may_end) = (straight.clone(), Arc::clone(&begun), Arc::clone(&may_end));
        tokio::spawn(async move {
            let mut config = DbConfig::new(database.url());
            config.transaction_hold = patience();
            let far = Db::open(config).await.unwrap();
            session(&far)
                .transaction(|s: Session| {
                    let (begun, may_end) = (Arc::clone(&begun), Arc::clone(&may_end));
                    async move {
                        s.run(&BUMP, (LATE, "late".to_owned())).await?;
                        begun.notify_one();
                        may_end.notified().await;
                        s.run(&BUMP, (LATE, "later".to_owned())).await
                    }
                })
                .await
                .unwrap();
            far.close().await;
            drop(db);
            database
        })
    };
    begun.notified().await;
    let listeners = [&straight, &db].map(|db| {
        let done = Arc::new(tokio::sync::Notify::new());
        let listening = listen(
            db.changes().subscribe(),
            session(&straight),
            Arc::clone(&done),
        );
        (done, tokio::spawn(listening))
    });
    // What is written before the streams begin is covered by their first reset, and would prove nothing.
    for db in [&straight, &db] {
        while !db.changes().is_trusted() {
            sleep(Duration::from_millis(5)).await;
        }
    }
    let whole = async {
        let cuts = async {
            loop {
                sleep(Duration::from_millis(700)).await;
                proxy.cut().await.unwrap();
            }
        };
        let done = tokio::select! {
            done = write(&db, commits(), Duration::from_millis(1)) => done,
            () = cuts => unreachable!("it goes on"),
        };
        may_end.notify_one();
        (done, long.await.unwrap())
    };
    let (written, _database) = timeout(patience(), whole).await.unwrap();
    let position = session(&straight).position().await.unwrap();
    for db in [&straight, &db] {
        db.changes()
            .reached(&position, Deadline::after(patience()))
            .await
            .unwrap();
    }
    let stored = numbers(&session(&straight)).await;
    assert_eq!(stored[&LATE], 2);
    for (done, listener) in listeners {
        done.notify_one();
        let heard = listener.await.unwrap();
        let told = heard.check(&stored);
        assert!(
            heard.marks.iter().all(|mark| !mark.starts_with('u')),
            "an undone change was told"
        );
        // The long transaction began before the first poll and is in no snapshot but the last.
        assert!(heard.excused.get(&LATE) == Some(&2) || heard.numbers[&LATE].len() == 2);
        // Who was not cut off was told everything: two changes of each commit.
        assert!(
            heard.resets > 1 || told as u64 >= 2 * written,
            "{told} of {written}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_missed_on_sqlite() {
    let db = TestDb::sqlite_with(|c| c.transaction_hold = patience()).await;
    let session = captured(&db).await;
    seed(&session).await;
    let done = Arc::new(tokio::sync::Notify::new());
    let mut events = db.db.changes().subscribe();
    trusted(&mut events).await;
    let listener = tokio::spawn(listen(events, session.clone(), Arc::clone(&done)));
    let written = write(&db.db, commits(), Duration::ZERO).await;
    // Single writes share commits.
    join_all((0..commits() / 4).map(|turn| session.run(&BUMP, (LATE, format!("l{turn}"))))).await;
    let position = session.position().await.unwrap();
    let stream = db.db.changes();
    stream
        .reached(&position, Deadline::after(patience()))
        .await
        .unwrap();
    let stored = numbers(&session).await;
    done.notify_one();
    let heard = listener.await.unwrap();
    let told = heard.check(&stored);
    assert!(
        heard.marks.iter().all(|mark| !mark.starts_with('u')),
        "an undone change was told"
    );
    assert!(
        heard.resets == 0 && told as u64 >= 2 * written,
        "{told} of {written}"
    );
}
