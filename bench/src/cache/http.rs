//! A page of 20 through HTTP, where each page is kept already.

use anyhow::{Context as _, Result, ensure};
use brisk_testkit::servers::Redis;

use super::table::{Book, Books, SHELVES};
use crate::engine::Places;
use crate::load::{Ask, callers, closed, lean_callers};
use crate::report::{Goal, Report, Row, Unit};
use crate::rivals::{Name, Rival};
use crate::rounds::Size;

const PART: &str = "http";

/// Requests under way at once.
const REQUESTS: usize = 64;

/// Of the same handler that makes its rows itself.
const ROWS_OF_MEMORY: f64 = 0.8;
const ANSWERS_OF_MEMORY: f64 = 1.6;

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    redis: &Redis,
    size: Size,
) -> Result<()> {
    Report::part("PostgreSQL: a page of 20 rows through HTTP, every page kept");
    let books = Books::open(places.postgres()?).await?;
    let url = books.place.url();
    let urls = format!("{url} {}", redis.url());
    let servers = [
        Rival::start(Name::PagesRows, &url).await?,
        Rival::start(Name::PagesEncoded, &url).await?,
        Rival::start(Name::PagesInMemory, &url).await?,
        Rival::start(Name::PagesMoka, &url).await?,
        Rival::start(Name::PagesRedis, &urls).await?,
    ];
    for server in &servers {
        is_right(server).await?;
    }
    let mut rates: [Vec<f64>; 5] = Default::default();
    for round in 0..=size.rounds() {
        for (server, rates) in servers.iter().zip(&mut rates) {
            let rate = asked(server, size).await?;
            // The first round only fills and warms up.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let [rows, answers, memory, moka, redis] = &rates;
    for (kept, ours, goal) in [
        ("rows", rows, ROWS_OF_MEMORY),
        ("answer", answers, ANSWERS_OF_MEMORY),
    ] {
        let what = format!("page of 20, {kept} cached, 64 requests at once");
        let row = || Row::new(PART, what.clone(), Unit::PerSecond, ours);
        let beside = row().beside("rows made in memory", ours, memory);
        report.row(beside.goal(Goal::Ratio(goal)));
        report.row(row().beside("rows by moka", ours, moka));
        report.row(row().beside("answers on Redis", ours, redis));
    }
    books.db.close().await;
    Ok(())
}

/// Fails unless it answers what the table holds, the first time and the second.
async fn is_right(server: &Rival) -> Result<()> {
    let mut one = callers(server.address, None, 1, |_| Ask::get("/")).await?;
    let caller = one.first_mut().context("one caller was asked for")?;
    for shelf in [0, 7, 7] {
        let (status, body) = caller.ask(Ask::get(format!("/shelves/{shelf}"))).await?;
        let expected = serde_json::to_vec(&Book::made(shelf))?;
        ensure!(
            status == 200 && body == expected,
            "{status} with another page than the table holds: {}",
            String::from_utf8_lossy(&body)
        );
    }
    Ok(())
}

async fn asked(server: &Rival, size: Size) -> Result<f64> {
    let callers = lean_callers(server.address, REQUESTS, |turn| {
        // A prime walks them in no order.
        let shelf = turn.wrapping_mul(7_919) % SHELVES.unsigned_abs();
        format!("/shelves/{shelf}")
    })
    .await?;
    Ok(closed(callers, size.round()).await?.rate())
}
