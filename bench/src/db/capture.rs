//! What change capture costs the writers, and how soon a commit is heard: captured tables beside the same tables with
//! capture off.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use brisk_core::TenantId;
use brisk_db::{
    Affected, Capture, Db, DbConfig, Event, MigrationSet, OnConflict, Record, What, statements,
};
use fastrand::Rng;
use hdrhistogram::Histogram;
use tokio::sync::mpsc;

use crate::engine::{Place, Places, system};
use crate::load::{Caller, closed};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const TENANT: TenantId = TenantId(1);

/// Rows that are updated.
const ROWS: i64 = 10_000;

const CALLERS: usize = 16;

const POSTGRES: &[(&str, &str)] = &[(
    "V1__marks",
    "CREATE TABLE bench_marks (id bigint PRIMARY KEY, tenant_id bigint NOT NULL, n bigint NOT NULL, status text NOT NULL);
     INSERT INTO bench_marks SELECT i, 1, 0, 'open' FROM generate_series(0, 9999) i;
     CREATE TABLE bench_loads (id bigint PRIMARY KEY, tenant_id bigint NOT NULL, name text NOT NULL, body text NOT NULL, n bigint NOT NULL);
     CREATE INDEX bench_loads_name ON bench_loads (tenant_id, name);
     INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
     VALUES ('bench_marks', 'tenant_id', 'id', 'n, status'), ('bench_loads', 'tenant_id', 'id', 'name');",
)];

const SQLITE: &[(&str, &str)] = &[(
    "V1__marks",
    "CREATE TABLE bench_marks (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, n INTEGER NOT NULL, status TEXT NOT NULL) STRICT;
     WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < 9999)
     INSERT INTO bench_marks SELECT i, 1, 0, 'open' FROM s;
     CREATE TABLE bench_loads (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, n INTEGER NOT NULL) STRICT;
     CREATE INDEX bench_loads_name ON bench_loads (tenant_id, name);
     INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
     VALUES ('bench_marks', 'tenant_id', 'id', 'n, status'), ('bench_loads', 'tenant_id', 'id', 'name');",
)];

const TABLES: MigrationSet = MigrationSet {
    name: "bench",
    history: "brisk_migrations_bench",
    postgres: POSTGRES,
    sqlite: SQLITE,
};

statements! {
    prefix "bench.mark";

    /// One row of many.
    ADD(id: i64) -> Affected = "UPDATE bench_marks SET n = n + 1 WHERE id = $1";

    /// A row whose change is waited for.
    SET(id: i64, n: i64) -> Affected = "UPDATE bench_marks SET n = $2 WHERE id = $1";
}

/// A row of a bulk load.
#[derive(Record)]
#[record(table = "bench_loads")]
struct Load {
    id: i64,
    tenant_id: TenantId,
    name: String,
    body: String,
    n: i64,
}

/// One database, with capture or without.
struct Side {
    db: Db,
    place: Place,
    next: Arc<AtomicI64>,
}

impl Side {
    async fn open(place: Place, capture: Capture) -> Result<Self> {
        let mut config = DbConfig::new(place.url());
        config.capture = capture;
        let db = Db::open(config).await?;
        db.migrate(&[TABLES]).await?;
        Ok(Self {
            db,
            place,
            next: Arc::default(),
        })
    }

    async fn updates(&self, round: usize, size: Size) -> Result<f64> {
        let callers = (0..CALLERS).map(|caller| Update {
            db: self.db.clone(),
            rng: Rng::with_seed((round * 100 + caller) as u64),
        });
        Ok(closed(callers.collect(), size.round()).await?.rate())
    }

    /// Rows each second.
    async fn loads(&self, size: Size) -> Result<f64> {
        let loader = Loader {
            db: self.db.clone(),
            next: Arc::clone(&self.next),
        };
        let rows = self.db.bulk_rows();
        Ok(closed(vec![loader], size.round()).await?.rate() * float(rows as u64))
    }
}

struct Update {
    db: Db,
    rng: Rng,
}

impl Caller for Update {
    async fn call(&mut self) -> Result<()> {
        let id = self.rng.i64(1..ROWS);
        let changed = system(&self.db, TENANT).run(&ADD, (id,)).await?;
        ensure!(changed == 1, "{changed} rows changed");
        Ok(())
    }
}

struct Loader {
    db: Db,
    next: Arc<AtomicI64>,
}

impl Caller for Loader {
    async fn call(&mut self) -> Result<()> {
        let count = i64::try_from(self.db.bulk_rows())?;
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let rows = (first..first + count).map(|id| Load {
            id,
            tenant_id: TENANT,
            name: format!("name {}", id % 9_973),
            body: "text ".repeat(16),
            n: id,
        });
        let session = system(&self.db, TENANT);
        session
            .insert_many(rows.collect(), OnConflict::Fail)
            .await?;
        Ok(())
    }
}

/// Milliseconds from the answer to a commit until a subscriber holds its event, at 99 of 100; while 16 others write, or
/// nobody.
async fn heard(at: &Side, busy: bool, size: Size) -> Result<f64> {
    let mut events = at.db.changes().subscribe();
    let (tell, mut told) = mpsc::channel::<(i64, Instant)>(1_024);
    let listener = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let Event::Committed(commit) = event else {
                continue;
            };
            let now = Instant::now();
            for change in &commit.changes {
                let What::Row {
                    key,
                    new: Some(new),
                    ..
                } = &change.what
                else {
                    continue;
                };
                let number = |cell: Option<&brisk_db::Cell>| cell.and_then(brisk_db::Cell::as_int);
                if number(key.get("id")) == Some(0)
                    && let Some(n) = number(new.get("n"))
                    && tell.send((n, now)).await.is_err()
                {
                    return;
                }
            }
        }
    });
    let began = Instant::now();
    let until = began + size.round().max(Duration::from_secs(2));
    let load = async {
        if busy {
            at.updates(99, size).await.map(drop)
        } else {
            Ok(())
        }
    };
    let probe = async {
        // The stream begins with its first subscriber.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut waits = Histogram::<u64>::new_with_max(60_000_000, 3)?;
        let mut rng = Rng::with_seed(7);
        let mut n = at.next.fetch_add(1_000_000, Ordering::Relaxed);
        while Instant::now() < until {
            n += 1;
            system(&at.db, TENANT).run(&SET, (0, n)).await?;
            let answered = Instant::now();
            let heard = loop {
                let next = tokio::time::timeout(Duration::from_secs(5), told.recv());
                match next.await.context("a commit was not heard of within 5 s")? {
                    Some((heard, at)) if heard == n => break at,
                    Some(_) => {}
                    None => bail!("the stream has ended"),
                }
            };
            let wait = heard.saturating_duration_since(answered);
            waits.saturating_record(u64::try_from(wait.as_micros())?);
            tokio::time::sleep(Duration::from_micros(rng.u64(1_000..15_000))).await;
        }
        Ok(float(waits.value_at_quantile(0.99)) / 1e3)
    };
    let (load, p99) = tokio::join!(load, probe);
    listener.abort();
    load?;
    p99
}

pub(super) async fn run(places: &Places, size: Size, report: &mut Report) -> Result<()> {
    for engine in ["PostgreSQL", "SQLite"] {
        Report::part(&format!("{engine}: change capture"));
        let place = |name: &str| match engine {
            "SQLite" => places.sqlite(name),
            _ => places.postgres(),
        };
        let on = Side::open(place("capture-on")?, Capture::Outbox).await?;
        report.durability(on.place.durability(&on.db).await?);
        let off = Side::open(place("capture-off")?, Capture::Off).await?;
        // Somebody listens, as a cache does.
        let hook = on.db.changes().on_event(|event| {
            std::hint::black_box(event);
        });
        let (mut a, mut b, mut c, mut d) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // The first round only warms up; which side goes first changes.
        for round in 0..=size.rounds() * 2 {
            let rates = if round % 2 == 0 {
                let ours = (on.updates(round, size).await?, on.loads(size).await?);
                (
                    ours,
                    (off.updates(round, size).await?, off.loads(size).await?),
                )
            } else {
                let theirs = (off.updates(round, size).await?, off.loads(size).await?);
                (
                    (on.updates(round, size).await?, on.loads(size).await?),
                    theirs,
                )
            };
            if round > 0 {
                a.push(rates.0.0);
                b.push(rates.1.0);
                c.push(rates.0.1);
                d.push(rates.1.1);
            }
        }
        let (writes, wait) = if engine == "SQLite" {
            (0.80, 3.0)
        } else {
            (0.90, 25.0)
        };
        let row = |what: &str, ours: &[f64]| {
            Row::new(
                "capture",
                format!("{engine}: {what}"),
                Unit::PerSecond,
                ours,
            )
        };
        report.row(
            row("updates of one row, 16 callers, captured", &a)
                .beside("capture off", &a, &b)
                .goal(Goal::Ratio(writes)),
        );
        report.row(
            row("rows of bulk loads, captured", &c)
                .beside("capture off", &c, &d)
                .goal(Goal::Ratio(0.95)),
        );
        for (busy, while_) in [(false, "nobody else writes"), (true, "16 callers write")] {
            let mut waits = Vec::new();
            for _ in 0..size.rounds() {
                waits.push(heard(&on, busy, size).await?);
            }
            let what = format!("{engine}: commit to event, p99, {while_}");
            report.row(Row::new("capture", what, Unit::Ms, &waits).goal(Goal::AtMost(wait)));
        }
        drop(hook);
        on.db.close().await;
        off.db.close().await;
    }
    Ok(())
}
