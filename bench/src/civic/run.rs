//! The order of a run: what needs no data first, then one engine after the other.

use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::{classifier, http, import, indexes, inserts, page, process, queries, submissions};
use crate::Options;
use crate::engine::{Place, Places};
use crate::machine::Machine;
use crate::program::Program;
use crate::report::Report;
use crate::rounds::Size;
use crate::seed;

/// What `--part` may name.
const PARTS: [&str; 6] = [
    "classifier",
    "process",
    "inserts",
    "import",
    "queries",
    "http",
];

pub(crate) async fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options
        .part
        .iter()
        .find(|part| !PARTS.contains(&part.as_str()))
    {
        bail!(
            "there is no part `{unknown}`; there are {}",
            PARTS.join(", ")
        );
    }
    let wants = |part: &str| options.part.is_empty() || options.part.iter().any(|p| p == part);
    let began = Instant::now();
    let size = Size::of(options);
    let places = Places::new()?;
    let program = Program::build(places.folder())
        .await
        .context("the program itself cannot be built")?;
    let mut report = Report::begin("civic", size, Machine::look(places.folder())?);

    if wants("classifier") {
        classifier::measure(&mut report, size);
    }
    if wants("process") {
        process::measure(&mut report, &places, &program, size).await?;
    }
    if wants("inserts") {
        inserts::measure(&mut report, &places, size).await?;
    }
    if wants("import") {
        import::measure(&mut report, &places, &program, size).await?;
    }
    if wants("queries") || wants("http") {
        for place in places.both("seeded")? {
            seeded(&mut report, &place, &program, size, &wants).await?;
        }
    }
    println!("\nall of it took {:.0} s", began.elapsed().as_secs_f64());
    report.end(options.json.as_deref())
}

/// Everything that needs a full database of one engine.
async fn seeded(
    report: &mut Report,
    place: &Place,
    program: &Program,
    size: Size,
    wants: &impl Fn(&str) -> bool,
) -> Result<()> {
    let engine = place.engine();
    let db = place.open().await?;
    report.durability(place.durability(&db).await?);
    let composites = indexes::drop_composites(place)?;
    let plan = seed::plan(size);
    let seeded = seed::load(place, &db, &plan).await?;
    drop(plan);
    println!(
        "\n{engine}: {} reports and {} issues loaded at {:.0} rows/s, without the composite indexes; the largest of 50 \
         tenants has {} and {}",
        seeded.reports,
        size.issues(),
        seeded.rows_per_s,
        seeded.largest_reports,
        seeded.issues.len()
    );
    let before = if wants("queries") {
        indexes::settle(place)?;
        Some(queries::before(&db, &seeded, size).await?)
    } else {
        None
    };
    let created = Instant::now();
    indexes::create(place, &composites)?;
    indexes::settle(place)?;
    println!(
        "{engine}: {} composite and partial indexes created in {:.1} s",
        composites.len(),
        created.elapsed().as_secs_f64()
    );
    if let Some(before) = before {
        queries::measure(report, engine, &db, &seeded, &before, size).await?;
    }
    db.close().await;
    if wants("http") {
        // Rows loaded past the service have no figures yet; it makes them as it does after any other way in.
        program
            .run(place, &["civic", "reconcile", "--tenant", &seeded.slug])
            .await?;
        http::measure(report, place, program, &seeded, size).await?;
        page::measure(report, place, program, &seeded, size).await?;
        submissions::measure(report, place, program, &seeded, size).await?;
    }
    Ok(())
}
