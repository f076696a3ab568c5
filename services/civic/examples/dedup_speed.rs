//! How many reports find their issue per second on one core, among ten thousand active issues found by grid cells.
//!
//! Each report is classified, prepared, looked up in the grid and compared. `cargo run --release -p brisk-civic
//! --example dedup_speed`
#![expect(clippy::print_stdout, reason = "a command-line tool prints its result")]

use brisk_civic::model::classify::Rules;
use brisk_civic::model::geo::Point;
use brisk_civic::model::grid::{grid_cell, neighbour_cells};
use brisk_civic::model::similarity::{
    Decision, Features, Incoming, Known, Place, Standing, Tuning, best,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Instant;

const LABELLED: &str = include_str!("../data/labelled_en.ndjson");
const ISSUES: usize = 10_000;
const REPORTS: usize = 20_000;
const RUNS: usize = 5;

#[derive(Deserialize)]
struct Labelled {
    text: String,
}

/// A small generator, so that every run sees the same city (`SplitMix64`).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).expect("32 bits remain")) / f64::from(u32::MAX)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let texts = LABELLED
        .lines()
        .map(|line| Ok(serde_json::from_str::<Labelled>(line)?.text))
        .collect::<Result<Vec<_>, serde_json::Error>>()?;
    for (name, km) in [
        ("a city of 20 km by 20 km", 20.0),
        ("a district of 5 km by 5 km", 5.0),
        ("a campus of 2 km by 2 km", 2.0),
    ] {
        run(name, km, &texts)?;
    }
    Ok(())
}

fn run(name: &str, km: f64, texts: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let mut draws = Draws(7);
    let now: Timestamp = "2026-05-01T12:00:00Z".parse()?;
    let rules = Rules::builtin();
    let tuning = Tuning::default();
    let mut cells: HashMap<i64, Vec<Known>> = HashMap::new();
    for id in (1..).take(ISSUES) {
        let point = somewhere(&mut draws, km)?;
        let first = &texts[draws.below(texts.len())];
        let class = rules.classify(first);
        let last = now - SignedDuration::from_hours(i64::try_from(draws.below(480))?);
        cells.entry(grid_cell(point)).or_default().push(Known {
            id,
            category: class.category,
            anchor: class.anchor,
            place: Place::new(Some(point), Some("Main Street")),
            texts: (0..4)
                .map(|i| {
                    Features::new(&if i == 0 {
                        first.clone()
                    } else {
                        format!("{first} {i} again")
                    })
                })
                .collect(),
            created_at: last,
            last_report_at: last,
            standing: Standing::Active,
            zone: None,
            radius_m: None,
            window_days: None,
        });
    }
    let reports = (0..REPORTS)
        .map(|_| {
            Ok((
                texts[draws.below(texts.len())].as_str(),
                somewhere(&mut draws, km)?,
            ))
        })
        .collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;

    let (mut compared, mut linked, mut review) = (0, 0, 0);
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        (compared, linked, review) = (0, 0, 0);
        let start = Instant::now();
        for &(text, point) in &reports {
            let class = rules.classify(text);
            let report = Incoming {
                category: class.category,
                anchor: class.anchor,
                place: Place::new(Some(point), Some("Main Street")),
                text: Features::new(text),
                at: now,
                zone: None,
            };
            let near = neighbour_cells(point, tuning.search_m());
            let issues = near
                .iter()
                .filter_map(|cell| cells.get(cell))
                .flatten()
                .inspect(|_| compared += 1);
            match best(&tuning, &report, issues) {
                Decision::Link(_) => linked += 1,
                Decision::Review(_) => review += 1,
                Decision::New => {}
            }
        }
        rates.push(f64::from(u32::try_from(REPORTS)?) / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    println!(
        "{name}: {:.0} reports/s (median of {RUNS}, {:.0} to {:.0}), {} candidates per report, {linked} linked, {review} for review",
        rates[RUNS / 2],
        rates[0],
        rates[RUNS - 1],
        compared / REPORTS,
    );
    Ok(())
}

fn somewhere(draws: &mut Draws, km: f64) -> Result<Point, Box<dyn std::error::Error>> {
    let degrees = km / 111.2;
    Ok(Point::new(
        48.1 + degrees * draws.share(),
        16.2 + degrees / 0.667 * draws.share(),
    )?)
}
