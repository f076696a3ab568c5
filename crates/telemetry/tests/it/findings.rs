use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_core::{FindingKind, Site};
use brisk_telemetry::Finding;
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
