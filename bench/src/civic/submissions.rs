//! Submissions through HTTP: how many each second, and whether every one that was answered survives a crash.

use anyhow::{Result, ensure};
use brisk_civic::model::Category;
use fastrand::Rng;

use crate::engine::Place;
use crate::load::{Ask, Outcome, callers, closed, open};
use crate::program::Program;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, Spread};
use crate::seed::{self, Seeded};

const CALLERS: usize = 64;

/// The load of the original's first scenario: 1,000 submissions each minute by 100 people.
const PER_S: f64 = 1_000.0 / 60.0;

/// Submissions each second that the engine must carry.
const fn goal(place: &Place) -> f64 {
    match place {
        Place::Sqlite(_) => 5_000.0,
        Place::Postgres(_) => 3_000.0,
    }
}

pub(super) async fn measure(
    report: &mut Report,
    place: &Place,
    program: &Program,
    seeded: &Seeded,
    size: Size,
) -> Result<()> {
    let engine = place.engine();
    Report::part(&format!("{engine}: submissions through HTTP"));
    if let Err(e) = submissions(report, place, program, seeded, size).await {
        report.not_measured(format!("{engine} submissions: {e:#}"));
    }
    Ok(())
}

async fn submissions(
    report: &mut Report,
    place: &Place,
    program: &Program,
    seeded: &Seeded,
    size: Size,
) -> Result<()> {
    let engine = place.engine();
    let key = program.key(place, "agent", &seeded.slug).await?;
    let before = place.number("SELECT count(*) FROM civic_reports")?;
    let server = program.serve(place).await?;
    let some = callers(server.address, Some(&key), 100, |turn| submission(turn, 1)).await?;
    let calm = open(some, PER_S, size.round() * 3).await?;
    let (mut outcomes, mut answered) = (Vec::new(), calm.answered);
    for round in 0..=size.rounds() {
        let some = callers(server.address, Some(&key), CALLERS, move |turn| {
            submission(turn, 2 + round as u64)
        })
        .await?;
        let outcome = closed(some, size.round()).await?;
        answered += outcome.answered;
        // The first round only warms up.
        if round > 0 {
            outcomes.push(outcome);
        }
    }
    let memory = server.resident_mib()?;
    server.kill().await?;
    let after = place.number("SELECT count(*) FROM civic_reports")?;
    let kept = after - before;
    ensure!(
        u64::try_from(kept).is_ok_and(|kept| kept >= answered),
        "{answered} submissions were answered and {kept} are there after the crash"
    );
    let p95 = calm.p95_ms();
    report.row(
        Row::new(
            "submissions",
            format!("{engine} submissions at 1,000 a minute, p95"),
            Unit::Ms,
            &[p95],
        )
        .goal(Goal::AtMost(25.0))
        .note(format!(
            "open loop, {} submissions, mean {:.2} ms",
            calm.answered,
            calm.mean_ms()
        )),
    );
    let rates: Vec<f64> = outcomes.iter().map(Outcome::rate).collect();
    let p95: Vec<f64> = outcomes.iter().map(Outcome::p95_ms).collect();
    report.row(
        Row::new("submissions", format!("{engine} submissions, {CALLERS} callers"), Unit::PerSecond, &rates)
            .goal(Goal::AtLeast(goal(place)))
            .note(format!(
                "p95 {:.2} ms; all {answered} answered ones are there after a kill; {memory:.0} MiB resident at the end",
                Spread::of(&p95).median
            )),
    );
    report.row(
        Row::new(
            "submissions",
            format!("{engine} submissions, {CALLERS} callers, p95"),
            Unit::Ms,
            &p95,
        )
        .goal(Goal::AtMost(60.0)),
    );
    Ok(())
}

/// A submission that is like no other.
fn submission(turn: u64, round: u64) -> Ask {
    let mut rng = Rng::with_seed(round << 40 | turn);
    let category = Category::ALL[rng.usize(0..Category::ALL.len())];
    let (lat, lon, location) = seed::place(&mut rng, 0);
    Ask::post(
        "/civic/v1/reports",
        &serde_json::json!({
            "description": format!("{} Case {turn} of {round}.", seed::description(&mut rng, category)),
            "location": location,
            "lat": lat,
            "lon": lon,
        }),
    )
}
