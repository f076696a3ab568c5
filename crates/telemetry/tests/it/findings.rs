use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_core::{FindingKind, Site, Trace};
use brisk_telemetry::findings::findings;
use brisk_telemetry::{Finding, Rules};
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

fn finding(statement: &str, excuse: Option<&str>) -> Finding {
    Finding {
        kind: FindingKind::SerialReads,
        statement: statement.to_owned(),
        site: Site {
            file: "src/a.rs".into(),
            line: 7,
            column: 3,
        },
        count: 3,
        time: Duration::from_millis(2),
        advice: "read them together".to_owned(),
        excuse: excuse.map(str::to_owned),
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_finding_is_kept_once_logged_once_and_not_at_all_where_it_is_meant() {
    let perf = crate::perf();
    let lines = Lines::default();
    let writer = lines.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..3 {
            perf.found("GET /a", finding("a.list", None));
        }
        perf.found("GET /a", finding("a.other", Some("on purpose")));
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.matches("a.list").count(), 1, "{text}");
    for part in ["serial_reads", "GET /a", "src/a.rs:7", "read them together"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("a.other"), "{text}");
    let found = serde_json::to_value(perf.snapshot()).unwrap()["findings"].clone();
    assert_eq!(found[0]["where"], "GET /a");
    assert_eq!(
        (
            &found[0]["times"],
            &found[0]["statements_max"],
            &found[0]["total_ms"]
        ),
        (&3.into(), &3.into(), &6.0.into())
    );
    assert_eq!(found[1]["excuse"], "on purpose");
}

#[test]
fn different_findings_are_bounded() {
    let perf = crate::perf();
    for i in 0..1_000 {
        perf.found("GET /a", finding(&format!("a.{i}"), Some("many")));
    }
    assert_eq!(perf.findings().len(), 256);
}

/// Three reads one after the other; those before `meant` are meant to stand in a row.
fn in_a_row(meant: usize) -> Trace {
    let event = |i: usize| {
        let mut event = json!({
            "s": format!("shelf.list_{i}"), "at": {"file": "a.rs", "line": i, "column": 1},
            "b": i * 10, "e": i * 10 + 5, "a": "list",
        });
        if i < meant {
            event["ex"] = json!({"kind": "serial_reads", "reason": "on purpose"});
        }
        event
    };
    serde_json::from_value(json!({"events": [event(0), event(1), event(2)]})).unwrap()
}

#[test]
fn reads_that_are_meant_to_stand_in_a_row_excuse_no_others() {
    let excuses = |meant| {
        let found = findings(&in_a_row(meant), Rules::default(), true);
        found.into_iter().map(|f| f.excuse).collect::<Vec<_>>()
    };
    assert_eq!(excuses(0), [None]);
    assert_eq!(excuses(3), [Some("on purpose".to_owned())]);
    // Two and one make no run.
    assert!(excuses(2).is_empty());
}
