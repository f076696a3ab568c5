//! The rules classifier: short texts each second on one core.

use std::hint::black_box;
use std::time::Instant;

use brisk_civic::model::classify::Rules;

use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const LABELLED: &str = include_str!("../../../services/civic/data/labelled_en.ndjson");

#[derive(serde::Deserialize)]
struct Labelled {
    text: String,
}

pub(super) fn measure(report: &mut Report, size: Size) {
    let texts: Vec<String> = LABELLED
        .lines()
        .map(|line| {
            serde_json::from_str::<Labelled>(line)
                .expect("the labelled texts of the repository are NDJSON")
                .text
        })
        .collect();
    let rules = Rules::builtin();
    let bytes: usize = texts.iter().map(String::len).sum();
    let rates: Vec<f64> = (0..size.rounds())
        .map(|_| rate(&rules, &texts, size))
        .collect();
    Report::part("rules classifier");
    report.row(
        Row::new(
            "classifier",
            "short texts classified on one core",
            Unit::PerSecond,
            &rates,
        )
        .goal(Goal::AtLeast(50_000.0))
        .note(format!(
            "{} bytes on average, one thread",
            bytes / texts.len()
        )),
    );
}

fn rate(rules: &Rules, texts: &[String], size: Size) -> f64 {
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < size.round() / 2 {
        for text in texts {
            black_box(rules.classify(black_box(text)));
            done += 1;
        }
    }
    float(done) / began.elapsed().as_secs_f64()
}
