//! `SeaORM` with its pool, in a program of its own that runs the rounds it is told to.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::table::Ask;
use crate::rounds::Size;

/// The program; ends with this value.
#[derive(Debug)]
pub(super) struct SeaOrm {
    _child: Child,
    rounds: ChildStdin,
    rates: Lines<BufReader<ChildStdout>>,
}

impl SeaOrm {
    /// Builds and starts it.
    pub(super) fn start(url: &str) -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("sea-orm/Cargo.toml");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut child = Command::new(cargo)
            .args(["run", "--release", "--quiet", "--manifest-path"])
            .arg(manifest)
            .args(["--", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let rounds = child.stdin.take().context("its input is piped")?;
        let rates = child.stdout.take().context("its output is piped")?;
        Ok(Self {
            _child: child,
            rounds,
            rates: BufReader::new(rates).lines(),
        })
    }

    /// Answers each second.
    pub(super) async fn rate(
        &mut self,
        ask: Ask,
        callers: usize,
        round: usize,
        size: Size,
    ) -> Result<f64> {
        let ask = match ask {
            Ask::Page => "page",
            Ask::ById => "by-id",
            Ask::ByIds => "by-ids",
            Ask::Insert => "insert",
        };
        let millis = size.round().as_millis();
        let line = format!("{ask} {callers} {millis} {round}\n");
        self.rounds.write_all(line.as_bytes()).await?;
        self.rounds.flush().await?;
        match self.rates.next_line().await? {
            Some(rate) => rate
                .parse()
                .context("SeaORM's program did not answer a rate"),
            None => bail!("SeaORM's program has ended"),
        }
    }
}
