//! Reads an import file without storing anything and prints what an import would meet.
//!
//! `cargo run --release -p brisk-civic --example import_dry FILE [ZONE] [PRESET]`
#![expect(clippy::print_stdout, reason = "a command line tool")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::time::Instant;

use brisk_civic::import::{Agreement, Options, Outcome, Preset, Reader, Repeat, Repeats};
use jiff::tz::TimeZone;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or("usage: import_dry FILE [ZONE] [PRESET]")?;
    let zone = args.next().unwrap_or_else(|| "America/New_York".to_owned());
    let mut options = Options::new(TimeZone::get(&zone)?);
    if let Some(word) = args.next() {
        options.preset = Some(Preset::parse(&word).ok_or("no such preset")?);
    }
    let bare = time_alone(&path, options.clone())?;

    let mut reader = Reader::open(File::open(&path)?, options)?;
    println!("layout      {}", reader.layout().preset());
    let mut failed: BTreeMap<&str, (u64, String)> = BTreeMap::new();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut agreement = Agreement::default();
    let mut repeats = Repeats::default();
    while let Some(outcome) = reader.next_row()? {
        let row = match outcome {
            Outcome::Row(row) => row,
            Outcome::Failed(error) => {
                let entry = failed.entry(error.code.as_str()).or_default();
                entry.0 += 1;
                entry.1 = format!("row {}: {}", error.row_no, error.message);
                continue;
            }
        };
        agreement.add(&row);
        let mut count = |what: String| *sums.entry(what).or_default() += 1;
        match repeats.check(&row) {
            Repeat::First => {}
            Repeat::Identical => count("repeat      identical".to_owned()),
            Repeat::Other => count("repeat      other content".to_owned()),
            Repeat::Unknown => count("repeat      not remembered".to_owned()),
        }
        count(format!(
            "category    {}",
            row.category.map_or("(none)", |category| category.as_str())
        ));
        count(format!("status      {}", row.status.as_str()));
        count(format!(
            "place       {}",
            if row.lat.is_some() { "degrees" } else { "none" }
        ));
        if row.composed {
            count("description composed".to_owned());
        }
        if row.attributes.contains_key("import_notes") {
            count("mended      rows with a note".to_owned());
        }
        if row
            .closed_at
            .is_some_and(|closed| closed < row.submitted_at)
        {
            count("times       closed before opened".to_owned());
        }
    }
    let counts = reader.counts();
    println!(
        "read        {}\nok          {}\nfailed      {}",
        counts.read, counts.rows, counts.failed
    );
    for (code, (count, last)) in &failed {
        println!("  {code} {count} (last: {last})");
    }
    for (what, count) in &sums {
        println!("{what} {count}");
    }
    println!("verdict     {agreement:?}");
    if let Some(share) = agreement.share() {
        println!("agreement   {:.4} %", share * 100.0);
    }
    println!("reading     {bare:.0} rows/s");
    Ok(())
}

/// Rows per second of the reader alone.
fn time_alone(path: &str, options: Options) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut reader = Reader::open(File::open(path)?, options)?;
    while reader.next_row()?.is_some() {}
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    let rows = reader.counts().read as f64;
    Ok(rows / start.elapsed().as_secs_f64())
}
