//! The process: from its start to ready, and its memory when nobody asks anything.

use std::time::Duration;

use anyhow::Result;

use crate::engine::Places;
use crate::program::Program;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

/// How long a server stands idle before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    program: &Program,
    size: Size,
) -> Result<()> {
    Report::part("SQLite: the process");
    let (mut first, mut later, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..size.rounds() {
        let place = places.sqlite(&format!("process-{round}"))?;
        let server = program.serve(&place).await?;
        first.push(server.ready_after.as_secs_f64() * 1e3);
        // What a first start does after it is ready belongs to neither figure.
        tokio::time::sleep(IDLE).await;
        server.stop().await?;
        let server = program.serve(&place).await?;
        later.push(server.ready_after.as_secs_f64() * 1e3);
        tokio::time::sleep(IDLE).await;
        memory.push(server.resident_mib()?);
        server.stop().await?;
    }
    let goal = Goal::AtMost(300.0);
    report.row(
        Row::new("process", "start to ready, new file", Unit::Ms, &first)
            .goal(goal)
            .note("all migrations included; looked for each millisecond"),
    );
    report.row(
        Row::new(
            "process",
            "start to ready, file that is there",
            Unit::Ms,
            &later,
        )
        .goal(goal),
    );
    report.row(
        Row::new("process", "idle memory, resident", Unit::Mib, &memory)
            .goal(Goal::AtMost(60.0))
            .note(format!("after {} s without a request", IDLE.as_secs())),
    );
    Ok(())
}
