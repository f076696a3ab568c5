//! The same queries through HTTP, 50 callers, with a key and everything that a request costs in the product.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::engine::Place;
use crate::load::{Ask, Outcome, callers, closed, open};
use crate::program::{Program, Server};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, Spread, float};
use crate::seed::Seeded;

/// The path to ask at a turn.
type Path = Arc<dyn Fn(u64) -> String + Send + Sync>;

const CALLERS: usize = 50;

/// The load of the original's second scenario: 500 dashboards each minute by 50 people.
const DASHBOARDS_PER_S: f64 = 500.0 / 60.0;

pub(super) async fn measure(
    report: &mut Report,
    place: &Place,
    program: &Program,
    seeded: &Seeded,
    size: Size,
) -> Result<()> {
    let engine = place.engine();
    Report::part(&format!(
        "{engine}: the same through HTTP, {CALLERS} callers, p95"
    ));
    let key = program.key(place, "agent", &seeded.slug).await?;
    let server = program.serve(place).await?;
    settled(place).await?;
    let tenant = seeded.largest.get();
    let issues = seeded.issues.clone();
    let shuffled = move |turn: u64| {
        // A prime far above the list's length walks it in no order.
        let place = usize::try_from(turn.wrapping_mul(2_147_483_647)).unwrap_or(0) % issues.len();
        issues[place]
    };
    let asks: [(&str, Path); 6] = [
        (
            "Q1 newest 50 reports",
            Arc::new(|_| "/civic/v1/reports?limit=50".to_owned()),
        ),
        (
            "Q1 newest 50 reports, uncounted",
            Arc::new(|_| "/civic/v1/reports?limit=50&count=none".to_owned()),
        ),
        (
            "Q2 open issues, their number",
            Arc::new(|_| "/civic/v1/issues?status=open&limit=1".to_owned()),
        ),
        (
            "Q3 issue with its reports",
            Arc::new(move |turn| format!("/civic/v1/issues/{}", shuffled(turn))),
        ),
        (
            "Q4 score of the tenant",
            Arc::new(move |_| format!("/civic/v1/scores/tenant/{tenant}")),
        ),
        (
            "Q5 open issues with report counts",
            Arc::new(|_| "/civic/v1/issues?status=open&limit=50".to_owned()),
        ),
    ];
    for (title, path) in asks {
        if let Err(e) = one(report, engine, title, &server, &key, path, size).await {
            report.not_measured(format!("{engine} {title}: {e:#}"));
        }
    }
    if let Err(e) = dashboard(report, engine, &server, &key, size).await {
        report.not_measured(format!("{engine} dashboard: {e:#}"));
    }
    server.stop().await
}

/// Waits until the server has caught up with rows that were loaded past it: their ranks, promises and scores.
async fn settled(place: &Place) -> Result<()> {
    const LIMIT: Duration = Duration::from_mins(3);
    const STEP: Duration = Duration::from_millis(500);
    let began = Instant::now();
    let mut calm = 0;
    // Jobs follow jobs a second or two later.
    while calm < 6 {
        ensure!(
            began.elapsed() < LIMIT,
            "after {LIMIT:?} the server still works on what was loaded"
        );
        tokio::time::sleep(STEP).await;
        let late =
            "SELECT count(*) FROM civic_sla_metrics WHERE state = 'running' AND breached_at IS NULL
            AND resolve_due_at < (SELECT max(calculated_at) FROM civic_sla_metrics)";
        let busy = place.number("SELECT count(*) FROM brisk_jobs")? + place.number(late)?;
        calm = if busy == 0 { calm + 1 } else { 0 };
    }
    Ok(())
}

async fn one(
    report: &mut Report,
    engine: &str,
    title: &str,
    server: &Server,
    key: &str,
    path: Path,
    size: Size,
) -> Result<()> {
    let mut outcomes = Vec::new();
    for round in 0..=size.rounds() {
        let path = Arc::clone(&path);
        let callers = callers(server.address, Some(key), CALLERS, move |turn| {
            Ask::get(path(turn + round as u64 * 1_000_003))
        })
        .await?;
        let outcome = closed(callers, size.round() / 2).await?;
        // The first round only warms up.
        if round > 0 {
            outcomes.push(outcome);
        }
    }
    let p95: Vec<f64> = outcomes.iter().map(Outcome::p95_ms).collect();
    let rates: Vec<f64> = outcomes.iter().map(Outcome::rate).collect();
    let asked: u64 = outcomes.iter().map(|o| o.answered).sum();
    report.row(
        Row::new("http", format!("{engine} {title}"), Unit::Ms, &p95)
            .goal(Goal::AtMost(15.0))
            .note(format!("{asked} asks, {:.0}/s", Spread::of(&rates).median)),
    );
    Ok(())
}

/// The second scenario at its rate, then at capacity.
async fn dashboard(
    report: &mut Report,
    engine: &str,
    server: &Server,
    key: &str,
    size: Size,
) -> Result<()> {
    let path = "/civic/v1/dashboard";
    let (mut at_rate, mut capacity) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds() {
        let some = callers(server.address, Some(key), CALLERS, move |_| Ask::get(path)).await?;
        at_rate.push(open(some, DASHBOARDS_PER_S, size.round() * 2).await?);
        let some = callers(server.address, Some(key), CALLERS, move |_| Ask::get(path)).await?;
        capacity.push(closed(some, size.round() / 2).await?);
    }
    let p95: Vec<f64> = at_rate.iter().map(Outcome::p95_ms).collect();
    let mean: f64 = at_rate.iter().map(Outcome::mean_ms).sum::<f64>() / float(at_rate.len() as u64);
    report.row(
        Row::new(
            "http",
            format!("{engine} dashboard at 500 a minute"),
            Unit::Ms,
            &p95,
        )
        .goal(Goal::AtMost(15.0))
        .note(format!("open loop, mean {mean:.2} ms")),
    );
    let rates: Vec<f64> = capacity.iter().map(Outcome::rate).collect();
    report.row(Row::new(
        "http",
        format!("{engine} dashboard at capacity"),
        Unit::PerSecond,
        &rates,
    ));
    Ok(())
}
