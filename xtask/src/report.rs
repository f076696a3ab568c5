//! Steps with their durations, and all findings together at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What was found wrong so far; nothing stops at the first finding.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<(&'static str, String)>,
}

impl Report {
    /// Runs one step and prints how long it took; its findings say what to mend.
    pub(crate) fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<Vec<String>>) {
        println!("== {name}");
        let began = Instant::now();
        let findings = step().unwrap_or_else(|error| vec![format!("{error:#}")]);
        for finding in &findings {
            println!("   {finding}");
        }
        let word = if findings.is_empty() { "ok" } else { "FAILED" };
        println!("   {name}: {word} in {}", seconds(began.elapsed()));
        self.findings
            .extend(findings.into_iter().map(|finding| (name, finding)));
    }

    /// Lists every finding again; fails when there is one.
    pub(crate) fn end(self, began: Instant) -> Result<()> {
        let took = seconds(began.elapsed());
        if self.findings.is_empty() {
            println!("\nall checks passed in {took}");
            return Ok(());
        }
        println!("\nto mend:");
        for (step, finding) in &self.findings {
            println!("  [{step}] {finding}");
        }
        bail!("{} findings in {took}", self.findings.len());
    }
}

/// A duration with a tenth of a second, such as `12.3 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
