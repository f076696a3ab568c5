//! Q1 to Q5 of the largest tenant in the database, through the kit, before and after the composite indexes.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use brisk_core::{Scope, TenantId};
use brisk_db::{Db, Session};
use fastrand::Rng;
use jiff::Timestamp;

use super::statements::{Q1, Q2, Q2_SERVED, Q3_ISSUE, Q3_REPORTS, Q4, Q5, STATEMENTS};
use crate::load::{Caller, Outcome, closed};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};
use crate::seed::{END, Seeded};

/// Rows of a page in Q1.
const LIMIT: i64 = 50;

const DAY: i64 = 86_400;

/// Connections of the specification's own runs.
const CALLERS: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Query {
    List,
    OpenServed,
    OpenCounted,
    IssueWithReports,
    Sla,
    IssuesWithCounts,
}

impl Query {
    const ALL: [Self; 6] = [
        Self::List,
        Self::OpenServed,
        Self::OpenCounted,
        Self::IssueWithReports,
        Self::Sla,
        Self::IssuesWithCounts,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::List => "Q1 a page of reports by cursor",
            Self::OpenServed => "Q2 open issues, as served (counters)",
            Self::OpenCounted => "Q2 open issues, counted",
            Self::IssueWithReports => "Q3 issue with its newest 51 reports",
            Self::Sla => "Q4 SLA figures of 30 days, raw",
            Self::IssuesWithCounts => "Q5 open issues with report counts",
        }
    }

    /// The specification's p95, in milliseconds.
    const fn goal_ms(self) -> f64 {
        match self {
            Self::List | Self::Sla | Self::IssuesWithCounts => 5.0,
            Self::OpenServed | Self::OpenCounted => 1.0,
            Self::IssueWithReports => 2.0,
        }
    }
}

/// Asks one query again and again, at another place each time.
#[derive(Clone, Debug)]
struct QueryCaller {
    db: Db,
    tenant: TenantId,
    issues: Arc<Vec<i64>>,
    query: Query,
    rng: Rng,
}

impl QueryCaller {
    fn some(count: usize, db: &Db, seeded: &Seeded, query: Query, round: usize) -> Vec<Self> {
        (0..count)
            .map(|caller| Self {
                db: db.clone(),
                tenant: seeded.largest,
                issues: Arc::clone(&seeded.issues),
                query,
                rng: Rng::with_seed((round * 1_000 + caller) as u64),
            })
            .collect()
    }

    /// An instant of the year that the data covers, late enough that a page follows it.
    fn line(&mut self) -> Timestamp {
        at(END - self.rng.i64(0..300 * DAY))
    }

    fn session(&self) -> Session {
        self.db.session(Scope::system(self.tenant, "bench"))
    }
}

impl Caller for QueryCaller {
    async fn call(&mut self) -> Result<()> {
        let session = self.session();
        match self.query {
            Query::List => {
                let rows = session
                    .run(&Q1, (self.tenant, self.line(), i64::MAX, LIMIT))
                    .await?;
                ensure!(rows.len() == 50, "a page of {} reports", rows.len());
            }
            Query::OpenServed => {
                let open = session.run(&Q2_SERVED, (self.tenant,)).await?;
                ensure!(open > 0, "no open issues");
            }
            Query::OpenCounted => {
                let open = session.run(&Q2, (self.tenant,)).await?;
                ensure!(open > 0, "no open issues");
            }
            Query::IssueWithReports => {
                let id = self.issues[self.rng.usize(0..self.issues.len())];
                // Independent, so they are sent together: one round trip on PostgreSQL, two readers on SQLite.
                let (issue, reports) = futures::join!(
                    session.run(&Q3_ISSUE, (self.tenant, id)),
                    session.run(&Q3_REPORTS, (id,))
                );
                let (issue, reports) = (issue?, reports?);
                ensure!(
                    issue.is_some() && !reports.is_empty(),
                    "issue {id} is not whole"
                );
            }
            Query::Sla => {
                let since = at(END - 30 * DAY);
                let figures = session.run(&Q4, (self.tenant, since)).await?;
                ensure!(
                    figures.met + figures.missed > 0,
                    "no clocks ended in 30 days"
                );
            }
            Query::IssuesWithCounts => {
                let rows = session
                    .run(&Q5, (self.tenant, "open", self.line(), i64::MAX))
                    .await?;
                ensure!(!rows.is_empty(), "no open issues");
            }
        }
        Ok(())
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("the plan's instants are in range")
}

/// p95 of each query with the original's five indexes only, a round each; one caller.
pub(super) async fn before(db: &Db, seeded: &Seeded, size: Size) -> Result<Vec<Vec<f64>>> {
    let findings = db.verify(STATEMENTS).await?;
    if let Some(finding) = findings.first() {
        bail!("{}: {}", finding.statement, finding.problem);
    }
    let mut all = Vec::new();
    for query in Query::ALL {
        let (p95, _) = rounds(db, seeded, query, 1, size).await?;
        all.push(p95);
    }
    Ok(all)
}

/// p95 and rates of some rounds.
async fn rounds(
    db: &Db,
    seeded: &Seeded,
    query: Query,
    callers: usize,
    size: Size,
) -> Result<(Vec<f64>, Vec<Outcome>)> {
    // One round unmeasured: plans are prepared, pages are read.
    closed(
        QueryCaller::some(callers, db, seeded, query, 999),
        size.round() / 8,
    )
    .await?;
    let mut outcomes = Vec::with_capacity(size.rounds());
    for round in 0..size.rounds() {
        outcomes.push(
            closed(
                QueryCaller::some(callers, db, seeded, query, round),
                size.round() / 2,
            )
            .await?,
        );
    }
    Ok((outcomes.iter().map(Outcome::p95_ms).collect(), outcomes))
}

/// The rows of one engine.
pub(super) async fn measure(
    report: &mut Report,
    engine: &'static str,
    db: &Db,
    seeded: &Seeded,
    before: &[Vec<f64>],
    size: Size,
) -> Result<()> {
    Report::part(&format!(
        "{engine}: queries of the largest tenant in the database, p95"
    ));
    for (query, before) in Query::ALL.into_iter().zip(before) {
        let title = query.title();
        let goal = Goal::AtMost(query.goal_ms());
        let (p95, outcomes) = rounds(db, seeded, query, 1, size).await?;
        let asked: u64 = outcomes.iter().map(|o| o.answered).sum();
        report.row(
            Row::new("queries", format!("{engine} {title}"), Unit::Ms, &p95)
                .beside("five indexes", &p95, before)
                .goal(goal)
                .note(format!(
                    "1 caller, {asked} asks, {:.0}/s",
                    mean_rate(&outcomes)
                )),
        );
        let (p95, outcomes) = rounds(db, seeded, query, CALLERS, size).await?;
        let asked: u64 = outcomes.iter().map(|o| o.answered).sum();
        report.row(
            Row::new(
                "queries",
                format!("{engine} {title}, {CALLERS} callers"),
                Unit::Ms,
                &p95,
            )
            .goal(goal)
            .note(format!("{asked} asks, {:.0}/s", mean_rate(&outcomes))),
        );
    }
    Ok(())
}

fn mean_rate(outcomes: &[Outcome]) -> f64 {
    outcomes.iter().map(Outcome::rate).sum::<f64>() / float(outcomes.len() as u64)
}
