//! For the tests of any service: a wasteful request or job fails the test that made it.
//!
//! Start the app with [`STRICT`] among its settings and hold [`NoFindings`] while it runs:
//!
//! ```ignore
//! let running = app.check()?.open().await?.start().await?;
//! let _clean = brisk::testing::NoFindings::of(running.kit());
//! ```

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use brisk_telemetry::{FoundStats, PerfStats};
use serde_json::json;

use crate::Kit;

/// Settings under which every request and job is looked at, and two statements are N+1.
pub const STRICT: [(&str, &str); 2] = [
    ("telemetry.trace_one_in", "1"),
    ("telemetry.n_plus_one", "2"),
];

/// Fails the test in which it is dropped when the detectors found something. What is meant to be so is said in the code,
/// with [`Session::expecting`](brisk_db::Session::expecting).
#[derive(Debug)]
#[must_use = "dropped at once it sees nothing"]
pub struct NoFindings(Arc<PerfStats>);

impl NoFindings {
    /// Watches the app of this kit.
    pub fn of(kit: &Kit) -> Self {
        Self(Arc::clone(&kit.perf))
    }

    /// What was found so far and is not meant to be so.
    pub fn so_far(&self) -> Vec<FoundStats> {
        let mut all = self.0.findings();
        all.retain(|finding| finding.excuse.is_none());
        all
    }
}

impl Drop for NoFindings {
    fn drop(&mut self) {
        // A test that fails already has its own reason.
        if std::thread::panicking() {
            return;
        }
        let found = self.so_far();
        let mut text = String::new();
        for f in &found {
            let times = f.statements_max;
            let line = format!(
                "\n{}: {} asks {} {times} times ({}); {}",
                f.kind, f.work, f.statement, f.site, f.advice
            );
            text.push_str(&line);
        }
        assert!(
            found.is_empty(),
            "the database is asked in a wasteful way:{text}"
        );
    }
}

/// Appends each trace of this app to `file`, one line of JSON with whose it is and whether it succeeded; for corpora.
///
/// # Errors
///
/// When the file cannot be opened.
pub fn record(kit: &Kit, file: &Path) -> std::io::Result<()> {
    let file = File::options().create(true).append(true).open(file)?;
    let file = Mutex::new(file);
    let system = kit.db.system().as_str();
    kit.perf.tap(move |work, trace, succeeded| {
        let mut line = String::new();
        let value = json!({"work": work, "system": system, "succeeded": succeeded, "trace": trace});
        if writeln!(line, "{value}").is_ok() {
            let mut file = file.lock().expect("no holder of this lock can panic");
            if let Err(e) = file.write_all(line.as_bytes()) {
                tracing::warn!(error = %e, "a trace was not recorded");
            }
        }
    });
    Ok(())
}
