//! The rows on their way into a database.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use brisk_auth::{NewTenant, TenantKind, Tenants};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{Db, OnConflict, Record};
use futures::{StreamExt as _, TryStreamExt as _};

use super::plan::{AREAS, END, Plan, TENANTS};
use super::rows::{AreaRow, CounterRow, IssueRow, ReportRow, SlaRow, TenantIds, at};
use crate::engine::{Place, system};
use crate::rounds::{Size, float};

/// Rows of one bulk insert.
const CHUNK: usize = 5_000;

/// Inserts under way at once: one is built while another is written.
const UNDER_WAY: usize = 2;

/// What is in a database now.
#[derive(Clone, Debug)]
pub(crate) struct Seeded {
    /// The tenant with most rows.
    pub(crate) largest: TenantId,
    /// Its name in addresses.
    pub(crate) slug: String,
    /// Ids of its issues.
    pub(crate) issues: Arc<Vec<i64>>,
    pub(crate) reports: usize,
    /// Reports of the largest tenant.
    pub(crate) largest_reports: usize,
    pub(crate) rows_per_s: f64,
}

/// Fills the service's tables.
pub(crate) async fn load(place: &Place, db: &Db, plan: &Arc<Plan>) -> Result<Seeded> {
    let tenants = Arc::new(tenants(db).await?);
    let began = Instant::now();
    let session = system(db, TenantId::PLATFORM);
    let (p, t) = (Arc::clone(plan), Arc::clone(&tenants));
    insert(db, plan.issues.len(), move |i| {
        IssueRow::new(i, &p.issues[i], &t)
    })
    .await?;
    let (p, t) = (Arc::clone(plan), Arc::clone(&tenants));
    insert(db, plan.issues.len(), move |i| {
        SlaRow::new(i, &p.issues[i], &t)
    })
    .await?;
    let (p, t) = (Arc::clone(plan), Arc::clone(&tenants));
    insert(db, plan.reports.len(), move |i| ReportRow::new(i, &p, &t)).await?;
    let counters = plan
        .counters()
        .into_iter()
        .map(|((tenant, area, category, severity, status), n)| {
            let tenant = &tenants[usize::from(tenant)];
            CounterRow {
                tenant_id: tenant.id,
                area_id: tenant.areas[usize::from(area)],
                category: category.as_str(),
                severity: severity.as_str(),
                status,
                n,
            }
        })
        .collect();
    session
        .insert_many::<CounterRow>(counters, OnConflict::Fail)
        .await?;
    let rows = plan.issues.len() * 2 + plan.reports.len();
    let rows_per_s = float(rows as u64) / began.elapsed().as_secs_f64();
    place.run(&[&format!(
        "UPDATE civic_id_blocks SET next_value = {}",
        plan.reports.len() + 1
    )])?;
    Ok(Seeded {
        largest: tenants[0].id,
        slug: slug(0),
        issues: Arc::new(
            (1_i64..)
                .zip(&plan.issues)
                .filter(|(_, issue)| issue.tenant == 0)
                .map(|(id, _)| id)
                .collect(),
        ),
        reports: plan.reports.len(),
        largest_reports: plan
            .reports
            .iter()
            .filter(|report| plan.issues[report.issue as usize].tenant == 0)
            .count(),
        rows_per_s,
    })
}

/// The plan of a run's size.
pub(crate) fn plan(size: Size) -> Arc<Plan> {
    Arc::new(Plan::new(size.issues(), size.reports()))
}

fn slug(n: usize) -> String {
    format!("bench-{n}")
}

async fn tenants(db: &Db) -> Result<Vec<TenantIds>> {
    let clock = Clock::manual(at(END));
    let session = system(db, TenantId::PLATFORM);
    let table = Tenants::new(&session);
    let mut all = Vec::with_capacity(TENANTS);
    for n in 0..TENANTS {
        let new = NewTenant::new(slug(n), format!("Bench {n}"), TenantKind::City);
        let id = table.insert(new, &clock).await?.id;
        let areas = (0..AREAS)
            .map(|area| AreaRow {
                tenant_id: id,
                name: format!("Area {area}"),
                created_at: at(END),
            })
            .collect();
        let areas = session
            .insert_returning::<AreaRow>(areas, OnConflict::Fail, "id")
            .await?;
        all.push(TenantIds { id, areas });
    }
    Ok(all)
}

async fn insert<T, F>(db: &Db, count: usize, row: F) -> Result<()>
where
    T: Record,
    F: Fn(usize) -> T + Send + Sync + 'static,
{
    let row = Arc::new(row);
    let chunks = (0..count)
        .step_by(CHUNK)
        .map(|from| from..(from + CHUNK).min(count));
    futures::stream::iter(chunks.map(|chunk: Range<usize>| {
        let (db, row) = (db.clone(), Arc::clone(&row));
        async move {
            tokio::spawn(async move {
                let rows: Vec<T> = chunk.map(|i| row(i)).collect();
                db.session(Scope::platform("seed"))
                    .insert_many(rows, OnConflict::Fail)
                    .await
            })
            .await??;
            anyhow::Ok(())
        }
    }))
    .buffered(UNDER_WAY)
    .try_collect::<Vec<()>>()
    .await?;
    Ok(())
}

/// A tenant and nothing else, for measurements that make their own rows.
pub(crate) async fn one_tenant(db: &Db) -> Result<TenantId> {
    let clock = Clock::manual(at(END));
    let session = system(db, TenantId::PLATFORM);
    let new = NewTenant::new("bench", "Bench", TenantKind::City);
    Ok(Tenants::new(&session).insert(new, &clock).await?.id)
}
