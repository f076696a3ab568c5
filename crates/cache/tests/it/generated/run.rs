//! One run: a write of some kind, then everything is asked and compared.

use std::fmt::Write as _;

use brisk_core::{Scope, TenantId};
use brisk_db::{Db, DbConfig, Error, Session};
use brisk_testkit::chance::Seed;
use fastrand::Rng;
use futures::future::join_all;

use super::asks::Ask;
use super::foreign::Program;
use super::schema::GENERATED;
use super::writes::Pick;
use super::{built, family, texts};
use crate::harness::{LONG, TestDb, trusted};

/// Statements put together by chance, of one run.
const TEXTS: usize = 25;

/// Questions asked while a write is under way.
const RACERS: usize = 8;

/// Questions asked inside a transaction after each of its writes.
const INSIDE: usize = 4;

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) asked: u64,
    pub(crate) hits: u64,
}

struct Run<'a> {
    db: &'a TestDb,
    /// Another node of the same database.
    other: Db,
    program: Program,
    asks: Vec<Ask>,
    rng: Rng,
    tally: Tally,
}

/// Runs so many steps; the first difference ends it.
pub(crate) async fn run(db: &TestDb, seed: &Seed, steps: u32) -> Result<Tally, String> {
    db.db.migrate(&[GENERATED]).await.unwrap();
    while db.db.changes().captured("uses").is_none() {
        tokio::task::yield_now().await;
    }
    trusted(&db.db).await;
    let mut rng = seed.rng(0);
    let mut run = Run {
        db,
        other: Db::open(DbConfig::new(&db.url)).await.unwrap(),
        program: Program::start(db).await,
        asks: Vec::new(),
        tally: Tally::default(),
        rng: rng.fork(),
    };
    run.asks.extend(family::drawn(&mut rng));
    run.asks.extend(family::drawn(&mut rng));
    run.asks.extend(built::drawn(&mut rng, &db.caches()));
    for _ in 0..TEXTS {
        run.asks.push(texts::drawn(&mut rng));
    }
    run.drop_refused().await;
    for _ in 0..4 {
        let pick = Pick::draw(&mut run.rng);
        run.fill(pick, rng.fork()).await?;
    }
    for step in 0..steps {
        let what = run.step().await?;
        let checked = run.check(&db.session()).await;
        checked.map_err(|wrong| format!("step {step}, after {what}: {wrong}"))?;
        if run.rng.bool() {
            // What is there now was loaded after the write, or outlived it.
            let checked = run.check(&db.session()).await;
            checked.map_err(|wrong| format!("step {step}, a while after {what}: {wrong}"))?;
        }
    }
    Ok(run.tally)
}

fn session(db: &Db, tenant: TenantId) -> Session {
    db.session(Scope::system(tenant, "generated").shortened(LONG))
}

impl Run<'_> {
    /// A text by chance may mean nothing.
    async fn drop_refused(&mut self) {
        let mut fit = Vec::new();
        for ask in std::mem::take(&mut self.asks) {
            match (ask.straight)(session(&self.db.db, ask.tenant)).await {
                Ok(_) => fit.push(ask),
                Err(e) => assert!(ask.text.contains("--"), "{ask:?}: {e:?}"),
            }
        }
        self.asks = fit;
    }

    /// Writes; answers what.
    async fn step(&mut self) -> Result<String, String> {
        let picks: Vec<Pick> = (0..4).map(|_| Pick::draw(&mut self.rng)).collect();
        let racers: Vec<usize> = (0..RACERS)
            .map(|_| self.rng.usize(0..self.asks.len()))
            .collect();
        let many = self.rng.i64(64..300);
        let kind = self.rng.u8(0..23);
        let inside = self.rng.fork();
        let this = &*self;
        let race = join_all(racers.into_iter().map(async |at| {
            let ask = &this.asks[at];
            drop((ask.kept)(session(&this.db.db, ask.tenant)).await);
        }));
        let write = async {
            match kind {
                0..7 => this.alone(picks[0]).await,
                7..12 => this.transaction(&picks, inside).await,
                12..14 => this.load(picks[0], many).await,
                14 => this.fill(picks[0], inside).await,
                15..17 => this.by_another_node(&picks).await,
                _ => this.by_another_program(&picks, kind).await,
            }
        };
        let (what, _) = tokio::join!(write, race);
        what
    }

    async fn alone(&self, pick: Pick) -> Result<String, String> {
        let session = session(&self.db.db, TenantId::PLATFORM);
        let answer = pick.run(&session).await;
        Ok(format!("{} ({})", pick.text(), outcome(&answer)))
    }

    async fn fill(&self, pick: Pick, mut rng: Rng) -> Result<String, String> {
        let session = session(&self.db.db, TenantId::PLATFORM);
        let answer = pick.fill(&session, &mut rng).await;
        Ok(format!("a fill as {} ({})", pick.text(), outcome(&answer)))
    }

    async fn load(&self, pick: Pick, many: i64) -> Result<String, String> {
        let session = session(&self.db.db, TenantId::PLATFORM);
        let answer = pick.load(&session, many).await;
        Ok(format!(
            "a load of {many} makers as {} ({})",
            pick.text(),
            outcome(&answer)
        ))
    }

    /// Some writes in one transaction, each perhaps undone by its savepoint, all perhaps undone in the end.
    async fn transaction(&self, picks: &[Pick], rng: Rng) -> Result<String, String> {
        let session = session(&self.db.db, TenantId::PLATFORM);
        let asks = &self.asks;
        let log = std::sync::Mutex::new(String::new());
        let wrong = std::sync::Mutex::new(None);
        let done: Result<(), Error> = session
            .transaction(|within: Session| {
                let mut rng = rng.clone();
                let (log, wrong) = (&log, &wrong);
                async move {
                    log.lock().unwrap().clear();
                    for pick in picks {
                        let undo = rng.u8(0..4) == 0;
                        let wrote = within
                            .savepoint(async |part: Session| {
                                pick.run(&part).await?;
                                if undo { Err(UNDONE) } else { Ok(()) }
                            })
                            .await;
                        let text = format!("{} ({}); ", pick.text(), outcome(&wrote));
                        log.lock().unwrap().push_str(&text);
                        for _ in 0..INSIDE {
                            let ask = &asks[rng.usize(0..asks.len())];
                            let here = within.for_tenant(ask.tenant);
                            let kept = (ask.kept)(here.clone()).await.unwrap().0;
                            let straight = (ask.straight)(here).await?;
                            if kept != straight {
                                *wrong.lock().unwrap() = Some(differs(ask, &kept, &straight));
                            }
                        }
                    }
                    if rng.u8(0..3) == 0 {
                        Err(UNDONE)
                    } else {
                        Ok(())
                    }
                }
            })
            .await;
        let log = log.into_inner().unwrap();
        match wrong.into_inner().unwrap() {
            Some(wrong) => Err(format!("inside {log}: {wrong}")),
            None => Ok(format!("a transaction: {log}{}", outcome(&done))),
        }
    }

    async fn by_another_node(&self, picks: &[Pick]) -> Result<String, String> {
        let before = self.program.before(self.db);
        let session = session(&self.other, TenantId::PLATFORM);
        let mut log = "another node: ".to_owned();
        for pick in &picks[..2] {
            let answer = pick.run(&session).await;
            write!(log, "{} ({}); ", pick.text(), outcome(&answer)).unwrap();
        }
        self.program.told(self.db, before).await;
        Ok(log)
    }

    async fn by_another_program(&self, picks: &[Pick], kind: u8) -> Result<String, String> {
        let spelled = |pick: &Pick| pick.spelled(self.db.db.system());
        let script = match kind {
            17..19 => spelled(&picks[0]),
            19 => format!("{}; {}", spelled(&picks[0]), spelled(&picks[1])),
            _ => {
                let end = if kind < 22 { "COMMIT" } else { "ROLLBACK" };
                let [a, b, c] = [0, 1, 2].map(|i| spelled(&picks[i]));
                format!("BEGIN; {a}; SAVEPOINT s; {b}; ROLLBACK TO SAVEPOINT s; {c}; {end}")
            }
        };
        let before = self.program.before(self.db);
        self.program.run(&script).await;
        self.program.told(self.db, before).await;
        Ok(format!("another program: {script}"))
    }

    /// Asks everything, of the cache and of the database, where nobody writes.
    async fn check(&mut self, by: &Session) -> Result<(), String> {
        let kept = self
            .asks
            .iter()
            .map(|ask| (ask.kept)(by.for_tenant(ask.tenant)));
        let kept = join_all(kept).await;
        let straight = self
            .asks
            .iter()
            .map(|ask| (ask.straight)(by.for_tenant(ask.tenant)));
        let straight = join_all(straight).await;
        for ((ask, kept), straight) in self.asks.iter().zip(kept).zip(straight) {
            let (kept, hit) = kept.map_err(|e| format!("{ask:?}: {e:?}"))?;
            let straight = straight.map_err(|e| format!("{ask:?}: {e:?}"))?;
            if kept != straight {
                return Err(differs(ask, &kept, &straight));
            }
            self.tally.asked += 1;
            self.tally.hits += u64::from(hit);
        }
        Ok(())
    }
}

const UNDONE: Error = Error::NoRow {
    statement: "undone",
};

fn outcome<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(Error::NoRow {
            statement: "undone",
        }) => "undone".to_owned(),
        Err(e) => format!("failed: {e}"),
    }
}

fn differs(ask: &Ask, kept: &super::asks::Lines, straight: &super::asks::Lines) -> String {
    format!("{ask:?}\n  the cache says    {kept:?}\n  the database says {straight:?}")
}
