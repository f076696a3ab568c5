//! Makes the corpus of `brisk-telemetry` from recorded traces; run by hand when what a trace holds has changed.
//!
//! ```text
//! export BRISK_TEST_RECORD_SHELF=DIR BRISK_TEST_RECORD=DIR/civic.jsonl
//! cargo test -p brisk --test it detectors; cargo test -p brisk-civic --test it
//! cargo test -p brisk --test it corpus -- --ignored
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

fn write(name: &str, lines: &[Value]) {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../telemetry/tests/corpus");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), lines.join("\n") + "\n").unwrap();
}

#[test]
#[ignore = "writes the corpus from recorded traces, by hand"]
fn make_corpus() {
    let folder = PathBuf::from(std::env::var_os("BRISK_TEST_RECORD_SHELF").unwrap());
    // Requests of one engine and jobs of the other.
    let mut recorded = BTreeMap::new();
    for (system, way) in [("sqlite", "GET /v1/"), ("postgresql", "job ")] {
        for line in lines(&folder.join(format!("{system}.jsonl"))) {
            if let Some(name) = line["work"].as_str().unwrap().strip_prefix(way) {
                recorded.insert((name.to_owned(), system), line);
            }
        }
    }
    let mut shelf = Vec::new();
    for case in crate::shelf::all() {
        for system in ["sqlite", "postgresql"] {
            let Some(mut line) = recorded.remove(&(case.name.to_owned(), system)) else {
                continue;
            };
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
    let mut civic = Vec::new();
    for (i, line) in longest.into_values().filter(|l| !l.is_null()).enumerate() {
        let mut line = line;
        line["held_out"] = json!(i % 3 == 2);
        line["expected"] = json!([]);
        civic.push(line);
    }
    write("civic.jsonl", &civic);
}
