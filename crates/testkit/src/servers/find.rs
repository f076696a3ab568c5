//! Where the programs are that tests need, and which command installs what is missing.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{Error, Result};

/// The oldest PostgreSQL that Brisk supports.
pub const OLDEST_POSTGRES: u32 = 15;

/// The oldest Node.js that the programs of tests run on.
const OLDEST_NODE: u32 = 20;

/// One program of the outside world that tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The PostgreSQL server with `initdb` and `psql`.
    Postgres,
    /// Redis or Valkey, which speaks the same protocol.
    Redis,
    /// Chromium or Chrome, for the tests of pages.
    Chromium,
    /// The pooler of PostgreSQL connections.
    PgBouncer,
    /// Node.js with its package manager, for programs of others that tests talk to.
    Node,
}

impl Program {
    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL 15 or newer",
            Self::Redis => "Redis or Valkey",
            Self::Chromium => "Chromium",
            Self::PgBouncer => "PgBouncer",
            Self::Node => "Node.js 20 or newer with npm",
        }
    }

    /// The Debian package that holds it.
    #[must_use]
    pub fn debian_package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Redis => "redis-server",
            Self::Chromium => "chromium",
            Self::PgBouncer => "pgbouncer",
            // Which brings `nodejs`.
            Self::Node => "npm",
        }
    }

    /// The environment variable that names its place: a file for Chromium, a folder for the others.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Postgres => "BRISK_PG_BIN",
            Self::Redis => "BRISK_REDIS_BIN",
            Self::Chromium => "BRISK_TEST_CHROMIUM",
            Self::PgBouncer => "BRISK_PGBOUNCER_BIN",
            Self::Node => "BRISK_NODE_BIN",
        }
    }

    /// The command that installs it on this machine, as well as the machine's package manager can be told.
    #[must_use]
    pub fn install_command(self) -> String {
        let manager = if Path::new("/etc/debian_version").exists() {
            "sudo apt-get install -y"
        } else if on_path("dnf").is_some() {
            "sudo dnf install -y"
        } else if on_path("apk").is_some() {
            "sudo apk add"
        } else if on_path("brew").is_some() {
            "brew install"
        } else {
            "your package manager's install of"
        };
        let package = match (self, manager) {
            (Self::Postgres, "sudo dnf install -y") => "postgresql-server",
            (Self::Postgres, "brew install") => "postgresql@17",
            (Self::Redis, "sudo dnf install -y") => "valkey",
            (Self::Redis, "brew install" | "sudo apk add") => "redis",
            (Self::Chromium, "brew install") => "--cask chromium",
            (Self::Node, "brew install") => "node",
            _ => self.debian_package(),
        };
        format!("{manager} {package}")
    }

    /// The error for its absence.
    #[must_use]
    pub fn missing(self) -> Error {
        Error::NotInstalled {
            what: self.name(),
            install: self.install_command(),
            or_set: format!(", or set {} to where it is", self.setting()),
        }
    }
}

/// The PostgreSQL programs of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresPrograms {
    /// The folder of `postgres` and `initdb`.
    pub folder: PathBuf,
    /// The major version, such as 15.
    pub major: u32,
}

impl PostgresPrograms {
    /// Looks in `BRISK_PG_BIN`, on the path, then in the folders that packages use, newest version first.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] when none of them holds `initdb` and `postgres` of version 15 or newer.
    pub fn find() -> Result<Self> {
        let named = env::var_os("BRISK_PG_BIN").map(PathBuf::from);
        let mut packaged: Vec<Self> = packaged_postgres()
            .into_iter()
            .filter_map(Self::in_folder)
            .collect();
        packaged.sort_by_key(|programs| std::cmp::Reverse(programs.major));
        named
            .into_iter()
            .chain(path_folders())
            .filter_map(Self::in_folder)
            .chain(packaged)
            .find(|programs| programs.major >= OLDEST_POSTGRES)
            .ok_or_else(|| Program::Postgres.missing())
    }

    /// The path of one of its programs. A folder may hold links to some of them; then the others lie where those lead.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        let here = self.folder.join(name);
        let origin = self.folder.join("postgres").canonicalize();
        let there = origin.map(|postgres| postgres.with_file_name(name));
        match there {
            Ok(there) if !here.exists() && there.exists() => there,
            _ => here,
        }
    }

    fn in_folder(folder: PathBuf) -> Option<Self> {
        if !folder.join("initdb").exists() {
            return None;
        }
        let answer = Command::new(folder.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let major = major_version(&String::from_utf8_lossy(&answer.stdout))?;
        Some(Self { folder, major })
    }
}

/// The client program `psql`, which needs no particular version.
///
/// # Errors
///
/// [`Error::NotInstalled`] when there is none.
pub fn psql() -> Result<PathBuf> {
    PostgresPrograms::find()
        .ok()
        .map(|programs| programs.program("psql"))
        .filter(|program| program.exists())
        .or_else(|| on_path("psql"))
        .ok_or_else(|| Program::Postgres.missing())
}

/// The Redis or Valkey server program: in `BRISK_REDIS_BIN`, on the path, or where packages put it.
///
/// # Errors
///
/// [`Error::NotInstalled`] when there is none.
pub fn redis() -> Result<PathBuf> {
    let folders: Vec<PathBuf> = env::var_os("BRISK_REDIS_BIN")
        .map(PathBuf::from)
        .into_iter()
        .chain(path_folders())
        .chain(["/usr/bin", "/usr/sbin", "/usr/local/bin"].map(PathBuf::from))
        .collect();
    ["valkey-server", "redis-server"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.exists())
        .ok_or_else(|| Program::Redis.missing())
}

/// The pooler `pgbouncer`: in `BRISK_PGBOUNCER_BIN`, on the path, or where packages put it.
///
/// # Errors
///
/// [`Error::NotInstalled`] when there is none.
pub fn pgbouncer() -> Result<PathBuf> {
    env::var_os("BRISK_PGBOUNCER_BIN")
        .map(PathBuf::from)
        .into_iter()
        .chain(path_folders())
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from))
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.exists())
        .ok_or_else(|| Program::PgBouncer.missing())
}

/// The browser for tests of pages: `BRISK_TEST_CHROMIUM`, else Chromium or Chrome on the path.
///
/// # Errors
///
/// [`Error::NotInstalled`] when there is none.
pub fn chromium() -> Result<PathBuf> {
    env::var_os("BRISK_TEST_CHROMIUM")
        .map(PathBuf::from)
        .filter(|program| program.exists())
        .or_else(|| {
            [
                "chromium",
                "chromium-browser",
                "google-chrome",
                "google-chrome-stable",
            ]
            .iter()
            .find_map(|name| on_path(name))
        })
        .ok_or_else(|| Program::Chromium.missing())
}

/// Node.js and its package manager: in `BRISK_NODE_BIN`, else on the path.
///
/// # Errors
///
/// [`Error::NotInstalled`] when one of them is not there, or Node.js is older than 20.
pub fn node() -> Result<(PathBuf, PathBuf)> {
    let is_new = |node: &Path| {
        let answer = Command::new(node).arg("--version").output().ok()?;
        let version = String::from_utf8(answer.stdout).ok()?;
        let major = version.trim().strip_prefix('v')?.split('.').next()?;
        (major.parse::<u32>().ok()? >= OLDEST_NODE).then_some(())
    };
    env::var_os("BRISK_NODE_BIN")
        .map(PathBuf::from)
        .into_iter()
        .chain(path_folders())
        .map(|folder| (folder.join("node"), folder.join("npm")))
        .filter(|(node, npm)| node.is_file() && npm.is_file())
        .find(|(node, _)| is_new(node).is_some())
        .ok_or_else(|| Program::Node.missing())
}

/// The first file of this name in the folders of `PATH`.
#[must_use]
pub fn on_path(name: &str) -> Option<PathBuf> {
    path_folders()
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

fn path_folders() -> Vec<PathBuf> {
    let path: OsString = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect()
}

/// The `bin` folders of Debian (`/usr/lib/postgresql/15/bin`), of the PostgreSQL project's RPMs (`/usr/pgsql-15/bin`)
/// and of Homebrew (`.../opt/postgresql@15/bin`).
fn packaged_postgres() -> Vec<PathBuf> {
    [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
    ]
    .into_iter()
    .flat_map(|(parent, prefix)| {
        std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path().join("bin"))
    })
    .collect()
}

/// The major version in `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`.
fn major_version(answer: &str) -> Option<u32> {
    let number = answer.split(") ").nth(1)?;
    let digits = number
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .filter(|digits| !digits.is_empty())?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_packager_s_form() {
        for (answer, major) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                Some(15),
            ),
            ("postgres (PostgreSQL) 17.2", Some(17)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres: command not found", None),
            ("", None),
        ] {
            assert_eq!(major_version(answer), major, "{answer}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_its_command_and_its_setting() {
        let text = Program::Postgres.missing().to_string();
        assert!(
            text.contains("PostgreSQL 15 or newer was not found"),
            "{text}"
        );
        assert!(text.contains("postgresql"), "{text}");
        assert!(text.contains("BRISK_PG_BIN"), "{text}");
    }
}
