//! Many narrow rows into one table: the kit's stream of rows beside `COPY` by `psql`, and by itself on SQLite.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use brisk_core::TenantId;
use brisk_db::{Db, DbConfig, Record};
use futures::stream;

use crate::engine::{Place, Places, system};
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const CREATE: &str = "CREATE TABLE bench_bulk (id bigint PRIMARY KEY, group_id bigint NOT NULL, name text NOT NULL, \
                      score double precision NOT NULL)";

const CREATE_SQLITE: &str = "CREATE TABLE bench_bulk (id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL, \
                             name TEXT NOT NULL, score REAL NOT NULL) STRICT";

#[derive(Clone, Debug, Record)]
#[record(table = "bench_bulk")]
struct Item {
    id: i64,
    group_id: i64,
    name: String,
    score: f64,
}

fn item(id: i64) -> Item {
    Item {
        id,
        group_id: id % 1_000,
        name: format!("item {id}"),
        score: 1.5,
    }
}

const fn rows(size: Size) -> i64 {
    match size {
        Size::Quick => 50_000,
        Size::Normal => 500_000,
        Size::Long => 2_000_000,
    }
}

pub(super) async fn measure(report: &mut Report, places: &Places, size: Size) -> Result<()> {
    Report::part("many rows into one table, durable");
    let file = places.folder().join("bulk.txt");
    let mut out = BufWriter::new(File::create(&file)?);
    for id in 0..rows(size) {
        let row = item(id);
        writeln!(
            out,
            "{}\t{}\t{}\t{}",
            row.id, row.group_id, row.name, row.score
        )?;
    }
    out.flush()?;
    let file = file.to_str().context("the folder's name is not UTF-8")?;
    let copy = format!("\\copy bench_bulk FROM '{file}'");

    let postgres = places.postgres()?;
    postgres.run(&[CREATE])?;
    let db = Db::open(DbConfig::new(postgres.url())).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=size.rounds() {
        postgres.run(&["TRUNCATE bench_bulk"])?;
        let kit = load(&db, &postgres, size).await?;
        postgres.run(&["TRUNCATE bench_bulk"])?;
        let began = Instant::now();
        postgres.run(&[&copy])?;
        let psql = per_second(size, began);
        // The first round only warms up.
        if round > 0 {
            ours.push(kit);
            theirs.push(psql);
        }
    }
    db.close().await;
    report.row(
        Row::new("db", "PostgreSQL: rows in bulk", Unit::PerSecond, &ours)
            .beside("COPY by psql", &ours, &theirs)
            .goal(Goal::Ratio(0.8))
            .note("ours commits each chunk, psql once"),
    );

    let mut ours = Vec::new();
    for round in 0..size.rounds() {
        let sqlite = places.sqlite(&format!("bulk-{round}"))?;
        let db = Db::open(DbConfig::new(sqlite.url())).await?;
        sqlite.run(&[CREATE_SQLITE])?;
        ours.push(load(&db, &sqlite, size).await?);
        db.close().await;
    }
    report.row(
        Row::new("db", "SQLite: rows in bulk", Unit::PerSecond, &ours)
            .goal(Goal::AtLeast(100_000.0)),
    );
    Ok(())
}

/// Rows each second.
async fn load(db: &Db, place: &Place, size: Size) -> Result<f64> {
    let session = system(db, TenantId::PLATFORM);
    let began = Instant::now();
    session
        .bulk::<Item>()
        .run(stream::iter((0..rows(size)).map(item)))
        .await?;
    let rate = per_second(size, began);
    let there = place.number("SELECT count(*) FROM bench_bulk")?;
    ensure!(there == rows(size), "{there} of {} rows", rows(size));
    Ok(rate)
}

fn per_second(size: Size, began: Instant) -> f64 {
    float(rows(size).unsigned_abs()) / began.elapsed().as_secs_f64()
}
