//! A thousand callers who miss one key at once: how many of them ask the database, and when the last is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use brisk_testkit::servers::Redis;
use tokio::sync::Barrier;

use super::contenders::{Contender, Load, contenders};
use super::table::Books;
use crate::engine::Places;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "crowd";

const CALLERS: usize = 1_000;

/// What a load takes beside the database, as one that is worth keeping does.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    redis: &Redis,
    size: Size,
) -> Result<()> {
    Report::part("1,000 callers miss one key");
    let books = Books::open(places.sqlite("crowd")?).await?;
    let all = contenders(&books, redis).await?;
    let (mut loads, mut spans) = (vec![vec![]; all.len()], vec![vec![]; all.len()]);
    for round in 0..=size.rounds() {
        for (n, contender) in all.iter().enumerate() {
            let (asked, took) = crowd(&books, contender, i64::try_from(round)? + 1).await?;
            // The first round only warms up.
            if round > 0 {
                loads[n].push(float(asked));
                spans[n].push(took.as_secs_f64() * 1e3);
            }
        }
    }
    let row = || Row::new(PART, "one node: loads", Unit::Count, &loads[0]);
    report.row(row().goal(Goal::AtMost(1.0)));
    for (n, rival) in all.iter().enumerate().skip(1) {
        report.row(row().beside(rival.name(), &loads[0], &loads[n]));
    }
    for (n, rival) in all.iter().enumerate().skip(1) {
        let row = Row::new(
            PART,
            "one node: all are answered after",
            Unit::Ms,
            &spans[0],
        );
        report.row(row.beside(rival.name(), &spans[0], &spans[n]));
    }
    books.db.close().await;
    Ok(())
}

/// Loads, and the time until all are answered.
async fn crowd(books: &Books, contender: &Arc<dyn Contender>, id: i64) -> Result<(u64, Duration)> {
    let load = Load::of(id).pausing(PAUSE);
    let line = Arc::new(Barrier::new(CALLERS + 1));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (contender, session) = (Arc::clone(contender), books.session());
            let (load, line) = (load.clone(), Arc::clone(&line));
            tokio::spawn(async move {
                line.wait().await;
                contender.get(&session, load).await
            })
        })
        .collect();
    line.wait().await;
    let began = Instant::now();
    for caller in callers {
        let found = caller.await??;
        ensure!(found.is_some(), "the row is there and was not found");
    }
    Ok((load.loads(), began.elapsed()))
}
