//! Rounds of the three contenders in turn.

use std::sync::Arc;

use anyhow::{Result, bail};
use brisk_db::{Db, DbConfig};

use super::kit::Kit;
use super::loaded;
use super::pipelined::Pipelined;
use super::related;
use super::sqlx::Sqlx;
use super::table::{Ask, CREATE, Store, StoreCaller};
use super::{bulk, capture};
use crate::Options;
use crate::engine::Places;
use crate::load::closed;
use crate::machine::Machine;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

const CALLERS: [usize; 2] = [32, 512];

/// What `--part` may name.
const PARTS: [&str; 5] = ["statements", "loader", "together", "bulk", "capture"];

pub(crate) async fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options
        .part
        .iter()
        .find(|part| !PARTS.contains(&part.as_str()))
    {
        bail!(
            "there is no part `{unknown}`; there are {}",
            PARTS.join(", ")
        );
    }
    let size = Size::of(options);
    let places = Places::new()?;
    let mut report = Report::begin("db", size, Machine::look(places.folder())?);
    let wanted = |part: &str| options.part.is_empty() || options.part.iter().any(|p| p == part);
    let place = places.postgres()?;
    place.run(CREATE)?;
    let url = place.url();
    let db = Db::open(DbConfig::new(url.clone())).await?;
    report.durability(place.durability(&db).await?);
    let kit = Arc::new(Kit(db.clone()));
    let hand = Arc::new(Pipelined::connect(&url).await?);
    let pool = Arc::new(Sqlx::connect(&url).await?);
    if wanted("statements") {
        statements(&mut report, &kit, &hand, &pool, size).await?;
    }
    place.run(related::CREATE)?;
    if wanted("loader") {
        Report::part("PostgreSQL: keyed loads");
        loaded::at_the_database(&mut report, &db, &hand, &pool, size).await?;
        loaded::through_http(&mut report, &url, size).await?;
        related::parents(&mut report, &db, &url, size).await?;
    }
    if wanted("together") {
        Report::part("PostgreSQL: independent reads over a slow wire");
        related::slow_wire(&mut report, &url, size).await?;
    }
    db.close().await;
    if wanted("bulk") {
        bulk::measure(&mut report, &places, size).await?;
    }
    if wanted("capture") {
        capture::run(&places, size, &mut report).await?;
    }
    report.end(options.json.as_deref())
}

async fn statements(
    report: &mut Report,
    kit: &Arc<Kit>,
    hand: &Arc<Pipelined>,
    pool: &Arc<Sqlx>,
    size: Size,
) -> Result<()> {
    Report::part("PostgreSQL: statements at the database");
    for ask in Ask::ALL {
        for callers in CALLERS {
            let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..=size.rounds() {
                let ours = rate(kit, ask, callers, round, size).await?;
                let theirs = rate(hand, ask, callers, round, size).await?;
                let pooled = rate(pool, ask, callers, round, size).await?;
                // The first round only warms up.
                if round > 0 {
                    a.push(ours);
                    b.push(theirs);
                    c.push(pooled);
                }
            }
            let what = format!("{}, {callers} callers", ask.title());
            let row = Row::new("db", what.clone(), Unit::PerSecond, &a).beside(
                "by hand, pipelined",
                &a,
                &b,
            );
            report.row(match ask {
                Ask::Page | Ask::ById => row.goal(Goal::Ratio(0.95)),
                Ask::Insert => row,
            });
            let row = Row::new("db", what, Unit::PerSecond, &a).beside("sqlx", &a, &c);
            report.row(match ask {
                Ask::Page | Ask::ById => row.goal(Goal::Ratio(1.8)),
                Ask::Insert => row,
            });
        }
    }
    Ok(())
}

async fn rate<S: Store>(
    store: &Arc<S>,
    ask: Ask,
    callers: usize,
    round: usize,
    size: Size,
) -> Result<f64> {
    let outcome = closed(StoreCaller::some(store, ask, callers, round), size.round()).await?;
    Ok(outcome.rate())
}
