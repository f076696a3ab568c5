//! The servers and programs that tests and benchmarks stand on: found, installed where that is allowed, started.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use brisk_testkit::servers::find::{self, PostgresPrograms, Program};
use brisk_testkit::servers::{Durability, Postgres, Redis};

use crate::cmd;
use crate::report::seconds;

const POSTGRES_URL: &str = "BRISK_TEST_POSTGRES_URL";
const REDIS_URL: &str = "BRISK_TEST_REDIS_URL";

/// The npm package that one test signs in at.
const PROVIDER: (&str, &str) = ("oidc-provider", "9.13.3");

/// Installs the package `$1` without starting or enabling what it brings: Debian's packages ask `policy-rc.d` before
/// they start a service, and PostgreSQL's reads `createcluster.d` before it makes a cluster. A shell does it, because
/// its trap takes both files away after Ctrl-C too. A policy that was there before stays as it is.
const INSTALL: &str = r#"
set -eu
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/brisk.conf
made=
leave() { for file in $made; do rm -f "$file"; done; }
trap leave EXIT
trap 'exit 130' INT TERM HUP
if [ ! -e "$policy" ]; then
  made=$policy
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
if [ "$1" = postgresql ] && [ ! -e "$cluster" ]; then
  made="$made $cluster"
  mkdir -p "${cluster%/*}"
  printf 'create_main_cluster = false\n' >"$cluster"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -o DPkg::Lock::Timeout=120 -y -qq --no-install-recommends "$1"
case "$1" in redis-server | pgbouncer) if [ -d /run/systemd/system ]; then systemctl disable "$1"; fi ;; esac
"#;

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

    /// Makes sure of the pooler, which tests start by themselves.
    pub(crate) fn with_pooler(self) -> Result<Self> {
        present(Program::PgBouncer, || find::pgbouncer().map(drop))?;
        Ok(self)
    }

    /// Brings the sign-in provider of others, which a test starts by itself.
    pub(crate) fn with_provider(self) -> Result<Self> {
        present(Program::Node, || find::node().map(drop))?;
        let folder = cmd::target().join("tools/oidc-provider");
        let manifest = folder.join("node_modules/oidc-provider/package.json");
        let (package, version) = PROVIDER;
        let wanted = format!("\"version\": \"{version}\"");
        if fs::read_to_string(manifest).is_ok_and(|text| text.contains(&wanted)) {
            return Ok(self);
        }
        fs::create_dir_all(&folder)?;
        let (node, npm) = find::node()?;
        let mut command = Command::new(npm);
        command
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
            .arg("--prefix")
            .arg(&folder)
            .arg(format!("{package}@{version}"))
            .current_dir(&folder);
        // The program `npm` is a script that looks for `node` on the path.
        let beside = node.parent().map(Path::to_path_buf);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = beside.into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders)?);
        cmd::run(&mut command)?;
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
    let status = cmd::status(Command::new("/bin/sh").args(["-c", INSTALL, "install", package]))?;
    if !status.success() {
        bail!(
            "the installation ended with {status}; try `{}`",
            program.install_command()
        );
    }
    println!("{package} is installed after {}", seconds(began.elapsed()));
    Ok(find()?)
}

/// Root on Debian or one of its children.
fn may_install() -> bool {
    Path::new("/etc/debian_version").exists()
        && fs::metadata("/proc/self").is_ok_and(|ourselves| ourselves.uid() == 0)
        && find::on_path("apt-get").is_some()
}
