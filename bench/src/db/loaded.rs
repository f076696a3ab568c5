//! By id through the loader: at the database, and through HTTP.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use brisk_core::{Scope, TenantId};
use brisk_db::Db;

use super::items::ITEM;
use super::pipelined::Pipelined;
use super::sqlx::Sqlx;
use super::table::{Ask, ROWS, Store, StoreCaller};
use crate::load::{closed, lean_callers};
use crate::report::{Goal, Report, Row, Unit};
use crate::rivals::{Name, Rival};
use crate::rounds::{Size, float};

/// Requests under way at once.
const REQUESTS: usize = 512;

/// The kit asked by its loader.
#[derive(Clone, Debug)]
struct Loaded(Db);

impl Store for Loaded {
    async fn page(&self, _: i64) -> Result<usize> {
        anyhow::bail!("the loader answers by key")
    }

    async fn by_id(&self, id: i64) -> Result<i64> {
        let session = self.0.session(Scope::system(TenantId::PLATFORM, "bench"));
        let item = session.load(&ITEM, id).await?;
        Ok(item.context("no such item")?.id())
    }

    async fn by_ids(&self, _: Vec<i64>) -> Result<usize> {
        anyhow::bail!("the loader answers by key")
    }

    async fn insert(&self, _: i64, _: String, _: String) -> Result<i64> {
        anyhow::bail!("the loader only reads")
    }
}

/// Beside hand-written pipelining and beside sqlx.
pub(super) async fn at_the_database(
    report: &mut Report,
    db: &Db,
    hand: &Arc<Pipelined>,
    pool: &Arc<Sqlx>,
    size: Size,
) -> Result<()> {
    let kit = Arc::new(Loaded(db.clone()));
    for callers in [32, REQUESTS] {
        let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
        let before = db.shared_loads();
        for round in 0..=size.rounds() {
            let ours = rate(&kit, callers, round, size).await?;
            let theirs = rate(hand, callers, round, size).await?;
            let pooled = rate(pool, callers, round, size).await?;
            // The first round only warms up.
            if round > 0 {
                a.push(ours);
                b.push(theirs);
                c.push(pooled);
            }
        }
        let after = db.shared_loads();
        let share = float(after.loads - before.loads) / float(after.statements - before.statements);
        let what = format!("row by id through the loader, {callers} callers");
        let row = Row::new("loader", what.clone(), Unit::PerSecond, &a);
        report.row(
            row.beside("by hand, pipelined", &a, &b)
                .note(format!("{share:.1} loads a statement")),
        );
        let row = Row::new("loader", what, Unit::PerSecond, &a);
        report.row(row.beside("sqlx", &a, &c));
    }
    Ok(())
}

async fn rate<S: Store>(store: &Arc<S>, callers: usize, round: usize, size: Size) -> Result<f64> {
    let callers = StoreCaller::some(store, Ask::ById, callers, round);
    Ok(closed(callers, size.round()).await?.rate())
}

/// Beside the same handler with sqlx, and beside the same handler without a database.
pub(super) async fn through_http(report: &mut Report, url: &str, size: Size) -> Result<()> {
    let kit = Rival::start(Name::ItemsKit, url).await?;
    let pool = Rival::start(Name::ItemsSqlx, url).await?;
    let bare = Rival::start(Name::ItemsBare, url).await?;
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=size.rounds() {
        let ours = asked(&kit, round, size).await?;
        let pooled = asked(&pool, round, size).await?;
        let nothing = asked(&bare, round, size).await?;
        if round > 0 {
            a.push(ours);
            b.push(pooled);
            c.push(nothing);
        }
    }
    let what = format!("row by id through HTTP, {REQUESTS} requests at once");
    let row = Row::new("loader", what.clone(), Unit::PerSecond, &a);
    report.row(row.beside("axum + sqlx", &a, &b).goal(Goal::Ratio(4.0)));
    let row = Row::new("loader", what, Unit::PerSecond, &a);
    report.row(row.beside("no database", &a, &c).goal(Goal::Ratio(0.7)));
    Ok(())
}

async fn asked(server: &Rival, round: usize, size: Size) -> Result<f64> {
    let callers = lean_callers(server.address, REQUESTS, move |turn| {
        // A prime far above the number of rows walks them in no order.
        let walked = (turn + round as u64 * 1_000_003).wrapping_mul(2_147_483_647);
        format!("/items/{}", walked % ROWS.unsigned_abs() + 1)
    })
    .await?;
    Ok(closed(callers, size.round()).await?.rate())
}
