//! A file on its way into reports, issues, clocks and figures: the command as a person runs it, from start to exit.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use brisk_civic::model::Category;
use fastrand::Rng;
use jiff::Timestamp;

use crate::engine::{Place, Places};
use crate::program::Program;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};
use crate::seed::{self, END};

const YEAR: i64 = 365 * 86_400;

/// Rows each second that the engine must carry.
const fn goal(place: &Place) -> f64 {
    match place {
        Place::Sqlite(_) => 20_000.0,
        Place::Postgres(_) => 12_000.0,
    }
}

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    program: &Program,
    size: Size,
) -> Result<()> {
    Report::part("import of a file, end to end");
    for lines in [Lines::ByTime, Lines::Shuffled] {
        let file = places.folder().join("reports.csv");
        write(&file, size.import_rows(), lines)?;
        both(report, places, program, &file, lines, size).await?;
    }
    Ok(())
}

/// How the lines of a file follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// As in what cities publish.
    ByTime,
    /// In no order at all: each row meets other pages of the indexes and another day of the figures.
    Shuffled,
}

impl Lines {
    const fn title(self) -> &'static str {
        match self {
            Self::ByTime => "rows in order of time",
            Self::Shuffled => "rows in no order",
        }
    }
}

async fn both(
    report: &mut Report,
    places: &Places,
    program: &Program,
    file: &Path,
    lines: Lines,
    size: Size,
) -> Result<()> {
    for engine in 0..2 {
        let mut rates = Vec::new();
        let mut last = None;
        let mut failed = None;
        for round in 0..size.rounds() {
            let [sqlite, postgres] =
                places.both(&format!("import-{lines:?}-{engine}-{round}").to_lowercase())?;
            let place = if engine == 0 { sqlite } else { postgres };
            match once(&place, program, file, size).await {
                Ok((rate, what)) => {
                    rates.push(rate);
                    last = Some((place, what));
                }
                Err(e) => {
                    failed = Some(format!("{} import: {e:#}", place.engine()));
                    break;
                }
            }
        }
        match (failed, last) {
            (None, Some((place, what))) => report.row(
                Row::new(
                    "import",
                    format!("{} import, {}", place.engine(), lines.title()),
                    Unit::PerSecond,
                    &rates,
                )
                .goal(Goal::AtLeast(goal(&place)))
                .note(what),
            ),
            (failed, _) => report.not_measured(failed.unwrap_or_else(|| "import".to_owned())),
        }
    }
    Ok(())
}

/// Rows each second, and what came of them.
async fn once(place: &Place, program: &Program, file: &Path, size: Size) -> Result<(f64, String)> {
    program
        .run(
            place,
            &[
                "tenant", "create", "--slug", "import", "--name", "Import", "--kind", "city",
            ],
        )
        .await?;
    let file = file.to_str().context("the folder's name is not UTF-8")?;
    let began = Instant::now();
    let said = program
        .run(
            place,
            &["civic", "import", file, "--tenant", "import", "--json"],
        )
        .await?;
    let took = began.elapsed();
    let answer: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or_default())
        .context("the import's last line is no JSON")?;
    let count = |name: &str| {
        answer
            .get(name)
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
    };
    let rows = size.import_rows() as u64;
    ensure!(
        count("created") == rows,
        "{rows} rows in the file, and the import says {answer}"
    );
    let reports = place.number("SELECT count(*) FROM civic_reports")?;
    let issues = place.number("SELECT count(*) FROM civic_issues")?;
    let clocks = place.number("SELECT count(*) FROM civic_sla_metrics")?;
    ensure!(
        u64::try_from(reports).is_ok_and(|n| n == rows),
        "{reports} of {rows} reports are there"
    );
    ensure!(
        issues > 0 && clocks == issues,
        "{issues} issues with {clocks} clocks"
    );
    Ok((
        float(rows) / took.as_secs_f64(),
        format!(
            "{rows} rows became {reports} reports and {issues} issues with their clocks; the program's start included"
        ),
    ))
}

/// A year of cases, a line each, in the service's own layout.
fn write(path: &Path, rows: usize, lines: Lines) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(
        out,
        "external_id,submitted_at,resolved_at,status,category,description,location,lat,lon"
    )?;
    let mut rng = Rng::with_seed(42);
    for row in 0..rows {
        let category = Category::ALL[rng.usize(0..Category::ALL.len())];
        let submitted = match lines {
            Lines::ByTime => END - YEAR + YEAR * i64::try_from(row)? / i64::try_from(rows)?,
            Lines::Shuffled => END - rng.i64(0..YEAR),
        };
        let resolved = (rng.u32(0..10) > 0).then(|| submitted + rng.i64(3_600..6 * 86_400));
        let (lat, lon, location) = seed::place(&mut rng, 0);
        writeln!(
            out,
            "{row},{},{},{},{},\"{}\",{location},{lat:.6},{lon:.6}",
            instant(submitted)?,
            resolved
                .map(instant)
                .transpose()?
                .map_or_else(String::new, |at| at.to_string()),
            if resolved.is_some() { "closed" } else { "open" },
            category.as_str(),
            seed::description(&mut rng, category),
        )?;
    }
    out.flush()?;
    Ok(())
}

fn instant(seconds: i64) -> Result<Timestamp> {
    Ok(Timestamp::from_second(seconds)?)
}
