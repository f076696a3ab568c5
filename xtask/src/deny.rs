//! cargo-deny: licences, banned crates and sources always, advisories where their database can be reached.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use brisk_testkit::servers::find::on_path;

use crate::check::passes;
use crate::cmd;
use crate::report::seconds;

/// The database has a few megabytes; a network that needs longer counts as none.
const FETCH_LIMIT: Duration = Duration::from_mins(1);

pub(crate) fn check() -> Result<Vec<String>> {
    let program = find_or_install()?;
    let mut findings = passes(
        deny(&program).args(["check", "bans", "licenses", "sources"]),
        "mend what cargo-deny printed above; deny.toml holds the lists",
    )?;
    if fetch(&program)? {
        findings.extend(passes(
            deny(&program).args(["check", "--disable-fetch", "advisories"]),
            "update the crate that has the advisory",
        )?);
    } else {
        println!("   advisories NOT CHECKED: the RustSec database cannot be reached from here");
    }
    Ok(findings)
}

fn deny(program: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--log-level", "warn", "--all-features"])
        .current_dir(cmd::root());
    command
}

/// On the path, else under `target/tools`, else installed there.
fn find_or_install() -> Result<PathBuf> {
    let folder = cmd::target().join("tools");
    let installed = folder.join("bin/cargo-deny");
    if let Some(program) =
        on_path("cargo-deny").or_else(|| installed.exists().then(|| installed.clone()))
    {
        return Ok(program);
    }
    println!(
        "   cargo-deny is not installed; `cargo install` builds it once into target/tools (2 to 10 minutes; --no-deny goes without)"
    );
    let began = Instant::now();
    let build = folder.join("build");
    cmd::run(
        cmd::cargo(&["install", "--quiet", "--locked", "cargo-deny", "--root"])
            .arg(&folder)
            .arg("--target-dir")
            .arg(&build),
    )
    .context(
        "cannot install cargo-deny; install it by hand with `cargo install cargo-deny --locked`",
    )?;
    println!(
        "   cargo-deny is installed after {}",
        seconds(began.elapsed())
    );
    std::fs::remove_dir_all(&build).context("cannot remove what the installation left behind")?;
    Ok(installed)
}

/// Brings the advisories up to date; false when they cannot be reached.
fn fetch(program: &PathBuf) -> Result<bool> {
    let fetching = deny(program)
        .args(["fetch", "db"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start cargo-deny")?;
    ends_well_within(fetching, FETCH_LIMIT)
}

/// Whether a program succeeds in time; afterwards it is ended by its process id.
fn ends_well_within(child: Child, limit: Duration) -> Result<bool> {
    let pid = child.id();
    let (sender, outcome) = channel();
    let waiting = thread::spawn(move || {
        let mut child = child;
        // The receiver has left when the limit passed; then nobody wants to know.
        drop(sender.send(child.wait()));
    });
    if let Ok(status) = outcome.recv_timeout(limit) {
        return Ok(status?.success());
    }
    cmd::run(Command::new("kill").arg(pid.to_string()))?;
    drop(waiting.join());
    Ok(false)
}
