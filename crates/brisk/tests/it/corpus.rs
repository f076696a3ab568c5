//! The corpus of `brisk-telemetry`: its labels are those of the shelf. Where `BRISK_TEST_CORPUS` says `make`, it is made
//! anew from recorded traces first, which is needed when what a trace holds has changed:
//!
//! ```text
//! export BRISK_TEST_RECORD_SHELF=DIR BRISK_TEST_RECORD=DIR/civic.jsonl
//! cargo test -p brisk --test it detectors; cargo test -p brisk-civic --test it
//! BRISK_TEST_CORPUS=make cargo test -p brisk --test it corpus
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn events(line: &Value) -> usize {
    line["trace"]["events"].as_array().unwrap().len()
}

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../telemetry/tests/corpus")
        .join(name)
}

fn write(name: &str, lines: &[Value]) {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    std::fs::write(stored(name), lines.join("\n") + "\n").unwrap();
}

/// Requests of one engine and jobs of the other.
const WAYS: [(&str, &str); 2] = [("sqlite", "GET /v1/"), ("postgresql", "job ")];

fn make() {
    let folder = PathBuf::from(std::env::var_os("BRISK_TEST_RECORD_SHELF").unwrap());
    let mut recorded = BTreeMap::new();
    for (system, way) in WAYS {
        for line in lines(&folder.join(format!("{system}.jsonl"))) {
            let work = line["work"].as_str().unwrap();
            if work.starts_with(way) {
                recorded.insert(work.to_owned(), line);
            }
        }
    }
    let mut shelf = Vec::new();
    for case in crate::shelf::all() {
        for (_, way) in WAYS {
            let mut line = recorded.remove(&format!("{way}{}", case.name)).unwrap();
            line["held_out"] = json!(case.held_out);
            line["expected"] = json!(case.expected);
            shelf.push(line);
        }
    }
    write("shelf.jsonl", &shelf);
    // The longest of each route and job on each engine. None of them may ask wastefully, or its own test fails.
    let mut longest: BTreeMap<(String, String), Value> = BTreeMap::new();
    let civic = PathBuf::from(std::env::var_os("BRISK_TEST_RECORD").unwrap());
    for line in lines(&civic) {
        let of = |key: &str| line[key].as_str().unwrap().to_owned();
        let kept = longest
            .entry((of("work"), of("system")))
            .or_insert(Value::Null);
        if events(&line) > 1 && (kept.is_null() || events(&line) > events(kept)) {
            *kept = line;
        }
    }
    let mut civic: Vec<_> = longest.into_values().filter(|l| !l.is_null()).collect();
    for (i, line) in civic.iter_mut().enumerate() {
        line["held_out"] = json!(i % 3 == 2);
        line["expected"] = json!([]);
    }
    write("civic.jsonl", &civic);
}

#[test]
fn the_labels_of_the_corpus_are_those_of_the_shelf() {
    if std::env::var("BRISK_TEST_CORPUS").is_ok_and(|word| word == "make") {
        make();
    }
    let mut labelled = BTreeMap::new();
    for line in lines(&stored("shelf.jsonl")) {
        let work = line["work"].as_str().unwrap().to_owned();
        labelled.insert((work, line["system"].as_str().unwrap().to_owned()), line);
    }
    for case in crate::shelf::all() {
        for (system, way) in WAYS {
            let work = format!("{way}{}", case.name);
            let line = labelled.remove(&(work.clone(), system.to_owned()));
            let line = line.unwrap_or_else(|| panic!("{work} on {system} is not in the corpus"));
            assert_eq!(line["held_out"], json!(case.held_out), "{work}");
            assert_eq!(line["expected"], json!(case.expected), "{work}");
        }
    }
    let nowhere: Vec<_> = labelled.keys().collect();
    assert!(nowhere.is_empty(), "no case of the shelf: {nowhere:?}");
    for line in lines(&stored("civic.jsonl")) {
        assert_eq!(line["expected"], json!([]), "{}", line["work"]);
    }
}
