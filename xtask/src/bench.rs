//! `cargo xtask bench NAME`: one benchmark, with servers that keep what they accept. The long run of `db` ends with the
//! fault and detector suites in full length.

use std::path::PathBuf;

use anyhow::{Result, bail};
use brisk_testkit::servers::Durability;

use crate::cmd;
use crate::engines::Engines;
use crate::test;

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to measure, such as civic, db or cache.
    name: String,
    /// Fewer and shorter rounds, to see that it runs; its figures prove nothing.
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// More rounds and full-size data; for `db` without `--part` also the fault and detector suites in full length.
    #[arg(long)]
    long: bool,
    /// Writes the figures to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// These parts of the benchmark only, parted by commas.
    #[arg(long, value_name = "NAMES")]
    part: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let manifest = cmd::root().join("bench/Cargo.toml");
    if !manifest.exists() {
        bail!("bench/Cargo.toml does not exist, so there is nothing to measure with");
    }
    let engines = Engines::start(Durability::Full)?;
    let mut command = cmd::cargo(&["run", "--release", "--manifest-path"]);
    command.arg(manifest).arg("--").arg(&options.name);
    for (wanted, flag) in [(options.quick, "--quick"), (options.long, "--long")] {
        if wanted {
            command.arg(flag);
        }
    }
    if let Some(part) = &options.part {
        command.args(["--part", part]);
    }
    if let Some(file) = &options.json {
        command.arg("--json").arg(std::path::absolute(file)?);
    }
    engines.export(&mut command);
    cmd::run(&mut command)?;
    if options.long && options.name == "db" && options.part.is_none() {
        // The suites have servers of their own, which flush nothing.
        drop(engines);
        test::suites()?;
    }
    Ok(())
}
