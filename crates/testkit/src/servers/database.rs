//! Databases that belong to one test, and the templates that they are copied from.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::psql::Psql;
use super::supervise::random_word;

/// One database for one test; dropped with the value, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    admin: Psql,
    own: Psql,
    name: String,
    has_owner: bool,
}

impl Database {
    pub(crate) fn copy_of(admin: &Psql, template: &str) -> Result<Self> {
        let name = format!("brisk_test_{}", random_word()?);
        admin.run(&[&format!("CREATE DATABASE {name} TEMPLATE {template}")])?;
        Ok(Self {
            admin: admin.clone(),
            own: admin.on(&name),
            name,
            has_owner: false,
        })
    }

    /// Gives the database, with all that is made in it from now on, to a user of its own who is no superuser; answers the
    /// address for that user, who is dropped with the database.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn give_to_plain_owner(&mut self) -> Result<String> {
        let (name, password) = (&self.name, random_word()?);
        self.has_owner = true;
        self.admin.run(&[
            &format!("CREATE ROLE {name} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '{password}'"),
            &format!("ALTER DATABASE {name} OWNER TO {name}"),
        ])?;
        // Where the schema does not belong to whoever has the database.
        self.own
            .run(&[&format!("ALTER SCHEMA public OWNER TO {name}")])?;
        let place = self.own.address().host_and_port();
        Ok(format!("postgres://{name}:{password}@{place}/{name}"))
    }

    /// Its address, for a user with all rights.
    #[must_use]
    pub fn url(&self) -> String {
        self.own.address().url()
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL as another program would, past all our code: `psql`, one connection, each text its own transaction.
    /// Answers the rows as lines with fields parted by `|`.
    ///
    /// # Errors
    ///
    /// What the server answered to the first statement that failed.
    pub fn psql(&self, statements: &[&str]) -> Result<String> {
        self.own.run(statements)
    }

    /// Ends every connection to this database from the server's side, as an administrator would; answers how many are gone.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub fn disconnect_all(&self) -> Result<usize> {
        self.disconnect(usize::MAX)
    }

    /// Ends some connections to this database, `most` of them and whichever the server lists first by chance.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub fn disconnect(&self, most: usize) -> Result<usize> {
        let (name, most) = (&self.name, i64::try_from(most).unwrap_or(i64::MAX));
        // In the list of columns, which is computed for matching rows only; a condition may be tried on every backend.
        let ended = self.admin.run(&[&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM
               (SELECT pid FROM pg_stat_activity WHERE datname = '{name}' ORDER BY random() LIMIT {most}) AS picked"
        )])?;
        Ok(ended.lines().filter(|line| *line == "t").count())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A server that a test has ended on purpose took the database along.
        drop(self.admin.run(&[&statement]));
        if self.has_owner {
            let statement = format!("DROP ROLE IF EXISTS {}", self.name);
            drop(self.admin.run(&[&statement]));
        }
    }
}

/// Makes sure that the template for `key` is there, by filling it unless somebody did before.
pub(crate) async fn template<E: From<Error>>(
    admin: &Psql,
    key: &str,
    fill: impl AsyncFnOnce(String) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let name = template_name(key);
    if is_finished(admin, &name)? {
        return Ok(());
    }
    let _turn = Turn::take(admin, &name)?;
    if is_finished(admin, &name)? {
        return Ok(());
    }
    admin.run(&[
        &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        &format!("CREATE DATABASE {name} TEMPLATE template0"),
    ])?;
    fill(admin.on(&name).address().url()).await?;
    // A template cannot be copied while anybody is connected to it, such as a pool that is still closing.
    admin.run(&[
        &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"),
        &format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
        ),
        &format!("ALTER DATABASE {name} WITH IS_TEMPLATE true"),
    ])?;
    Ok(())
}

/// Whether a template holds all it should: the mark is set last, so one that was left half filled does not carry it.
fn is_finished(admin: &Psql, name: &str) -> Result<bool> {
    let marked = admin.run(&[&format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{name}' AND datistemplate"
    )])?;
    Ok(marked == "1")
}

/// Identifiers end at 63 bytes, so the key stands in them as a hash; its readable beginning helps whoever looks.
pub(crate) fn template_name(key: &str) -> String {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let readable: String = key
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(24)
        .collect();
    format!("brisk_template_{readable}_{:016x}", hasher.finish())
}

/// The right to fill one template, among all processes on this machine: a locked file that goes with the right.
struct Turn {
    path: PathBuf,
    // Held for its lock, which the system releases with the file.
    _file: File,
}

impl Turn {
    fn take(admin: &Psql, name: &str) -> Result<Self> {
        let server = admin
            .address()
            .host_and_port()
            .replace([':', '[', ']'], "_");
        let path = std::env::temp_dir().join(format!("brisk-{server}-{name}.lock"));
        Self::lock(&path).map_err(Error::io(format!("lock {}", path.display())))
    }

    fn lock(path: &Path) -> io::Result<Self> {
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)?;
            file.lock()?;
            // Whoever held it before has removed it meanwhile; a lock on a removed file excludes nobody.
            let same = std::fs::metadata(path)
                .is_ok_and(|now| file.metadata().is_ok_and(|held| held.ino() == now.ino()));
            if same {
                return Ok(Self {
                    path: path.to_owned(),
                    _file: file,
                });
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // A file left behind in the temporary folder excludes nobody once its lock is gone.
        std::fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_names_are_identifiers_and_differ_with_the_key() {
        let name = template_name("Civic schema; v12 -- with a tail that is longer than it may be");
        assert!(name.len() <= 63, "{name}");
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        );
        assert_ne!(
            template_name("a very long beginning of a key 1"),
            template_name("a very long beginning of a key 2")
        );
    }
}
