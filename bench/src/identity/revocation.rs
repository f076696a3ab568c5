//! How soon somebody who is signed out on one node is out on another.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;

use super::people::with_sessions;
use super::run::SETTINGS;
use crate::engine::Places;
use crate::program::{Program, Server};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "revocation";

/// Longer than anything that is promised.
const LOST: Duration = Duration::from_secs(10);

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    program: &Program,
    size: Size,
) -> Result<()> {
    let turns = match size {
        Size::Quick => 50,
        Size::Normal => 500,
        Size::Long => 2_000,
    };
    Report::part(&format!(
        "PostgreSQL, two nodes: {turns} people are signed out on one"
    ));
    let place = places.postgres()?;
    let here = program.serve_with(&place, &SETTINGS).await?;
    let there = program.serve_with(&place, &SETTINGS).await?;
    let tokens = with_sessions(&here, &place, "leavers", turns).await?;
    let mut waits = Histogram::<u64>::new_with_bounds(1_000, 60_000_000_000, 3)?;
    let mut late = 0.0;
    for token in &tokens {
        for node in [&here, &there, &there] {
            let status = status(node, "GET", "/identity/users/me", token).await?;
            ensure!(
                status == 200,
                "somebody with a live session was answered {status}"
            );
        }
        let status_out = status(&here, "POST", "/identity/auth/logout", token).await?;
        ensure!(status_out == 204, "signing out was answered {status_out}");
        let began = Instant::now();
        if status(&here, "GET", "/identity/users/me", token).await? != 401 {
            late += 1.0;
        }
        while status(&there, "GET", "/identity/users/me", token).await? != 401 {
            if began.elapsed() > LOST {
                bail!("a revocation was not heard within {LOST:?}");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits.saturating_record(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    let row = Row::new(
        PART,
        "next requests on the same node that got in",
        Unit::Count,
        &[late],
    );
    report.row(row.goal(Goal::AtMost(0.0)));
    for (what, quantile, goal) in [
        ("seen by the other node, p50", 0.5, 250.0),
        ("seen by the other node, p99.9", 0.999, 1_000.0),
    ] {
        let wait = float(waits.value_at_quantile(quantile)) / 1e6;
        report.row(Row::new(PART, what, Unit::Ms, &[wait]).goal(Goal::AtMost(goal)));
    }
    here.stop().await?;
    there.stop().await
}

/// The status of one request.
async fn status(server: &Server, method: &str, path: &str, token: &str) -> Result<u16> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.address).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let line = answer.get(9..12).context("the answer has no status")?;
    Ok(std::str::from_utf8(line)?.parse()?)
}
