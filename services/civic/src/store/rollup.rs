//! Writing the figures: every change is an addition, in the transaction that causes it.

use brisk_core::TenantId;
use brisk_db::{Affected, Batch, Record, statements};
use jiff::civil::Date;

use crate::model::rollup::Deltas;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};

#[derive(Clone, Debug, Record)]
#[record(table = "civic_tenant_counters")]
pub(crate) struct CounterAdd {
    tenant_id: TenantId,
    area_id: i64,
    category: Category,
    severity: Severity,
    status: Status,
    n: i64,
}

#[derive(Clone, Debug, Record)]
#[record(table = "civic_score_daily")]
pub(crate) struct DayAdd {
    tenant_id: TenantId,
    day: Date,
    area_id: i64,
    category: Category,
    severity: Severity,
    reports: i64,
    opened: i64,
    acknowledged: i64,
    resolved: i64,
    closed: i64,
    reopened: i64,
    breached: i64,
    sla_met: i64,
    sla_missed: i64,
    ack_met: i64,
    ack_missed: i64,
    merged: i64,
    resolution_seconds: i64,
    ack_seconds: i64,
}

#[derive(Clone, Debug, Record)]
#[record(table = "civic_score_hist")]
pub(crate) struct HistAdd {
    tenant_id: TenantId,
    day: Date,
    area_id: i64,
    category: Category,
    severity: Severity,
    bucket: i32,
    n: i64,
}

statements! {
    prefix "civic.rollup";

    /// Adds to the number of issues in a cell and status.
    ADD_COUNTER[CounterAdd] -> Affected
        = "INSERT INTO civic_tenant_counters AS c (tenant_id, area_id, category, severity, status, n)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (tenant_id, area_id, category, severity, status) DO UPDATE SET n = c.n + excluded.n";

    /// Adds to the counters of a cell and day.
    ADD_DAY[DayAdd] -> Affected
        = "INSERT INTO civic_score_daily AS c (tenant_id, day, area_id, category, severity, reports, opened,
            acknowledged, resolved, closed, reopened, breached, sla_met, sla_missed, ack_met, ack_missed, merged,
            resolution_seconds, ack_seconds)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
            ON CONFLICT (tenant_id, day, area_id, category, severity) DO UPDATE SET
            reports = c.reports + excluded.reports, opened = c.opened + excluded.opened,
            acknowledged = c.acknowledged + excluded.acknowledged, resolved = c.resolved + excluded.resolved,
            closed = c.closed + excluded.closed, reopened = c.reopened + excluded.reopened,
            breached = c.breached + excluded.breached, sla_met = c.sla_met + excluded.sla_met,
            sla_missed = c.sla_missed + excluded.sla_missed, ack_met = c.ack_met + excluded.ack_met,
            ack_missed = c.ack_missed + excluded.ack_missed, merged = c.merged + excluded.merged,
            resolution_seconds = c.resolution_seconds + excluded.resolution_seconds,
            ack_seconds = c.ack_seconds + excluded.ack_seconds";

    /// Adds to one bucket of the times to resolution of a cell and day.
    ADD_HIST[HistAdd] -> Affected
        = "INSERT INTO civic_score_hist AS c (tenant_id, day, area_id, category, severity, bucket, n)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (tenant_id, day, area_id, category, severity, bucket) DO UPDATE SET n = c.n + excluded.n";
}

/// Adds `deltas` to the batch. They come sorted, so that all writers lock the rows in one order.
pub(crate) fn add(batch: &mut Batch, tenant_id: TenantId, deltas: &Deltas) {
    let mut days = Vec::new();
    let mut hist = Vec::new();
    for row in deltas.days() {
        let (cell, d) = (row.cell, row.delta);
        days.push(DayAdd {
            tenant_id,
            day: row.day,
            area_id: cell.area_id,
            category: cell.category,
            severity: cell.severity,
            reports: d.reports,
            opened: d.opened,
            acknowledged: d.acknowledged,
            resolved: d.resolved,
            closed: d.closed,
            reopened: d.reopened,
            breached: d.breached,
            sla_met: d.sla_met,
            sla_missed: d.sla_missed,
            ack_met: d.ack_met,
            ack_missed: d.ack_missed,
            merged: d.merged,
            resolution_seconds: d.resolution_seconds,
            ack_seconds: d.ack_seconds,
        });
        for (bucket, n) in (0..).zip(d.res_hist.0).filter(|(_, n)| *n != 0) {
            hist.push(HistAdd {
                tenant_id,
                day: row.day,
                area_id: cell.area_id,
                category: cell.category,
                severity: cell.severity,
                bucket,
                n,
            });
        }
    }
    let counters = deltas.counters().map(|row| CounterAdd {
        tenant_id,
        area_id: row.cell.area_id,
        category: row.cell.category,
        severity: row.cell.severity,
        status: row.status,
        n: row.n,
    });
    batch
        .run_each(&ADD_COUNTER, counters)
        .run_each(&ADD_DAY, days)
        .run_each(&ADD_HIST, hist);
}
