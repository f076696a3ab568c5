//! How many short texts the rules classify per second on one core, and how often they agree with the labels.
//!
//! `cargo run --release -p brisk-civic --example classify_speed [LABELLED.ndjson]`
#![expect(clippy::print_stdout, reason = "a command-line tool prints its result")]

use brisk_civic::model::Category;
use brisk_civic::model::classify::Rules;
use serde::Deserialize;
use std::hint::black_box;
use std::time::{Duration, Instant};

const LABELLED: &str = include_str!("../data/labelled_en.ndjson");
const RUNS: usize = 5;
const RUN_TIME: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Labelled {
    text: String,
    category: Category,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args()
        .nth(1)
        .map(std::fs::read_to_string)
        .transpose()?;
    let labelled: Vec<Labelled> = file
        .as_deref()
        .unwrap_or(LABELLED)
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let rules = Rules::builtin();
    agreement(&rules, &labelled);

    let plain: Vec<String> = labelled.iter().map(|l| l.text.clone()).collect();
    let joined: Vec<String> = plain.windows(2).map(|pair| pair.join(". ")).collect();
    let accented: Vec<String> = plain
        .iter()
        .map(|text| format!("{text} \u{2013} caf\u{e9}"))
        .collect();
    for (name, texts) in [
        ("short", plain),
        ("two joined", joined),
        ("not ASCII", accented),
    ] {
        let chars: usize = texts.iter().map(String::len).sum();
        let mut rates: Vec<f64> = (0..RUNS).map(|_| rate(&rules, &texts)).collect();
        rates.sort_by(f64::total_cmp);
        println!(
            "{name:<11} {:>3} bytes on average: {:>9.0} texts/s (median of {RUNS}, {:.0} to {:.0})",
            chars / texts.len(),
            rates[RUNS / 2],
            rates[0],
            rates[RUNS - 1]
        );
    }
    Ok(())
}

fn rate(rules: &Rules, texts: &[String]) -> f64 {
    let start = Instant::now();
    let mut done = 0_u32;
    while start.elapsed() < RUN_TIME {
        for text in texts {
            black_box(rules.classify(black_box(text)));
            done += 1;
        }
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

fn agreement(rules: &Rules, labelled: &[Labelled]) {
    let mut table = [[0_u32; 6]; 6];
    for one in labelled {
        let got = rules.classify(&one.text).category;
        table[place(one.category)][place(got)] += 1;
    }
    let all: u32 = table.iter().flatten().sum();
    let right: u32 = (0..6).map(|i| table[i][i]).sum();
    let f1 = |i: usize| {
        let expected: u32 = table[i].iter().sum();
        let answered: u32 = table.iter().map(|row| row[i]).sum();
        f64::from(2 * table[i][i]) / f64::from((expected + answered).max(1))
    };
    let macro_f1 = (0..6).map(f1).sum::<f64>() / 6.0;
    println!(
        "accuracy {:.3} ({right} of {all}), macro-F1 {macro_f1:.3}",
        f64::from(right) / f64::from(all)
    );
    for category in Category::ALL {
        println!("  {:<14} F1 {:.3}", category.as_str(), f1(place(category)));
    }
}

fn place(category: Category) -> usize {
    Category::ALL.iter().take_while(|&&c| c != category).count()
}
