//! Durable single inserts by 64 callers at the store: the kit's shared commits beside a commit for each row, and beside
//! hand-made batches of 64, in the same table of the same file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use brisk_civic::model::Category;
use brisk_core::{Scope, TenantId};
use brisk_db::Db;
use fastrand::Rng;
use jiff::Timestamp;

use crate::engine::{Place, Places};
use crate::load::{Caller, closed};
use crate::machine::Written;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, Spread, float};
use crate::seed::{self, END};

const CALLERS: usize = 64;

mod sql {
    use brisk_core::TenantId;
    use brisk_db::{Affected, statements};
    use jiff::Timestamp;

    statements! {
        prefix "bench.insert";

        /// A report as a submission makes it.
        pub(super) REPORT(id: i64, tenant: TenantId, description: String, location: String, lat: f64, lon: f64,
            category: &'static str, at: Timestamp) -> Affected
            = "INSERT INTO civic_reports (id, tenant_id, description, location, lat, lon, category, severity, channel,
                status, submitted_at, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'medium', 'api', 'classified', $8, $8)";
    }
}

/// The same text for the rival, which has no kit to rewrite it.
const RAW: &str = "INSERT INTO civic_reports (id, tenant_id, description, location, lat, lon, category, severity, channel,
    status, submitted_at, received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'medium', 'api', 'classified', ?8, ?8)";

/// One row's values.
struct Values {
    id: i64,
    description: String,
    location: String,
    lat: f64,
    lon: f64,
    category: &'static str,
    at: Timestamp,
}

impl Values {
    fn next(rng: &mut Rng, ids: &AtomicI64) -> Self {
        let category = Category::ALL[rng.usize(0..Category::ALL.len())];
        let (lat, lon, location) = seed::place(rng, 0);
        let id = ids.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            description: seed::description(rng, category),
            location,
            lat,
            lon,
            category: category.as_str(),
            at: Timestamp::from_second(END + id / 100).expect("the plan's instants are in range"),
        }
    }
}

struct InsertCaller {
    db: Db,
    tenant: TenantId,
    ids: Arc<AtomicI64>,
    rng: Rng,
}

impl Caller for InsertCaller {
    async fn call(&mut self) -> Result<()> {
        let v = Values::next(&mut self.rng, &self.ids);
        let session = self.db.session(Scope::system(self.tenant, "bench"));
        let params = (
            v.id,
            self.tenant,
            v.description,
            v.location,
            v.lat,
            v.lon,
            v.category,
            v.at,
        );
        session.run(&sql::REPORT, params).await?;
        Ok(())
    }
}

/// Inserts through SQLite's own binding, `batch` rows in each commit, by one thread.
fn raw(
    path: &Path,
    tenant: TenantId,
    ids: &AtomicI64,
    batch: usize,
    time: Duration,
) -> Result<f64> {
    let conn = rusqlite::Connection::open(path)?;
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = on; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;
         PRAGMA wal_autocheckpoint = 4000;",
    )?;
    let mut rng = Rng::with_seed(7);
    let mut insert = conn.prepare(RAW)?;
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < time {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..batch {
            let v = Values::next(&mut rng, ids);
            insert.execute((
                v.id,
                tenant.get(),
                v.description,
                v.location,
                v.lat,
                v.lon,
                v.category,
                v.at.as_microsecond(),
            ))?;
            done += 1;
        }
        conn.execute_batch("COMMIT")?;
    }
    Ok(float(done) / began.elapsed().as_secs_f64())
}

pub(super) async fn measure(report: &mut Report, places: &Places, size: Size) -> Result<()> {
    let place = places.sqlite("inserts")?;
    let db = place.open().await?;
    let Place::Sqlite(path) = &place else {
        unreachable!("a SQLite place was asked for")
    };
    Report::part("SQLite: durable single inserts at the store");
    report.durability(place.durability(&db).await?);
    let tenant = seed::one_tenant(&db).await?;
    let ids = Arc::new(AtomicI64::new(1));
    let (mut ours, mut single, mut batches) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    for round in 0..=size.rounds() {
        let callers = (0..CALLERS)
            .map(|caller| InsertCaller {
                db: db.clone(),
                tenant,
                ids: Arc::clone(&ids),
                rng: Rng::with_seed((round * CALLERS + caller) as u64),
            })
            .collect();
        let written = Written::now();
        let outcome = closed(callers, size.round()).await?;
        let per_row = written.until_now() / float(outcome.answered);
        let one = blocking(path, tenant, &ids, 1, size).await?;
        let many = blocking(path, tenant, &ids, CALLERS, size).await?;
        // The first round only warms up.
        if round > 0 {
            ours.push(outcome.rate());
            bytes.push(per_row);
            single.push(one);
            batches.push(many);
        }
    }
    let rows = place.number("SELECT count(*) FROM civic_reports")?;
    let asked = ids.load(Ordering::Relaxed) - 1;
    anyhow::ensure!(
        rows == asked,
        "{asked} inserts were answered and {rows} are there"
    );
    db.close().await;
    let note = format!(
        "all {rows} answered rows are there; {:.1} KiB written a row, {:.1} MiB/s",
        Spread::of(&bytes).median / 1024.0,
        Spread::of(&bytes).median * Spread::of(&ours).median / 1024.0 / 1024.0
    );
    let what = format!("SQLite single inserts, {CALLERS} callers");
    report.row(
        Row::new("inserts", what.clone(), Unit::PerSecond, &ours)
            .beside("commit each", &ours, &single)
            .goal(Goal::Ratio(10.0))
            .note(note),
    );
    report.row(
        Row::new("inserts", what, Unit::PerSecond, &ours)
            .beside("batches of 64", &ours, &batches)
            .goal(Goal::Ratio(0.8)),
    );
    Ok(())
}

async fn blocking(
    path: &Path,
    tenant: TenantId,
    ids: &Arc<AtomicI64>,
    batch: usize,
    size: Size,
) -> Result<f64> {
    let (path, ids) = (path.to_owned(), Arc::clone(ids));
    tokio::task::spawn_blocking(move || raw(&path, tenant, &ids, batch, size.round())).await?
}
