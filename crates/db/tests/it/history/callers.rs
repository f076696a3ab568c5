//! Those who ask. Each one does one thing at a time and knows what it may expect.

use brisk_testkit::chance::Seed;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use brisk_core::{Scope, TenantId};
use brisk_db::{Batch, Db, Error, Fold, FoldConfig, Session};
use tokio::task::JoinSet;

use super::book::{Book, Op, Outcome, Way};
use super::world::*;

pub(super) const CALLERS: i64 = 200;

/// What a call may take past its deadline: two busy cores serve 200 tasks and a database.
const SLACK: Duration = Duration::from_millis(1_500);

/// Ids of one caller in one run.
const IDS: i64 = 1_000_000;

type Entries = Fold<NewEntry, ()>;

/// Callers at work.
pub(super) struct Crowd {
    pub(super) book: Arc<Book>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<u64>,
    fold: Arc<Entries>,
}

impl Crowd {
    /// Starts all callers; `run` numbers the runs on one database.
    pub(super) fn start(db: &Db, seed: &Seed, run: i64, book: Arc<Book>) -> Self {
        let writer = db.clone();
        let fold = Arc::new(Fold::start(
            "test.history.fold",
            FoldConfig::default(),
            move |rows| {
                let scope = Scope::platform("test").shortened(Duration::from_secs(1));
                Box::pin(insert(writer.session(scope), rows))
            },
        ));
        let stop = Arc::<AtomicBool>::default();
        let mut tasks = JoinSet::new();
        for number in 1..=CALLERS {
            let caller = Caller {
                db: db.clone(),
                book: Arc::clone(&book),
                fold: Arc::clone(&fold),
                tenant: 1 + number % TENANTS,
                number,
                next: (run * (CALLERS + 1) + number) * IDS,
                // What runs before have left is not known here.
                asked: run * IDS,
                heard: 0,
                entry: None,
                rng: seed.rng(number.unsigned_abs() + 1),
            };
            let stop = Arc::clone(&stop);
            tasks.spawn(caller.work(stop));
        }
        Self {
            book,
            stop,
            tasks,
            fold,
        }
    }

    /// Lets everybody finish; answers how many calls went well.
    pub(super) async fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let all = async {
            let mut sum = 0;
            while let Some(went_well) = self.tasks.join_next().await {
                sum += went_well.unwrap();
            }
            sum
        };
        let sum = tokio::time::timeout(Duration::from_secs(10), all).await;
        let sum = sum.expect("every call ends by itself");
        self.fold.close().await;
        sum
    }

    /// Fails as soon as a caller does.
    pub(super) async fn complaint(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(failure) = ended {
                std::panic::resume_unwind(failure.into_panic());
            }
        }
    }
}

struct Caller {
    db: Db,
    book: Arc<Book>,
    fold: Arc<Entries>,
    tenant: i64,
    number: i64,
    next: i64,
    /// The largest number that was asked to stand in the own counter, and the largest that is known to.
    asked: i64,
    heard: i64,
    /// An entry of its own that was acknowledged.
    entry: Option<i64>,
    rng: fastrand::Rng,
}

impl Caller {
    async fn work(mut self, stop: Arc<AtomicBool>) -> u64 {
        let mut went_well = 0;
        while !stop.load(Ordering::Relaxed) {
            let span = Duration::from_millis(self.rng.u64(250..1_000));
            let scope = Scope::system(TenantId(self.tenant), "test").shortened(span);
            let session = self.db.session(scope);
            let began = Instant::now();
            let (way, ok) = self.step(&session, span).await;
            let took = began.elapsed();
            assert!(took < span + SLACK, "{took:?} instead of {span:?}");
            if ok {
                self.book.succeeded(way, began);
                went_well += 1;
            }
            tokio::time::sleep(Duration::from_millis(self.rng.u64(0..40))).await;
        }
        went_well
    }

    async fn step(&mut self, session: &Session, span: Duration) -> (Way, bool) {
        match self.rng.u32(0..12) {
            0 => (Way::Single, self.insert(session).await),
            1 | 2 => (Way::Single, self.set(session).await),
            3 => (Way::Single, self.bump(session).await),
            4 => (Way::Whole, self.transfer(session, false).await),
            5 => (Way::Whole, self.transfer(session, true).await),
            6 => (Way::Whole, self.pair(session).await),
            7 => (Way::Whole, self.fold(span).await),
            8 | 9 => (Way::Single, self.read_counter(session).await),
            10 => (Way::Single, self.read_entry(session).await),
            _ => (Way::Single, self.load_entries(session).await),
        }
    }

    fn id(&mut self) -> i64 {
        self.next += 2;
        self.next
    }

    /// Notes what came of a write.
    fn note<T>(&self, number: usize, result: &Result<T, Error>) -> bool {
        self.book.hear(number, Outcome::of(result));
        result.is_ok()
    }

    async fn insert(&mut self, session: &Session) -> bool {
        let (tenant, id) = (self.tenant, self.id());
        let asked = self.book.ask(Op::Insert { tenant, id });
        let result = session.run(&ADD, (tenant, id, mark(tenant, id))).await;
        let ok = self.note(asked, &result);
        if ok {
            self.entry = Some(id);
        }
        ok
    }

    async fn fold(&mut self, span: Duration) -> bool {
        let (tenant, id) = (self.tenant, self.id());
        let asked = self.book.ask(Op::Insert { tenant, id });
        let entry = NewEntry {
            tenant_id: tenant,
            id,
            mark: mark(tenant, id),
        };
        let pushed = tokio::time::timeout(span, self.fold.push(entry)).await;
        let result = pushed.unwrap_or(Err(Error::Timeout {
            statement: "test.history.fold",
        }));
        let ok = self.note(asked, &result);
        if ok {
            self.entry = Some(id);
        }
        ok
    }

    async fn set(&mut self, session: &Session) -> bool {
        let (tenant, counter, n) = (self.tenant, self.number, self.asked + 1);
        self.asked = n;
        let asked = self.book.ask(Op::Set { tenant, counter, n });
        let result = session.run(&SET, (tenant, counter, n)).await;
        let ok = self.note(asked, &result);
        if let Ok(changed) = result {
            assert_eq!(changed, 1, "{n} was written to counter {counter} before");
            self.heard = n;
        }
        ok
    }

    async fn bump(&mut self, session: &Session) -> bool {
        let tenant = self.tenant;
        let asked = self.book.ask(Op::Bump { tenant });
        let result = session.run(&BUMP, (tenant, SHARED)).await;
        self.note(asked, &result)
    }

    async fn pair(&mut self, session: &Session) -> bool {
        let (tenant, id) = (self.tenant, self.id());
        let asked = self.book.ask(Op::Pair { tenant, id });
        let mut batch = Batch::new();
        batch.run(&ADD, (tenant, id, mark(tenant, id)));
        batch.run(&ADD, (tenant, id + 1, mark(tenant, id + 1)));
        batch.run_expecting(&BUMP, [(tenant, SHARED)], 1);
        let result = session.batch(batch).await;
        let ok = self.note(asked, &result);
        if ok {
            self.entry = Some(id + 1);
        }
        ok
    }

    async fn transfer(&mut self, session: &Session, undo: bool) -> bool {
        let (tenant_id, id) = (self.tenant, self.id());
        let (source, target) = (self.rng.i64(0..ACCOUNTS), self.rng.i64(0..ACCOUNTS));
        let amount = self.rng.i64(1..9);
        let note = (tenant_id, id, source, target, amount);
        let asked = self.book.ask(Op::Transfer(Transfer {
            tenant_id,
            id,
            source,
            target,
            amount,
        }));
        let result = session
            .transaction(async |s: Session| {
                // In one order, so that transfers do not lock each other out.
                let mut moves = [(source, -amount), (target, amount)];
                moves.sort_unstable();
                for (account, by) in moves {
                    s.run(&MOVE, (tenant_id, account, by)).await?;
                }
                s.run(&NOTE, note).await?;
                if undo { Err(Error::Cursor) } else { Ok(()) }
            })
            .await;
        self.note(asked, &result)
    }

    async fn read_counter(&self, session: &Session) -> bool {
        let result = session.run(&COUNTER, (self.tenant, self.number)).await;
        if let Ok(n) = result {
            let (least, most) = (self.heard, self.asked);
            assert!(
                (least..=most).contains(&n),
                "read {n}, written was {least} to {most}"
            );
        }
        Outcome::of(&result) == Outcome::Done
    }

    async fn read_entry(&self, session: &Session) -> bool {
        let id = self.entry.unwrap_or(1);
        let result = session.run(&ENTRIES_OF, (self.tenant, id)).await;
        if let Ok(entries) = &result {
            let expected = self.entry.map(|id| Entry::of(self.tenant, id));
            assert_eq!(entries.as_slice(), expected.as_slice());
        }
        Outcome::of(&result) == Outcome::Done
    }

    /// Its own entry, one that nobody has, and one that another tenant may have.
    async fn load_entries(&self, session: &Session) -> bool {
        let own = self.entry.unwrap_or(1);
        let foreign = self.next + IDS;
        let (own, nobody, foreign) = tokio::join!(
            session.load(&ENTRY, own),
            session.load(&ENTRY, -1),
            session.load(&ENTRY, foreign)
        );
        if let Ok(found) = &own {
            let expected = self.entry.map(|id| Entry::of(self.tenant, id));
            assert_eq!(*found, expected);
        }
        for nothing in [&nobody, &foreign] {
            assert!(!matches!(nothing, Ok(Some(_))), "{nothing:?}");
        }
        let all = [&own, &nobody, &foreign];
        all.into_iter().all(|r| Outcome::of(r) == Outcome::Done)
    }
}
