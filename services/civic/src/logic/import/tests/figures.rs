//! The figures after an import are those that a recount of the tables gives.

use std::collections::BTreeMap;

use brisk_core::TenantId;
use brisk_db::{FromRow, statements};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{HEADER, Place, TENANT, on_both, sound};
use crate::model::rollup::{Cell, CounterRow, DayDelta, DayRow, Deltas, IssueFacts, ReportFacts};
use crate::model::workflow::Status;
use crate::model::{Category, Severity};
use crate::store::issue::Issues;
use crate::store::sla::Slas;

#[derive(FromRow)]
struct ReportRow {
    area_id: Option<i64>,
    category: Category,
    severity: Severity,
    submitted_at: Timestamp,
}

#[derive(FromRow)]
struct DailyRow {
    day: Date,
    area_id: i64,
    category: Category,
    severity: Severity,
    reports: i64,
    opened: i64,
    resolved: i64,
    closed: i64,
    breached: i64,
    sla_met: i64,
    sla_missed: i64,
    resolution_seconds: i64,
}

#[derive(FromRow)]
struct HistRow {
    day: Date,
    area_id: i64,
    category: Category,
    severity: Severity,
    bucket: i32,
    n: i64,
}

#[derive(FromRow)]
struct CountRow {
    area_id: i64,
    category: Category,
    severity: Severity,
    status: Status,
    n: i64,
}

statements! {
    prefix "civic.test.figures";

    ISSUES(tenant: TenantId) -> Vec<i64> = "SELECT id FROM civic_issues WHERE tenant_id = $1";

    REPORTS(tenant: TenantId) -> Vec<ReportRow>
        = "SELECT area_id, category, severity, submitted_at FROM civic_reports WHERE tenant_id = $1";

    DAILY(tenant: TenantId) -> Vec<DailyRow>
        = "SELECT day, area_id, category, severity, reports, opened, resolved, closed, breached, sla_met, sla_missed,
            resolution_seconds FROM civic_score_daily WHERE tenant_id = $1";

    HIST(tenant: TenantId) -> Vec<HistRow>
        = "SELECT day, area_id, category, severity, bucket, n FROM civic_score_hist WHERE tenant_id = $1";

    COUNTERS(tenant: TenantId) -> Vec<CountRow>
        = "SELECT area_id, category, severity, status, n FROM civic_tenant_counters WHERE tenant_id = $1";
}

async fn recount(place: &Place) -> Deltas {
    let (zone, session) = (&place.setup.zone, &place.session);
    let mut deltas = Deltas::default();
    for report in session.run(&REPORTS, (TENANT,)).await.unwrap() {
        let facts = ReportFacts {
            cell: Cell {
                area_id: report.area_id.unwrap_or(0),
                category: report.category,
                severity: report.severity,
            },
            submitted_at: report.submitted_at,
        };
        deltas.report(zone, None, Some(&facts));
    }
    let ids = session.run(&ISSUES, (TENANT,)).await.unwrap();
    let issues = Issues(session).list_by_ids(ids.clone()).await.unwrap();
    let slas = Slas(session).list_by_issues(ids).await.unwrap();
    let slas: BTreeMap<_, _> = slas.into_iter().map(|sla| (sla.issue_id, sla)).collect();
    for issue in issues {
        let facts = IssueFacts {
            acknowledged_at: issue.acknowledged_at,
            resolved_at: issue.resolved_at,
            closed_at: issue.closed_at,
            ..IssueFacts::new(
                Cell {
                    area_id: issue.area_id.unwrap_or(0),
                    category: issue.category,
                    severity: issue.severity,
                },
                issue.status,
                issue.created_at,
            )
        };
        deltas.issue(zone, None, Some(&facts.with_sla(&slas[&issue.id].to_sla())));
    }
    deltas
}

async fn stored(place: &Place) -> (Vec<DayRow>, Vec<CounterRow>) {
    let session = &place.session;
    let mut days = BTreeMap::new();
    for row in session.run(&DAILY, (TENANT,)).await.unwrap() {
        let cell = Cell {
            area_id: row.area_id,
            category: row.category,
            severity: row.severity,
        };
        let delta = DayDelta {
            reports: row.reports,
            opened: row.opened,
            resolved: row.resolved,
            closed: row.closed,
            breached: row.breached,
            sla_met: row.sla_met,
            sla_missed: row.sla_missed,
            resolution_seconds: row.resolution_seconds,
            ..DayDelta::default()
        };
        days.insert((row.day, cell), delta);
    }
    for row in session.run(&HIST, (TENANT,)).await.unwrap() {
        let cell = Cell {
            area_id: row.area_id,
            category: row.category,
            severity: row.severity,
        };
        let day: &mut DayDelta = days.get_mut(&(row.day, cell)).unwrap();
        day.res_hist.0[usize::try_from(row.bucket).unwrap()] = row.n;
    }
    let days = days
        .into_iter()
        .map(|((day, cell), delta)| DayRow { day, cell, delta });
    let counters: BTreeMap<_, _> = session
        .run(&COUNTERS, (TENANT,))
        .await
        .unwrap()
        .into_iter()
        .map(|row| {
            let cell = Cell {
                area_id: row.area_id,
                category: row.category,
                severity: row.severity,
            };
            ((cell, row.status), row.n)
        })
        .collect();
    let counters = counters
        .into_iter()
        .map(|((cell, status), n)| CounterRow { cell, status, n });
    (days.collect(), counters.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_equal_a_recount() {
    on_both(async |place: Place| {
        place.import(&(HEADER.to_owned() + &sound(0..300))).await;
        place.import(&(HEADER.to_owned() + &sound(200..500))).await;
        let counted = recount(&place).await;
        let (days, counters) = stored(&place).await;
        assert_eq!(counters.iter().map(|row| row.n).sum::<i64>(), 500);
        assert_eq!(days, counted.days().collect::<Vec<_>>());
        assert_eq!(counters, counted.counters().collect::<Vec<_>>());
    })
    .await;
}
