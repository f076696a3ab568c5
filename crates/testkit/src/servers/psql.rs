use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::address::Address;
use super::error::{Error, Result};

/// A way to send SQL to one database with the program `psql`.
#[derive(Debug, Clone)]
pub(crate) struct Psql {
    program: PathBuf,
    address: Address,
}

impl Psql {
    pub(crate) fn new(program: PathBuf, address: Address) -> Self {
        Self { program, address }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn on(&self, database: &str) -> Self {
        Self {
            program: self.program.clone(),
            address: self.address.with_name(database),
        }
    }

    /// Runs each text on one connection, in its own implicit transaction; answers the rows, fields parted by `|`.
    pub(crate) fn run(&self, statements: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(self.address.without_password().url())
            .env("PGCONNECT_TIMEOUT", "10")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        if let Some(password) = self.address.password() {
            command.env("PGPASSWORD", password);
        }
        for statement in statements {
            command.args(["-c", statement]);
        }
        let output = command
            .output()
            .map_err(Error::io(format!("run {}", self.program.display())))?;
        if !output.status.success() {
            return Err(Error::Refused {
                statement: statements.join("; "),
                answer: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    }
}
