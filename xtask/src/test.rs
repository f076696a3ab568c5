//! `cargo xtask test`: every test on both engines, with servers that belong to this run.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use brisk_testkit::servers::Durability;

use crate::cmd;
use crate::engines::Engines;
use crate::report::seconds;

/// Tells a test to take its long form.
const FULL: &str = "BRISK_TEST_FULL";

/// Options of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this package; may be repeated.
    #[arg(short, long)]
    package: Vec<String>,
    /// Only tests whose name contains one of these.
    filter: Vec<String>,
    /// The long forms of those that have one, one test after the other: minutes instead of seconds.
    #[arg(long)]
    full: bool,
}

/// Tests that have a long form: histories under faults, the change stream's checker, kills, the detectors' corpus, caches
/// against generated writes and against each other, what `brisk new` makes.
const SUITES: [&str; 11] = [
    "history::",
    "capture::checker::",
    "capture::disturbed::",
    "faults::",
    "durability::",
    "detect",
    "corpus::",
    "findings::",
    "conformance::",
    "generated::",
    "a_new_service_builds",
];

/// Runs the fault and detector suites in full length.
pub(crate) fn suites() -> Result<()> {
    println!("\nfault and detector suites in full length, one after the other:");
    run(&Options {
        package: Vec::new(),
        filter: SUITES.map(str::to_owned).to_vec(),
        full: true,
    })
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let engines = Engines::start(Durability::Scratch)?
        .with_browser()?
        .with_pooler()?
        .with_provider()?;
    let mut command = cmd::cargo(&["test", "--no-fail-fast"]);
    if options.package.is_empty() {
        command.arg("--workspace");
    }
    for package in &options.package {
        command.args(["--package", package]);
    }
    command.arg("--").args(&options.filter);
    if options.full {
        // Their bounds in time are for a machine that does nothing else.
        command.arg("--test-threads=1").env(FULL, "1");
    }
    engines.export(&mut command);

    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child
        .stdout
        .take()
        .expect("the output was asked for as a pipe");
    let mut sum = Sum::default();
    let mut terminal = std::io::stdout().lock();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read what the tests print")?;
        terminal.write_all(&line)?;
        terminal.write_all(b"\n")?;
        terminal.flush()?;
        sum.add(&String::from_utf8_lossy(&line));
    }
    drop(terminal);
    let status = child.wait().context("cannot wait for cargo")?;
    drop(engines);

    for name in &sum.failures {
        println!("failed: {name}");
    }
    println!(
        "\n{} passed, {} failed, {} skipped in {}",
        sum.passed,
        sum.failed,
        sum.skipped,
        seconds(began.elapsed())
    );
    if !status.success() {
        bail!("cargo test ended with {status}");
    }
    if sum.passed == 0 {
        bail!(
            "no test was run; is `{}` spelled right?",
            options.filter.join(" ")
        );
    }
    Ok(())
}

/// The results of all test binaries together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
}

impl Sum {
    fn add(&mut self, line: &str) {
        if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let counts = counts.split_once(". ").map_or(counts, |(_, counts)| counts);
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else {
                continue;
            };
            let place = match what {
                "passed" => &mut self.passed,
                "failed" => &mut self.failed,
                "ignored" => &mut self.skipped,
                _ => continue,
            };
            *place += number.parse::<u64>().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_are_added() {
        let mut sum = Sum::default();
        for line in [
            "running 3 tests",
            "test a::b ... ok",
            "test a::c ... FAILED",
            "test result: FAILED. 5 passed; 1 failed; 2 ignored; 0 measured; 9 filtered out; finished in 0.01s",
            "test result: ok. 30 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s",
            "test result: said by a test itself",
        ] {
            sum.add(line);
        }
        assert_eq!(
            sum,
            Sum {
                passed: 35,
                failed: 1,
                skipped: 3,
                failures: vec!["a::c".to_owned()],
            }
        );
    }
}
