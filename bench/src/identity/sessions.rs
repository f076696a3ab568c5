//! 10,000 people with live sessions, each of whom asks every ten seconds.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::people::{ask, with_sessions};
use super::run::SETTINGS;
use crate::engine::Places;
use crate::load::{Ask, Line, lean_callers, open};
use crate::program::{Program, Server};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

const PART: &str = "sessions";

/// Connections over which they ask.
const CONNECTIONS: usize = 64;

/// Each asks every ten seconds.
const EVERY_S: f64 = 10.0;

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    program: &Program,
    size: Size,
) -> Result<()> {
    let (people, time) = match size {
        Size::Quick => (1_000_u32, Duration::from_secs(15)),
        Size::Normal => (10_000, Duration::from_secs(60)),
        Size::Long => (10_000, Duration::from_mins(5)),
    };
    Report::part(&format!(
        "PostgreSQL: {people} live sessions, each asks every ten seconds for {time:?}"
    ));
    let place = places.postgres()?;
    let server = program.serve_with(&place, &SETTINGS).await?;
    let tokens = with_sessions(&server, &place, "crowd", people as usize).await?;
    let tokens: Arc<[String]> = tokens.into();
    let per_second = f64::from(people) / EVERY_S;
    let asked = |time: Duration| {
        let tokens = Arc::clone(&tokens);
        let server = &server;
        async move {
            let callers = lean_callers(server.address, CONNECTIONS, move |turn| {
                let at = usize::try_from(turn).unwrap_or_default() % tokens.len();
                Line::by("/identity/users/me", &tokens[at])
            });
            open(callers.await?, per_second, time).await
        }
    };
    // Each for the first time.
    asked(Duration::from_secs_f64(EVERY_S * 1.1)).await?;
    let before = counts(&server).await?;
    let outcome = asked(time).await?;
    let after = counts(&server).await?;
    let (hits, misses) = (after.0 - before.0, after.1 - before.1);
    let share = 100.0 * hits / (hits + misses);
    let row = Row::new(PART, "hits after the first touch", Unit::Percent, &[share]);
    report.row(row.goal(Goal::AtLeast(95.0)));
    // Any failure ends the measurement with its reason.
    let row = Row::new(PART, "errors", Unit::Count, &[0.0]);
    report.row(
        row.goal(Goal::AtMost(0.0))
            .note(format!("of {} requests", outcome.answered)),
    );
    report.row(Row::new(
        PART,
        "p99, open loop",
        Unit::Ms,
        &[outcome.p99_ms()],
    ));
    let row = Row::new(
        PART,
        "resident memory",
        Unit::Mib,
        &[server.resident_mib()?],
    );
    report.row(row.goal(Goal::AtMost(150.0)));
    server.stop().await
}

/// Hits and misses of what is known of accounts.
async fn counts(server: &Server) -> Result<(f64, f64)> {
    let all = ask(server, Ask::get("/caches")).await?;
    let list = all["caches"].as_array().context("a list of caches")?;
    let mut accounts = list
        .iter()
        .filter(|cache| cache["name"] == "identity.account");
    let accounts = accounts.next().context("the cache of accounts")?;
    let number = |field: &str| accounts[field].as_f64().context("a number");
    Ok((
        number("hits")?,
        number("misses").or_else(|_| number("loads"))?,
    ))
}
