//! `cargo xtask check`: what has to hold before a change is shown to anybody.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::report::Report;
use crate::{cmd, deny, manifests, rules, tools};

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out cargo-deny, which may have to be installed first (a few minutes, once).
    #[arg(long)]
    no_deny: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let root = cmd::root();
    let members = manifests::members(root)?;
    let files = rules::files(root)?;
    let mut report = Report::default();

    report.step("floors", || Ok(rules::floors(&members)));
    report.step("inheritance", || Ok(rules::inheritance(&members)));
    report.step("readmes", || Ok(rules::readmes(root, &members)));
    report.step("migrations", || rules::migrations(root, &members));
    report.step("lengths", || {
        rules::lengths(root, &files, rules::LONGER_FILES)
    });
    report.step("quotes", || rules::quotes(root, &files));
    report.step("places", || Ok(rules::places(root, &files)));
    report.step("tools", || tools::compare(root));
    report.step("format", || {
        passes(
            &mut cmd::cargo(&["fmt", "--all", "--check"]),
            "run `cargo fmt`",
        )
    });
    report.step("clippy", || {
        let mut clippy = cmd::cargo(&["clippy", "--quiet", "--workspace", "--all-targets"]);
        passes(
            clippy.args(["--", "-D", "warnings"]),
            "mend what clippy printed above",
        )
    });
    report.step("documentation", || {
        let mut doc = cmd::cargo(&[
            "doc",
            "--quiet",
            "--workspace",
            "--all-features",
            "--no-deps",
        ]);
        passes(
            doc.env("RUSTDOCFLAGS", "-D warnings"),
            "mend what rustdoc printed above",
        )
    });
    if options.no_deny {
        println!(
            "== dependencies\n   NOT CHECKED: --no-deny leaves out licences, bans, sources and advisories"
        );
    } else {
        report.step("dependencies", deny::check);
    }
    report.end(began)
}

/// Runs a tool that prints its own findings; `mend` says what to do when it fails.
pub(crate) fn passes(command: &mut Command, mend: &str) -> Result<Vec<String>> {
    let status = cmd::status(command)?;
    Ok(if status.success() {
        Vec::new()
    } else {
        vec![format!(
            "`{}` ended with {status}: {mend}",
            cmd::spelled(command)
        )]
    })
}
