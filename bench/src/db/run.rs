//! Rounds of the contenders in turn.

use std::sync::Arc;

use anyhow::{Result, bail};
use brisk_db::{Db, DbConfig};

use super::diesel::Diesel;
use super::kit::Kit;
use super::pipelined::Pipelined;
use super::sea_orm::SeaOrm;
use super::sqlx::Sqlx;
use super::table::{Ask, CREATE, Store, StoreCaller};
use super::{bulk, capture, crowd, insight, loaded, related};
use crate::Options;
use crate::engine::Places;
use crate::load::closed;
use crate::machine::Machine;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

const CALLERS: [usize; 2] = [32, 512];

/// What `--part` may name.
const PARTS: [&str; 7] = [
    "statements",
    "crowd",
    "loader",
    "together",
    "bulk",
    "capture",
    "insight",
];

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
    let hand = Arc::new(Pipelined::connect(&url).await?);
    let pool = Arc::new(Sqlx::connect(&url).await?);
    if wanted("statements") {
        let mut all = All {
            kit: Arc::new(Kit(db.clone())),
            hand: Arc::clone(&hand),
            sqlx: Arc::clone(&pool),
            diesel: Arc::new(Diesel::connect(&url)?),
            sea_orm: SeaOrm::start(&url)?,
        };
        statements(&mut report, &mut all, size).await?;
    }
    if wanted("crowd") {
        crowd::measure(&mut report, &url, size).await?;
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
        Box::pin(related::slow_wire(&mut report, &url, size)).await?;
    }
    db.close().await;
    if wanted("bulk") {
        bulk::measure(&mut report, &places, size).await?;
    }
    if wanted("capture") {
        capture::run(&places, size, &mut report).await?;
    }
    if wanted("insight") {
        insight::measure(&mut report, &url, size).await?;
    }
    report.end(options.json.as_deref())
}

/// The contenders, asked the same in turn.
struct All {
    kit: Arc<Kit>,
    hand: Arc<Pipelined>,
    sqlx: Arc<Sqlx>,
    diesel: Arc<Diesel>,
    sea_orm: SeaOrm,
}

async fn statements(report: &mut Report, all: &mut All, size: Size) -> Result<()> {
    Report::part("PostgreSQL: statements at the database");
    for ask in Ask::ALL {
        for callers in CALLERS {
            let mut rates: [Vec<f64>; 5] = Default::default();
            for round in 0..=size.rounds() {
                let of_round = [
                    rate(&all.kit, ask, callers, round, size).await?,
                    rate(&all.hand, ask, callers, round, size).await?,
                    rate(&all.sqlx, ask, callers, round, size).await?,
                    all.sea_orm.rate(ask, callers, round, size).await?,
                    rate(&all.diesel, ask, callers, round, size).await?,
                ];
                // The first round only warms up.
                if round > 0 {
                    rates.iter_mut().zip(of_round).for_each(|(r, n)| r.push(n));
                }
            }
            let what = format!("{}, {callers} callers", ask.title());
            let [ours, rivals @ ..] = &rates;
            let goals = [
                ("by hand, pipelined", Some(0.95)),
                ("sqlx", Some(1.8)),
                ("SeaORM", Some(2.5)),
                ("diesel-async", None),
            ];
            for ((name, goal), theirs) in goals.into_iter().zip(rivals) {
                let row = Row::new("db", what.clone(), Unit::PerSecond, ours);
                let row = row.beside(name, ours, theirs);
                report.row(match goal {
                    Some(goal) => row.goal(Goal::Ratio(goal)),
                    None => row,
                });
            }
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
