//! Writing the figures: every change is an addition, in the transaction that causes it.

use brisk_core::TenantId;
use brisk_db::{Batch, OnConflict, Record};
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

const DAY_KEY: &[&str] = &["tenant_id", "day", "area_id", "category", "severity"];
const HIST_KEY: &[&str] = &[
    "tenant_id",
    "day",
    "area_id",
    "category",
    "severity",
    "bucket",
];

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
        .insert_many(
            counters.collect(),
            OnConflict::Add {
                key: &["tenant_id", "area_id", "category", "severity", "status"],
            },
        )
        .insert_many(days, OnConflict::Add { key: DAY_KEY })
        .insert_many(hist, OnConflict::Add { key: HIST_KEY });
}
