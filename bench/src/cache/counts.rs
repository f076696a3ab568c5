//! Live totals of a million rows: whether they are right while eight tenants write, how fast they are beside COUNT, and
//! what they cost those who write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use brisk_cache::LiveTotals;
use brisk_core::TenantId;
use brisk_db::{Db, Session};
use fastrand::Rng;

use super::parts::{
    COUNT, Filter, KINDS, MOVE, Model, Numbers, STATUSES, TENANTS, TOTALS, kind, open, rows, status,
};
use crate::engine::{Places, system};
use crate::load::{Caller, Outcome, closed};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "counts";

/// Totals that are looked at after each change.
const LOOKS: u64 = 10;

/// A statement counts as well after each so many changes.
const COMPARED: u64 = 50;

/// Fifty writes each second.
const WRITES: Duration = Duration::from_millis(20);

const CALLERS: u64 = 16;

/// Asks between which a caller lets others run.
const TURN: u64 = 64;

const PATIENCE: Duration = Duration::from_mins(2);

const OF_COUNT: f64 = 1_000.0;

/// Writes cost a tenth more at most.
const OF_WRITES: f64 = 0.9;

/// The tenant of nearly all rows.
const LARGE: TenantId = TenantId(1);

pub(super) async fn measure(report: &mut Report, places: &Places, size: Size) -> Result<()> {
    for place in places.both("counts")? {
        let engine = place.engine();
        Report::part(&format!("{engine}: live totals of {} rows", rows(size)));
        let db = open(&place, size).await?;
        let live = known(&db).await?;
        exact(report, engine, &db, &live, size).await?;
        fast(report, engine, &db, &live, size).await?;
        drop(live);
        cheap(report, engine, &db, size).await?;
        db.close().await;
    }
    Ok(())
}

/// Totals that follow, once they know.
async fn known(db: &Db) -> Result<LiveTotals> {
    let live = LiveTotals::start(db, TOTALS);
    tokio::time::timeout(PATIENCE, live.ready())
        .await
        .context("the totals are not known in time")?;
    Ok(live)
}

/// Each tenant has one writer, who knows what its totals are after each change.
async fn exact(
    report: &mut Report,
    engine: &str,
    db: &Db,
    live: &LiveTotals,
    size: Size,
) -> Result<()> {
    let checks = match size {
        Size::Quick => 4_000,
        Size::Normal => 100_000,
        Size::Long => 400_000,
    };
    let changes = checks / LOOKS / TENANTS.unsigned_abs();
    let (before, tenants) = (live.served(), 1..=TENANTS);
    let tenants: Vec<_> = tenants
        .map(|tenant| {
            let (session, live) = (system(db, TenantId(tenant)), live.clone());
            let model = Model::of(tenant, size);
            tokio::spawn(wrong(session, live, model, changes))
        })
        .collect();
    let mut sum = 0;
    for tenant in tenants {
        sum += tenant.await??;
    }
    let after = live.served();
    let what = format!("{engine}: totals while 8 tenants write, wrong of {checks}");
    report.row(
        Row::new(PART, what, Unit::Count, &[float(sum)])
            .goal(Goal::AtMost(0.0))
            .note(format!(
                "{} were answered without counting, {} by a statement",
                after.0 - before.0,
                after.1 - before.1
            )),
    );
    Ok(())
}

/// How many totals were not what they must be.
async fn wrong(session: Session, live: LiveTotals, mut model: Model, changes: u64) -> Result<u64> {
    let mut wrong = 0;
    for n in 0..changes {
        model.change(&session).await?;
        for _ in 0..LOOKS {
            let filter = model.filter();
            let total = live.total(&session, &filter.values()).await?;
            let found = Numbers {
                count: i64::try_from(total.count)?,
                sum: total.sums.first().copied().context("one sum is declared")?,
            };
            wrong += u64::from(found != model.expected(filter));
        }
        if n % COMPARED == 0 {
            let right = model.is_right(&session).await?;
            ensure!(right, "the model itself is not what a statement counts");
        }
    }
    Ok(wrong)
}

/// Who wants to know a filtered number of rows.
struct Asker {
    session: Session,
    /// None asks the database.
    live: Option<LiveTotals>,
    asked: u64,
    rng: Rng,
}

impl Caller for Asker {
    async fn call(&mut self) -> Result<()> {
        self.asked += 1;
        if self.asked.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
        let (kind_of, status_of) = (self.rng.usize(..KINDS), self.rng.usize(..STATUSES));
        let found = if let Some(live) = &self.live {
            let filter = Filter {
                kind: Some(kind_of),
                status: Some(status_of),
            };
            live.total(&self.session, &filter.values()).await?.count
        } else {
            let params = (LARGE, kind(kind_of), status(status_of));
            self.session.run(&COUNT, params).await?.try_into()?
        };
        ensure!(found > 0, "there are rows of each kind and status");
        Ok(())
    }
}

/// One caller who asks without an end, while nobody writes and at 50 writes each second.
async fn fast(
    report: &mut Report,
    engine: &str,
    db: &Db,
    live: &LiveTotals,
    size: Size,
) -> Result<()> {
    for writes in [false, true] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        // The first round only warms up.
        for round in 0..=size.rounds() {
            let of_round = [
                asked(db, Some(live), writes, size).await?,
                asked(db, None, writes, size).await?,
            ];
            if round > 0 {
                let [live, counted] = of_round;
                ours.push(live);
                theirs.push(counted);
            }
        }
        let of = |rounds: &[Outcome], figure: fn(&Outcome) -> f64| -> Vec<f64> {
            rounds.iter().map(figure).collect()
        };
        let while_ = if writes { "50 writes/s" } else { "no writes" };
        let rates = (of(&ours, Outcome::rate), of(&theirs, Outcome::rate));
        let what = format!("{engine}: filtered totals, one caller, {while_}");
        let row = Row::new(PART, what, Unit::PerSecond, &rates.0);
        let row = row.beside("COUNT by its index", &rates.0, &rates.1);
        report.row(row.goal(Goal::Ratio(OF_COUNT)));
        let waits = (of(&ours, Outcome::p99_ms), of(&theirs, Outcome::p99_ms));
        let what = format!("{engine}: filtered totals, {while_}, p99");
        let row = Row::new(PART, what, Unit::Ms, &waits.0);
        report.row(row.beside("COUNT by its index", &waits.0, &waits.1));
    }
    Ok(())
}

async fn asked(
    db: &Db,
    live: Option<&LiveTotals>,
    while_written: bool,
    size: Size,
) -> Result<Outcome> {
    let over = Arc::new(AtomicBool::new(!while_written));
    let writer = {
        let (over, mut mover) = (Arc::clone(&over), Mover::new(db, 7, size));
        tokio::spawn(async move {
            let mut beats = tokio::time::interval(WRITES);
            while !over.load(Ordering::Relaxed) {
                beats.tick().await;
                mover.call().await?;
            }
            anyhow::Ok(())
        })
    };
    let asker = Asker {
        session: system(db, LARGE),
        live: live.cloned(),
        asked: 0,
        rng: Rng::with_seed(42),
    };
    let outcome = closed(vec![asker], size.round()).await;
    over.store(true, Ordering::Relaxed);
    writer.await??;
    outcome
}

/// Who changes one row after the other.
struct Mover {
    session: Session,
    rows: i64,
    rng: Rng,
}

impl Mover {
    fn new(db: &Db, seed: u64, size: Size) -> Self {
        Self {
            session: system(db, LARGE),
            rows: i64::try_from(rows(size)).unwrap_or(i64::MAX),
            rng: Rng::with_seed(seed),
        }
    }
}

impl Caller for Mover {
    async fn call(&mut self) -> Result<()> {
        // Rows that were deleted before are as good as others: there are few.
        let id = self.rng.i64(0..self.rows);
        let status = status(self.rng.usize(..STATUSES));
        self.session.run(&MOVE, (LARGE, id, status)).await?;
        Ok(())
    }
}

/// Updates of a captured table that totals follow, beside the same when none do.
async fn cheap(report: &mut Report, engine: &str, db: &Db, size: Size) -> Result<()> {
    let (mut followed, mut alone) = (Vec::new(), Vec::new());
    for round in 0..=size.rounds() * 2 {
        // Who goes first changes.
        for follows in [round % 2 == 0, round % 2 == 1] {
            let live = if follows {
                Some(known(db).await?)
            } else {
                None
            };
            let seed = |caller| u64::try_from(round).unwrap_or_default() * 100 + caller;
            let movers = (0..CALLERS).map(|caller| Mover::new(db, seed(caller), size));
            let rate = closed(movers.collect(), size.round()).await?.rate();
            drop(live);
            // The first round only warms up.
            if round > 0 {
                if follows { &mut followed } else { &mut alone }.push(rate);
            }
        }
    }
    let what = format!("{engine}: updates of one row, 16 callers, totals follow");
    let row = Row::new(PART, what, Unit::PerSecond, &followed);
    let row = row.beside("no totals", &followed, &alone);
    report.row(row.goal(Goal::Ratio(OF_WRITES)));
    Ok(())
}
