//! The reference in FastAPI and SQLAlchemy, in a virtual environment of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::engine::Place;
use crate::load::{Ask, callers};
use crate::program::{Server, free_address};

/// The longest that a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running reference; ends with this value.
#[derive(Debug)]
pub(super) struct Peer {
    child: Child,
    pub(super) address: SocketAddr,
}

async fn done(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.trim());
    Ok(())
}

impl Peer {
    /// Installs what it needs below `folder` and starts it with a worker for each of two cores. Fails where there is no
    /// Python or its packages cannot be had.
    pub(super) async fn start(folder: &Path, place: &Place, ours: &Server) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/identity");
        let venv = folder.join("venv");
        done(Command::new("python3").args(["-m", "venv"]).arg(&venv)).await?;
        let python = venv.join("bin/python");
        let packages = source.join("requirements.txt");
        done(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(packages),
        )
        .await?;
        let address = free_address()?;
        let url = place.url().replace("postgres://", "postgresql+asyncpg://");
        let child = Command::new(&python)
            .args(["-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port"])
            .arg(address.port().to_string())
            .args([
                "--workers",
                "2",
                "--loop",
                "uvloop",
                "--http",
                "httptools",
                "--no-access-log",
            ])
            .args(["--log-level", "warning", "--app-dir"])
            .arg(&source)
            .env("PEER_DATABASE_URL", url)
            .env(
                "PEER_JWKS_URL",
                format!("http://{}/.well-known/jwks.json", ours.address),
            )
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let began = Instant::now();
        while !is_ready(address).await {
            ensure!(
                began.elapsed() < PATIENCE,
                "the reference is not ready after {PATIENCE:?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Self { child, address })
    }

    /// Tells it to stop, by its own id, and waits until it has: its workers end with it.
    pub(super) async fn stop(mut self) -> Result<()> {
        let id = self
            .child
            .id()
            .context("the reference has ended by itself")?;
        done(Command::new("kill").args(["-TERM", &id.to_string()])).await?;
        tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        Ok(())
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut one) = callers(address, None, 1, |_| Ask::get("/")).await else {
        return false;
    };
    match one.first_mut() {
        Some(caller) => caller
            .ask(Ask::get("/health/ready"))
            .await
            .is_ok_and(|(status, _)| status == 200),
        None => false,
    }
}
