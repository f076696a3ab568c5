//! A page of 20 reports through HTTP, uncached, beside rivals that answer nothing but it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};

use crate::engine::Place;
use crate::load::{Ask, Outcome, callers, closed};
use crate::program::Program;
use crate::report::{Goal, Report, Row, Unit};
use crate::rivals::{Name, Rival};
use crate::rounds::{Size, Spread};
use crate::seed::Seeded;

const CALLERS: usize = 64;

const OURS: &str = "/civic/v1/reports?limit=20&count=none";

pub(super) async fn measure(
    report: &mut Report,
    place: &Place,
    program: &Program,
    seeded: &Seeded,
    size: Size,
) -> Result<()> {
    if let Place::Sqlite(_) = place {
        return Ok(());
    }
    Report::part("PostgreSQL: a page of 20 reports through HTTP, uncached, 64 callers");
    if let Err(e) = compare(report, place, program, seeded, size).await {
        report.not_measured(format!("page of 20 reports: {e:#}"));
    }
    Ok(())
}

async fn compare(
    report: &mut Report,
    place: &Place,
    program: &Program,
    seeded: &Seeded,
    size: Size,
) -> Result<()> {
    let key = program.key(place, "agent", &seeded.slug).await?;
    let url = place.url();
    let server = program.serve(place).await?;
    let pipelined = Rival::start(Name::Pipelined, &url).await?;
    let sqlx = Rival::start(Name::Sqlx, &url).await?;
    let theirs = format!("/reports?tenant={}&limit=20", seeded.largest.get());
    let bytes = same_rows(
        &server.address,
        &key,
        &pipelined.address,
        &sqlx.address,
        &theirs,
    )
    .await?;

    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=size.rounds() {
        let ours = load(server.address, Some(&key), OURS, size).await?;
        let hand = load(pipelined.address, None, &theirs, size).await?;
        let pool = load(sqlx.address, None, &theirs, size).await?;
        // The first round only warms up.
        if round > 0 {
            a.push(ours);
            b.push(hand);
            c.push(pool);
        }
    }
    server.stop().await?;
    let rate = |outcomes: &[Outcome]| -> Vec<f64> { outcomes.iter().map(Outcome::rate).collect() };
    let p95 = Spread::of(&a.iter().map(Outcome::p95_ms).collect::<Vec<_>>()).median;
    let (a, b, c) = (rate(&a), rate(&b), rate(&c));
    let what = "PostgreSQL page of 20 reports, HTTP";
    report.row(
        Row::new("page", what, Unit::PerSecond, &a)
            .beside("by hand, pipelined", &a, &b)
            .goal(Goal::Ratio(0.9))
            .note(format!(
                "ours p95 {p95:.2} ms; {bytes} bytes an answer; ours checks a key, counts, logs and signs a cursor, the \
                 rivals do none of it"
            )),
    );
    report.row(
        Row::new("page", what, Unit::PerSecond, &a)
            .beside("axum + sqlx", &a, &c)
            .goal(Goal::Ratio(1.5)),
    );
    Ok(())
}

async fn load(address: SocketAddr, key: Option<&str>, path: &str, size: Size) -> Result<Outcome> {
    let path = path.to_owned();
    let some = callers(address, key, CALLERS, move |_| Ask::get(path.as_str())).await?;
    closed(some, size.round()).await
}

/// Makes sure that all three answer the same reports; answers the length of our answer.
async fn same_rows(
    ours: &SocketAddr,
    key: &str,
    pipelined: &SocketAddr,
    sqlx: &SocketAddr,
    theirs: &str,
) -> Result<usize> {
    let (mine, length) = reports(*ours, Some(key), OURS).await?;
    for rival in [pipelined, sqlx] {
        let (other, _) = reports(*rival, None, theirs).await?;
        ensure!(
            mine == other,
            "a rival answers other rows:\n{}\n{}",
            mine[0],
            other[0]
        );
    }
    Ok(length)
}

async fn reports(
    address: SocketAddr,
    key: Option<&str>,
    path: &str,
) -> Result<(Vec<serde_json::Value>, usize)> {
    let mut some = callers(address, key, 1, |_| Ask::get("/")).await?;
    let caller = some.first_mut().context("one caller was asked for")?;
    let (status, body) = caller.ask(Ask::get(path)).await?;
    ensure!(
        status == 200,
        "{status}: {}",
        String::from_utf8_lossy(&body)
    );
    let page: serde_json::Value = serde_json::from_slice(&body)?;
    let rows = page
        .get("reports")
        .and_then(serde_json::Value::as_array)
        .context("an answer without reports")?;
    ensure!(rows.len() == 20, "{} reports in a page of 20", rows.len());
    Ok((rows.clone(), body.len()))
}
