//! Where a run happened: processor, memory, disk and commit.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::rounds::float;

/// What of the machine the figures depend on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: f64,
    kernel: String,
    /// Load of the last minute when the run began; above a few tenths somebody else is at work here.
    load: f64,
    file_system: String,
    /// 4-KiB appends with `fdatasync` each, one after the other, each second.
    syncs_per_s: f64,
    commit: String,
}

impl Machine {
    /// Looks at this machine; `folder` is where the databases will be.
    pub(crate) fn look(folder: &Path) -> Result<Self> {
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
            .map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned());
        let memory_kib = read("/proc/meminfo")
            .lines()
            .find_map(|line| {
                line.strip_prefix("MemTotal:")?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or(0_u64);
        Ok(Self {
            processor,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_gib: float(memory_kib) / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
            file_system: said(Command::new("stat").args(["-f", "-c", "%T"]).arg(folder)),
            syncs_per_s: syncs(folder)?,
            commit: said(Command::new("git").args([
                "describe",
                "--always",
                "--dirty",
                "--abbrev=12",
            ])),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "machine: {}, {} cores, {:.0} GiB, Linux {}, load {:.2} at the beginning",
            self.processor, self.cores, self.memory_gib, self.kernel, self.load
        )?;
        writeln!(
            f,
            "disk:    {}, {:.0} synced 4-KiB appends/s by one writer",
            self.file_system, self.syncs_per_s
        )?;
        write!(f, "commit:  {}", self.commit)
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first line that a program prints; empty when it cannot be asked.
fn said(command: &mut Command) -> String {
    command
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// What one writer can make durable by itself: the ceiling of one commit for each row.
fn syncs(folder: &Path) -> Result<f64> {
    let mut file =
        tempfile::tempfile_in(folder).context("cannot write where the databases will be")?;
    let began = Instant::now();
    let mut count = 0_u64;
    while began.elapsed() < Duration::from_millis(500) {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(float(count) / began.elapsed().as_secs_f64())
}

/// Bytes that this process has given to the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written(u64);

impl Written {
    pub(crate) fn now() -> Self {
        Self(written())
    }

    /// Bytes since then.
    pub(crate) fn until_now(self) -> f64 {
        float(written().saturating_sub(self.0))
    }
}

fn written() -> u64 {
    read("/proc/self/io")
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:")?.trim().parse().ok())
        .unwrap_or(0)
}
