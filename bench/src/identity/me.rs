//! `GET /identity/users/me`, where everybody is known already.

use std::sync::Arc;

use anyhow::Result;

use super::peer::Peer;
use super::people::with_sessions;
use super::run::SETTINGS;
use crate::engine::{Place, Places};
use crate::load::{Line, Outcome, closed, lean_callers};
use crate::program::{Program, Server};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

const PART: &str = "me";
const PATH: &str = "/identity/users/me";

/// Callers at once, and people in whose names they ask.
const CALLERS: usize = 32;
const PEOPLE: usize = 500;

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    program: &Program,
    size: Size,
) -> Result<()> {
    for place in places.both("me")? {
        let engine = place.engine();
        Report::part(&format!(
            "{engine}: who am I, {CALLERS} callers in the names of {PEOPLE} people"
        ));
        let server = program.serve_with(&place, &SETTINGS).await?;
        let tokens: Arc<[String]> = with_sessions(&server, &place, "people", PEOPLE)
            .await?
            .into();
        cold(report, &server, &tokens).await?;
        let peer = match &place {
            Place::Postgres(_) => match Peer::start(places.folder(), &place, &server).await {
                Ok(peer) => Some(peer),
                Err(e) => {
                    report.not_measured(format!("{engine} FastAPI and SQLAlchemy: {e:#}"));
                    None
                }
            },
            Place::Sqlite(_) => None,
        };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for round in 0..=size.rounds() {
            let outcome = asked(server.address, &tokens, size).await?;
            // The first round only warms up.
            if round > 0 {
                ours.push(outcome.rate());
                p50.push(outcome.p50_ms());
                p99.push(outcome.p99_ms());
            }
            if let Some(peer) = &peer {
                let outcome = asked(peer.address, &tokens, size).await?;
                if round > 0 {
                    theirs.push(outcome.rate());
                }
            }
        }
        let rate = Row::new(PART, format!("{engine}: cached"), Unit::PerSecond, &ours);
        report.row(rate.goal(Goal::AtLeast(10_000.0)));
        let row = Row::new(PART, format!("{engine}: cached, p50"), Unit::Ms, &p50);
        report.row(row.goal(Goal::AtMost(1.0)));
        let row = Row::new(PART, format!("{engine}: cached, p99"), Unit::Ms, &p99);
        report.row(row.goal(Goal::AtMost(5.0)));
        if let Some(peer) = peer {
            let row = Row::new(PART, format!("{engine}: cached"), Unit::PerSecond, &ours);
            let row = row.beside("FastAPI + SQLAlchemy", &ours, &theirs);
            report.row(row.goal(Goal::Ratio(40.0)));
            peer.stop().await?;
        }
        server.stop().await?;
    }
    Ok(())
}

async fn asked(
    address: std::net::SocketAddr,
    tokens: &Arc<[String]>,
    size: Size,
) -> Result<Outcome> {
    let tokens = Arc::clone(tokens);
    let callers = lean_callers(address, CALLERS, move |turn| {
        let at = usize::try_from(turn.wrapping_mul(7_919)).unwrap_or_default() % tokens.len();
        Line::by(PATH, &tokens[at])
    });
    closed(callers.await?, size.round()).await
}

/// What the first request of somebody costs, and the second.
async fn cold(report: &mut Report, server: &Server, tokens: &[String]) -> Result<()> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for token in tokens.iter().take(20) {
        first.push(statements(server, token).await?);
        second.push(statements(server, token).await?);
    }
    let row = Row::new(PART, "statements, cold", Unit::Count, &first);
    report.row(row.goal(Goal::AtMost(1.0)));
    let row = Row::new(PART, "statements, cached", Unit::Count, &second);
    report.row(row.goal(Goal::AtMost(0.0)));
    Ok(())
}

/// The statements that one request cost, as its answer says.
async fn statements(server: &Server, token: &str) -> Result<f64> {
    use anyhow::Context as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.address).await?;
    let head = format!(
        "GET {PATH} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let said = answer
        .split("desc=\"")
        .nth(1)
        .context("the answer does not say what it cost")?;
    Ok(said.split(' ').next().unwrap_or_default().parse()?)
}
