//! Signing in with a password, and what others feel of it.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::people::{PASSWORD, register};
use super::run::SETTINGS;
use crate::engine::Places;
use crate::load::{Ask, Line, callers, closed, lean_callers, open};
use crate::program::Program;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

const PART: &str = "login";

/// Sign-ins each second, as people do on a morning.
const PER_SECOND: f64 = 5.0;

/// People who sign in at once in a storm, and all who do.
const STORM: usize = 16;
const PEOPLE: u64 = 32;

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    program: &Program,
    size: Size,
) -> Result<()> {
    for place in places.both("login")? {
        let engine = place.engine();
        Report::part(&format!("{engine}: signing in"));
        let server = program.serve_with(&place, &SETTINGS).await?;
        // Each with an account of its own: tries at one account that are under way count as guesses.
        for n in 0..PEOPLE {
            register(&server, &format!("door{n}")).await?;
        }
        // Somebody else: of all the sessions of a storm ten stay.
        let granted = register(&server, "onlookers").await?;
        let token = granted["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let sign_in = |turn: u64| {
            let name = format!("door{}", turn % PEOPLE);
            let email = format!("owner@{name}.example");
            let body = json!({"email": email, "password": PASSWORD, "tenant": name});
            Ask::post("/identity/auth/login", &body)
        };
        let (mut p95, mut rate, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..size.rounds() {
            let some = callers(server.address, None, 8, sign_in).await?;
            p95.push(
                open(some, PER_SECOND, size.round().max(Duration::from_secs(3)))
                    .await?
                    .p95_ms(),
            );
            let storm = closed(
                callers(server.address, None, STORM, sign_in).await?,
                size.round(),
            );
            let token = token.clone();
            let asked = lean_callers(server.address, 2, move |_| {
                Line::by("/identity/users/me", &token)
            });
            let asked = open(asked.await?, 200.0, size.round());
            let (storm, asked) = tokio::try_join!(storm, asked)?;
            rate.push(storm.rate());
            others.push(asked.p99_ms());
        }
        let row = Row::new(
            PART,
            format!("{engine}: five each second, p95"),
            Unit::Ms,
            &p95,
        );
        report.row(row.goal(Goal::AtMost(150.0)));
        report.row(Row::new(
            PART,
            format!("{engine}: {STORM} at once"),
            Unit::PerSecond,
            &rate,
        ));
        let what = format!("{engine}: others meanwhile, who am I, p99");
        report.row(Row::new(PART, what, Unit::Ms, &others).goal(Goal::AtMost(20.0)));
        server.stop().await?;
    }
    Ok(())
}
