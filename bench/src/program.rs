//! The program itself: the release binary `brisk`, started as a child and ended by its own id.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};

use crate::engine::Place;
use crate::load::{Ask, callers};

/// The longest that a start may take before it counts as failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks whether a starting server is ready; bounds the error of the time to ready.
const LOOK: Duration = Duration::from_millis(1);

/// At least 32 characters, as PostgreSQL asks for one; it protects nothing here.
const MASTER_KEY: &str = "a-master-key-of-a-measurement-and-nothing-else";

/// The built program: a copy, so that a later build does not change what is measured.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// Builds it as a user does and puts it into `folder`.
    pub(crate) async fn build(folder: &Path) -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([
                "build",
                "--release",
                "--bin",
                "brisk",
                "--message-format",
                "json-render-diagnostics",
            ])
            .arg("--manifest-path")
            .arg(manifest)
            .stderr(Stdio::inherit())
            .output()
            .await?;
        if !output.status.success() {
            bail!("cargo build --release --bin brisk: {}", output.status);
        }
        let built = String::from_utf8(output.stdout)?
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
            .context("cargo did not say where the program is")?;
        let path = folder.join("brisk");
        std::fs::copy(&built, &path).with_context(|| format!("cannot copy {}", built.display()))?;
        Ok(Self { path })
    }

    fn command(&self, place: &Place) -> Command {
        let mut command = Command::new(&self.path);
        // It takes every variable of that beginning for a setting, and ours are none of its own.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("BRISK_")) {
                command.env_remove(name);
            }
        }
        command
            .env("BRISK_DATABASE_URL", place.url())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Place::Postgres(_) = place {
            command.env("BRISK_MASTER_KEY", MASTER_KEY);
        }
        if let Place::Sqlite(path) = place
            && let Some(folder) = path.parent()
        {
            command.current_dir(folder);
        }
        command
    }

    /// Runs one of its commands to the end.
    pub(crate) async fn run<A: AsRef<OsStr>>(
        &self,
        place: &Place,
        arguments: &[A],
    ) -> Result<String> {
        let output = self.command(place).args(arguments).output().await?;
        text(output)
    }

    /// A new key, for the tenant of that slug.
    pub(crate) async fn key(&self, place: &Place, role: &str, tenant: &str) -> Result<String> {
        let said = self
            .run(
                place,
                &["key", "create", "--role", role, "--tenant", tenant],
            )
            .await?;
        Ok(said
            .lines()
            .last()
            .context("no key was printed")?
            .trim()
            .to_owned())
    }

    /// Starts the server on a free port of this machine and waits until it is ready.
    pub(crate) async fn serve(&self, place: &Place) -> Result<Server> {
        self.serve_with(place, &[]).await
    }

    /// The same with these variables of the environment.
    pub(crate) async fn serve_with(
        &self,
        place: &Place,
        settings: &[(&str, &str)],
    ) -> Result<Server> {
        let address = free_address()?;
        // Its log goes to a file, as a service's does: writing it is part of what a request costs.
        let log = File::create(self.path.with_extension("log"))?;
        let mut command = self.command(place);
        command
            .envs(settings.iter().copied())
            .args(["serve", "--no-demo", "--listen", &address.to_string()])
            .stdout(Stdio::null())
            .stderr(log.try_clone()?);
        let began = Instant::now();
        let child = command.spawn().context("the program cannot be started")?;
        let mut server = Server {
            child,
            address,
            ready_after: Duration::ZERO,
        };
        server.ready_after = server.ready(began).await.with_context(|| {
            std::fs::read_to_string(self.path.with_extension("log")).unwrap_or_default()
        })?;
        Ok(server)
    }
}

fn text(output: Output) -> Result<String> {
    if !output.status.success() {
        bail!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A running server; ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first 200 of `/health/ready`.
    pub(crate) ready_after: Duration,
}

impl Server {
    async fn ready(&mut self, began: Instant) -> Result<Duration> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended instead of getting ready: {status}");
            }
            if began.elapsed() > PATIENCE {
                bail!("the server is not ready after {PATIENCE:?}");
            }
            if self
                .status("/health/ready")
                .await
                .is_ok_and(|status| status == 200)
            {
                return Ok(began.elapsed());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn status(&self, path: &'static str) -> Result<u16> {
        let mut one = callers(self.address, None, 1, move |_| Ask::get(path)).await?;
        let caller = one.first_mut().context("one caller was asked for")?;
        Ok(caller.ask(Ask::get(path)).await?.0)
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let id = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let kib: f64 = status
            .lines()
            .find_map(|line| {
                line.strip_prefix("VmRSS:")?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .context("the kernel does not say how much memory is resident")?;
        Ok(kib / 1024.0)
    }

    /// Ends it at once, as a crash would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Tells it to stop, by its own id, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let id = self.child.id().context("the server has ended by itself")?;
        let told = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        if !told.success() {
            bail!("process {id} cannot be told to stop");
        }
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .context("the server does not stop")??;
        if !status.success() {
            bail!("the server stopped with {status}");
        }
        Ok(())
    }
}
