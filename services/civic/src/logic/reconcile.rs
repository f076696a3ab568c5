//! Counting a tenant's figures anew, and mending those that differ.

use std::collections::HashMap;

use brisk_core::Clock;
use brisk_db::{Batch, Session};
use brisk_jobs::Queue;
use jiff::Timestamp;
use serde::Serialize;

use super::changes::score_job;
use crate::error::Error;
use crate::ids::{IssueId, ReportId};
use crate::model::hist::ResHist;
use crate::model::rollup::{Cell, CounterRow, DayDelta, DayRow, Deltas, IssueFacts, ReportFacts};
use crate::settings::TenantSettings;
use crate::store::recount::{IssueCountRow, Recount};
use crate::store::{lock, rollup};

/// Rows read at a time.
const PAGE: i64 = 5_000;
/// Differences that are described; the others are only counted.
const EXAMPLES: usize = 20;

/// What a recount found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Drift {
    /// Issues counted.
    pub(crate) issues: u64,
    /// Reports counted.
    pub(crate) reports: u64,
    /// Rows of the figures that differed and were mended.
    pub(crate) cells: u64,
    /// The first of them, for people.
    pub(crate) examples: Vec<String>,
}

/// Recomputes counters, daily figures and histograms of the session's tenant, and adds what is missing.
///
/// One transaction with one view of the database: figures and what they are made of are read as of the same moment. The
/// mending is an addition, so what others add meanwhile stays right. Memory grows with the cells, not with the issues.
/// Scores follow by a job for whoever runs workers.
///
/// # Errors
///
/// What kept the database from answering.
pub(crate) async fn run(
    session: &Session,
    settings: &TenantSettings,
    queue: &Queue,
    clock: &Clock,
) -> Result<Drift, Error> {
    let drift = session
        .transaction(|tx| async move {
            Recount(&tx).one_view().await?;
            lock::tenant(&tx).await?;
            let (mut drift, counted) = count(&tx, settings).await?;
            let missing = counted.less(&stored(&tx).await?);
            describe(&missing, &mut drift);
            if !missing.is_empty() {
                let mut batch = Batch::new();
                rollup::add(&mut batch, tx.tenant(), &missing);
                queue.add(&mut batch, vec![score_job(tx.tenant(), clock.now())?]);
                tx.batch(batch).await?;
            }
            Ok::<_, Error>(drift)
        })
        .await?;
    if drift.cells > 0 {
        tracing::warn!(
            tenant = session.tenant().get(),
            cells = drift.cells,
            first = drift.examples.first().map_or("", String::as_str),
            "figures differed from a recount and were mended"
        );
    }
    metrics::counter!("civic_rollup_drift_total").increment(drift.cells);
    Ok(drift)
}

async fn count(session: &Session, settings: &TenantSettings) -> Result<(Drift, Deltas), Error> {
    let recount = Recount(session);
    let mut counted = Deltas::default();
    let mut drift = Drift::default();
    let mut after = IssueId(i64::MIN);
    loop {
        let rows = recount.issues(after, PAGE).await?;
        let Some(last) = rows.last().map(|row| row.id) else {
            break;
        };
        let mut reopened: HashMap<IssueId, Vec<Timestamp>> = HashMap::new();
        for row in recount.reopenings(after, last).await? {
            reopened.entry(row.issue_id).or_default().push(row.at);
        }
        let full = is_full(rows.len());
        for row in rows {
            let facts = facts(&row, reopened.remove(&row.id).unwrap_or_default());
            counted.count(&settings.zone, &facts);
            drift.issues += 1;
        }
        if !full {
            break;
        }
        after = last;
    }
    let mut after = (Timestamp::constant(-62_135_596_800, 0), ReportId(i64::MIN));
    loop {
        let rows = recount.reports(after, PAGE).await?;
        let Some(last) = rows.last().map(|row| (row.submitted_at, row.id)) else {
            break;
        };
        let full = is_full(rows.len());
        for row in rows {
            let (Some(category), Some(severity)) = (row.category, row.severity) else {
                continue;
            };
            let facts = ReportFacts {
                cell: Cell {
                    area_id: row.area_id.unwrap_or(0),
                    category,
                    severity,
                },
                submitted_at: row.submitted_at,
            };
            counted.count_report(&settings.zone, &facts);
            drift.reports += 1;
        }
        if !full {
            break;
        }
        after = last;
    }
    Ok((drift, counted))
}

/// What writers count of an issue, read back from its row, its clock and its history.
fn facts(row: &IssueCountRow, reopened_at: Vec<Timestamp>) -> IssueFacts {
    let cell = Cell {
        area_id: row.area_id.unwrap_or(0),
        category: row.category,
        severity: row.severity,
    };
    IssueFacts {
        acknowledged_at: row.acknowledged_at,
        resolved_at: row.resolved_at,
        closed_at: row.closed_at,
        merged_at: row.merged_at,
        reopened_at,
        met_ack: row.met_ack,
        met_sla: row.met_sla,
        breached_at: row.breached_at,
        excluded: row.excluded.unwrap_or_default(),
        ..IssueFacts::new(cell, row.status, row.created_at)
    }
}

async fn stored(session: &Session) -> Result<Deltas, Error> {
    let recount = Recount(session);
    let mut stored = Deltas::default();
    for row in recount.counters().await? {
        stored.add_counter(&CounterRow {
            cell: Cell {
                area_id: row.area_id,
                category: row.category,
                severity: row.severity,
            },
            status: row.status,
            n: row.n,
        });
    }
    for row in recount.days().await? {
        let cell = Cell {
            area_id: row.area_id,
            category: row.category,
            severity: row.severity,
        };
        stored.add_day(&DayRow {
            day: row.day,
            cell,
            delta: DayDelta {
                reports: row.reports,
                opened: row.opened,
                acknowledged: row.acknowledged,
                resolved: row.resolved,
                closed: row.closed,
                reopened: row.reopened,
                breached: row.breached,
                sla_met: row.sla_met,
                sla_missed: row.sla_missed,
                ack_met: row.ack_met,
                ack_missed: row.ack_missed,
                merged: row.merged,
                resolution_seconds: row.resolution_seconds,
                ack_seconds: row.ack_seconds,
                ..DayDelta::default()
            },
        });
    }
    for row in recount.hist().await? {
        let mut res_hist = ResHist::default();
        let bucket = usize::try_from(row.bucket).unwrap_or_default();
        if let Some(n) = res_hist.0.get_mut(bucket) {
            *n = row.n;
        }
        stored.add_day(&DayRow {
            day: row.day,
            cell: Cell {
                area_id: row.area_id,
                category: row.category,
                severity: row.severity,
            },
            delta: DayDelta {
                res_hist,
                ..DayDelta::default()
            },
        });
    }
    Ok(stored)
}

fn describe(missing: &Deltas, drift: &mut Drift) {
    let place = |cell: Cell| {
        let (category, severity) = (cell.category.as_str(), cell.severity.as_str());
        format!("area {} {category} {severity}", cell.area_id)
    };
    for row in missing.counters() {
        drift.cells += 1;
        if drift.examples.len() < EXAMPLES {
            drift
                .examples
                .push(format!("{} {}: {:+}", place(row.cell), row.status, row.n));
        }
    }
    for row in missing.days() {
        drift.cells += 1;
        if drift.examples.len() < EXAMPLES {
            let changed = DayDelta::NAMES
                .iter()
                .zip(row.delta.values())
                .filter(|(_, n)| *n != 0)
                .map(|(name, n)| format!("{name} {n:+}"));
            let mut parts: Vec<String> = changed.collect();
            if !row.delta.res_hist.is_zero() {
                parts.push("times to resolution".to_owned());
            }
            drift.examples.push(format!(
                "{} {}: {}",
                row.day,
                place(row.cell),
                parts.join(", ")
            ));
        }
    }
}

/// Whether a page of `rows` may have a next one.
fn is_full(rows: usize) -> bool {
    i64::try_from(rows).is_ok_and(|n| n >= PAGE)
}
