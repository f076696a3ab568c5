//! The detectors against recorded traces whose faults are known.
//!
//! Every trace was recorded from a real handler: those of `shelf.jsonl` are written for this, well and badly, those of
//! `civic.jsonl` are the service's own and innocent. What is held out was labelled before the rules were run on it, and
//! the rules were not changed for it. `crates/brisk/tests/it/corpus.rs` makes the files.

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::{FindingKind, Trace};
use brisk_telemetry::Rules;
use brisk_telemetry::findings::findings;
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    work: String,
    system: String,
    succeeded: bool,
    held_out: bool,
    expected: BTreeSet<(FindingKind, String)>,
    trace: Trace,
}

fn corpus() -> Vec<Recorded> {
    let files = [
        include_str!("../corpus/shelf.jsonl"),
        include_str!("../corpus/civic.jsonl"),
    ];
    let lines = files.iter().flat_map(|text| text.lines());
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// What was found rightly, found wrongly, and missed.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    right: u32,
    wrong: u32,
    missed: u32,
}

impl Score {
    fn precision(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.wrong).max(1))
    }

    fn recall(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.missed).max(1))
    }
}

fn judge(recorded: &Recorded, rules: Rules) -> BTreeSet<(FindingKind, String)> {
    findings(&recorded.trace, rules, recorded.succeeded)
        .into_iter()
        .filter(|f| f.excuse.is_none())
        .map(|f| (f.kind, f.statement))
        .collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
fn all_that_is_found_is_there_and_nearly_all_that_is_there_is_found() {
    let corpus = corpus();
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for recorded in &corpus {
        let found = judge(recorded, Rules { repeats: 2 });
        let expected = &recorded.expected;
        let part = if recorded.held_out {
            "held out"
        } else {
            "seen"
        };
        for (kind, statement) in found.union(expected) {
            let key = (*kind, statement.clone());
            let says = format!("{} on {}", recorded.work, recorded.system);
            for line in ["all".to_owned(), part.to_owned(), kind.to_string()] {
                let score = scores.entry(line).or_default();
                match (found.contains(&key), expected.contains(&key)) {
                    (true, true) => score.right += 1,
                    (true, false) => score.wrong += 1,
                    (false, _) => score.missed += 1,
                }
            }
            if !expected.contains(&key) {
                println!("wrongly: {kind} {statement} in {says}");
            } else if !found.contains(&key) {
                println!("missed: {kind} {statement} in {says}");
            }
        }
    }
    for (what, score) in &scores {
        let (precision, recall) = (score.precision(), score.recall());
        println!("{what}: precision {precision:.3}, recall {recall:.3}, {score:?}");
    }
    let all = scores["all"];
    assert_eq!(all.wrong, 0, "precision {}", all.precision());
    assert!(all.recall() >= 0.98, "recall {}", all.recall());
    assert_eq!(scores["held out"].wrong, 0);
}

#[test]
fn the_corpus_is_large_enough_and_a_third_of_it_is_held_out() {
    let corpus = corpus();
    let held_out = corpus.iter().filter(|r| r.held_out).count();
    let innocent = corpus.iter().filter(|r| r.expected.is_empty()).count();
    assert!(corpus.len() >= 100, "{}", corpus.len());
    assert!(
        held_out * 100 >= corpus.len() * 30,
        "{held_out} of {}",
        corpus.len()
    );
    assert!(
        innocent * 3 >= corpus.len(),
        "{innocent} of {}",
        corpus.len()
    );
}

#[test]
fn what_production_finds_is_there_and_loops_over_five_keys_are_among_it() {
    let mut loops = 0;
    for recorded in corpus() {
        let found = judge(&recorded, Rules::default());
        let (work, system) = (&recorded.work, &recorded.system);
        assert!(
            found.is_subset(&recorded.expected),
            "{work} on {system}: {found:?}"
        );
        loops += found
            .iter()
            .filter(|(kind, _)| *kind == FindingKind::NPlusOne)
            .count();
    }
    assert!(loops >= 30, "{loops}");
}
