//! The servers and programs that tests and benchmarks stand on: found, installed where that is allowed, started.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use brisk_testkit::servers::find::{self, PostgresPrograms, Program};
use brisk_testkit::servers::{Durability, Postgres, Redis};

use crate::cmd;
use crate::report::seconds;

const POSTGRES_URL: &str = "BRISK_TEST_POSTGRES_URL";
const REDIS_URL: &str = "BRISK_TEST_REDIS_URL";

/// Keeps Debian's packages from starting their services while we install them.
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Keeps Debian's PostgreSQL package from making a cluster of its own.
const CLUSTER_POLICY: &str = "/etc/postgresql-common/createcluster.d/brisk.conf";

/// Running servers and the variables that name them. The servers end with this value, and with this process.
#[derive(Debug)]
pub(crate) struct Engines {
    variables: Vec<(&'static str, String)>,
    _postgres: Option<Postgres>,
    _redis: Option<Redis>,
}

impl Engines {
    /// Starts one PostgreSQL and one Redis, or takes those that the surroundings name.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        let began = Instant::now();
        let mut variables = Vec::new();
        let postgres = if let Some(url) = given(POSTGRES_URL) {
            variables.push((POSTGRES_URL, url));
            None
        } else {
            present(Program::Postgres, || PostgresPrograms::find().map(drop))?;
            let server = Postgres::start(durability)?;
            println!("PostgreSQL {} runs", PostgresPrograms::find()?.major);
            variables.push((POSTGRES_URL, server.url()));
            Some(server)
        };
        let redis = if let Some(url) = given(REDIS_URL) {
            variables.push((REDIS_URL, url));
            None
        } else {
            present(Program::Redis, || find::redis().map(drop))?;
            let server = Redis::start()?;
            variables.push((REDIS_URL, server.url()));
            Some(server)
        };
        println!("servers are ready after {}", seconds(began.elapsed()));
        Ok(Self {
            variables,
            _postgres: postgres,
            _redis: redis,
        })
    }

    /// Adds the browser for tests of pages.
    pub(crate) fn with_browser(mut self) -> Result<Self> {
        present(Program::Chromium, || find::chromium().map(drop))?;
        let browser = find::chromium()?.display().to_string();
        self.variables.push((Program::Chromium.setting(), browser));
        Ok(self)
    }

    /// Tells a command where everything is.
    pub(crate) fn export(&self, command: &mut Command) {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }
}

/// An address that the surroundings name, so that nothing is started.
fn given(name: &'static str) -> Option<String> {
    let url = std::env::var(name).ok().filter(|url| !url.is_empty())?;
    println!("{name} is set: that server is used and left running");
    Some(url)
}

/// Makes sure that a program is there, by installing it where that is possible; else fails with the command.
fn present(program: Program, find: impl Fn() -> brisk_testkit::servers::Result<()>) -> Result<()> {
    let Err(missing) = find() else {
        return Ok(());
    };
    if !may_install() {
        return Err(missing.into());
    }
    let package = program.debian_package();
    println!(
        "{} is not installed; installing the package {package}",
        program.name()
    );
    let began = Instant::now();
    install(program)
        .with_context(|| format!("cannot install it; try `{}`", program.install_command()))?;
    println!("{package} is installed after {}", seconds(began.elapsed()));
    Ok(find()?)
}

/// Root on Debian or one of its children.
fn may_install() -> bool {
    Path::new("/etc/debian_version").exists()
        && fs::metadata("/proc/self").is_ok_and(|ourselves| ourselves.uid() == 0)
        && find::on_path("apt-get").is_some()
}

fn install(program: Program) -> Result<()> {
    cmd::run(&mut apt(&["update", "-qq"]))?;
    let _services = Temporary::write(SERVICE_POLICY, "#!/bin/sh\nexit 101\n", 0o755)?;
    let _clusters = (program == Program::Postgres)
        .then(|| Temporary::write(CLUSTER_POLICY, "create_main_cluster = false\n", 0o644))
        .transpose()?;
    cmd::run(&mut apt(&[
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        program.debian_package(),
    ]))?;
    // The package enables its service for the next start of the machine; nobody asked for one.
    if program == Program::Redis && Path::new("/run/systemd/system").exists() {
        cmd::run(Command::new("systemctl").args(["disable", "redis-server"]))?;
    }
    Ok(())
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// A file of the system that exists while this value does; one that was there before stays as it is.
struct Temporary(Option<PathBuf>);

impl Temporary {
    fn write(path: &str, text: &str, mode: u32) -> Result<Self> {
        let path = PathBuf::from(path);
        if path.exists() {
            return Ok(Self(None));
        }
        let doing = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(doing)?;
        }
        fs::write(&path, text).with_context(doing)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).with_context(doing)?;
        Ok(Self(Some(path)))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
        {
            println!("please remove {}: {error}", path.display());
        }
    }
}
