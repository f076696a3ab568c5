//! A PostgreSQL server of our own, or one that the surroundings provide.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use super::address::Address;
use super::database::{Database, template, template_name};
use super::error::Result;
use super::find::{self, PostgresPrograms};
use super::psql::Psql;
use super::supervise::{Durability, Launch, READY, Supervised, random_word};

/// The variable that names a server to use instead of starting one; `cargo xtask test` sets it.
const URL_SETTING: &str = "BRISK_TEST_POSTGRES_URL";

/// Enough for every test of a busy binary to hold a few connections; far above the default of 100.
const MAX_CONNECTIONS: u32 = 400;

const PREPARE: &str = r#"
printf '%s' "$BRISK_PASSWORD" >"$BRISK_FOLDER/password"
"$BRISK_INITDB" -D "$BRISK_FOLDER/data" -U postgres -A password --pwfile="$BRISK_FOLDER/password" \
  --encoding=UTF8 --locale="$BRISK_LOCALE" --no-sync >"$BRISK_FOLDER/initdb.log" 2>&1 ||
  { cat "$BRISK_FOLDER/initdb.log"; exit 1; }
"#;

/// Copies a running server; what it writes into the copy says where to go on reading from it.
const COPY: &str = r#"
PGPASSWORD="$BRISK_PASSWORD" "$BRISK_BASEBACKUP" -D "$BRISK_FOLDER/data" -h "$BRISK_HOST" -p "$BRISK_PRIMARY" \
  -U "$BRISK_USER" -X stream -c fast -R --no-sync >"$BRISK_FOLDER/basebackup.log" 2>&1 ||
  { cat "$BRISK_FOLDER/basebackup.log"; exit 1; }
"#;
/// How a server is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, what they had open is undone, and everything is written down.
    Fast,
    /// As in a crash: the next start replays the log.
    Immediate,
}

/// A PostgreSQL server for tests or measurements; a private one ends when this value is dropped.
#[derive(Debug)]
pub struct Postgres {
    admin: Psql,
    server: Option<Supervised>,
    /// Keys of templates known to be finished, which saves asking the server for each copy.
    filled: Mutex<HashSet<String>>,
}

impl Postgres {
    /// Starts a private server on a free port of 127.0.0.1, with an own folder and password. Takes about a second.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`](super::Error::NotInstalled) without PostgreSQL 15 or newer; otherwise what kept the
    /// server from starting, with the end of its log.
    pub fn start(durability: Durability) -> Result<Self> {
        let programs = PostgresPrograms::find()?;
        let password = random_word()?;
        let locale = if cfg!(target_os = "linux") {
            "C.UTF-8"
        } else {
            "C"
        };
        let server = Launch {
            prefix: "brisk-postgres-",
            users: &["postgres", "nobody"],
            prepare: PREPARE,
            env: vec![
                ("BRISK_INITDB", programs.program("initdb").into()),
                ("BRISK_PASSWORD", OsString::from(&password)),
                ("BRISK_LOCALE", locale.into()),
            ],
            ready: READY,
            // Immediate shutdown: the folder goes anyway.
            stop: "QUIT",
            program: programs.program("postgres"),
            durability,
        }
        .start(|folder, port| arguments(folder, port, durability))?;
        let url = format!(
            "postgres://postgres:{password}@{}/postgres",
            server.address()
        );
        Ok(Self {
            admin: Psql::new(find::psql()?, Address::parse(&url)?),
            server: Some(server),
            filled: Mutex::default(),
        })
    }

    /// Starts a private replica of this server, which follows it by streaming and answers reads. Takes about two
    /// seconds. Databases of this server are there under the same names: see [`Postgres::url_of`].
    ///
    /// # Errors
    ///
    /// As [`Postgres::start`]; and when this server does not let itself be copied.
    pub fn replica(&self) -> Result<Self> {
        let programs = PostgresPrograms::find()?;
        let primary = self.admin.address();
        let durability = Durability::Scratch;
        let server = Launch {
            prefix: "brisk-replica-",
            users: &["postgres", "nobody"],
            prepare: COPY,
            env: vec![
                ("BRISK_BASEBACKUP", programs.program("pg_basebackup").into()),
                ("BRISK_HOST", primary.host().into()),
                ("BRISK_PRIMARY", primary.port().to_string().into()),
                ("BRISK_USER", primary.user().into()),
                (
                    "BRISK_PASSWORD",
                    primary.password().unwrap_or_default().into(),
                ),
            ],
            ready: "eady to accept read-only connections",
            stop: "QUIT",
            program: programs.program("postgres"),
            durability,
        }
        .start(|folder, port| arguments(folder, port, durability))?;
        Ok(Self {
            admin: Psql::new(find::psql()?, primary.at(server.address())),
            server: Some(server),
            filled: Mutex::default(),
        })
    }

    /// Uses the server at `url`, whose user may create databases, and leaves it running.
    ///
    /// # Errors
    ///
    /// When `url` is no address, or `psql` is not installed.
    pub fn at(url: &str) -> Result<Self> {
        Ok(Self {
            admin: Psql::new(find::psql()?, Address::parse(url)?),
            server: None,
            filled: Mutex::default(),
        })
    }

    /// The server of this test process: the one that `BRISK_TEST_POSTGRES_URL` names, else one started at first use
    /// and ended with the process.
    ///
    /// # Panics
    ///
    /// When there is neither; the message holds the command that installs PostgreSQL.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| {
            let server = match env::var(URL_SETTING) {
                Ok(url) if !url.is_empty() => Self::at(&url),
                _ => Self::start(Durability::Scratch),
            };
            #[expect(
                clippy::panic,
                reason = "a missing server fails the test that needs it, loudly"
            )]
            server.unwrap_or_else(|error| panic!("no PostgreSQL for tests: {error}"))
        })
    }

    /// The address of the server's database `postgres`, for a user with all rights.
    #[must_use]
    pub fn url(&self) -> String {
        self.admin.address().url()
    }

    /// The address of a database that is here too, because this is a replica of its server.
    #[must_use]
    pub fn url_of(&self, database: &Database) -> String {
        self.admin.on(database.name()).address().url()
    }

    /// Runs SQL in the database `postgres`, as [`Database::psql`] does.
    ///
    /// # Errors
    ///
    /// What the server answered to the first statement that failed.
    pub fn psql(&self, statements: &[&str]) -> Result<String> {
        self.admin.run(statements)
    }

    /// The process id of a private server; none for one that we did not start.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Supervised::pid)
    }

    /// Ends a private server and starts it again at the same address; takes about a second and blocks its thread.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`](super::Error::Refused) for a server that we did not start; else what kept it from coming back.
    pub fn restart(&self, stop: Stop) -> Result<()> {
        let Some(server) = &self.server else {
            return Err(super::Error::Refused {
                statement: "restart".to_owned(),
                answer: "this server belongs to somebody else".to_owned(),
            });
        };
        server.restart(match stop {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        })
    }

    /// A fresh, empty database, dropped with the value.
    ///
    /// # Errors
    ///
    /// When the server refuses to create it.
    pub fn database(&self) -> Result<Database> {
        Database::copy_of(&self.admin, "template0")
    }

    /// A fresh copy of a database that `fill` filled once per server and `key`; copying costs a fraction of filling.
    ///
    /// `key` says what is in it, migrations by their hash: a later run against the same server with the same key will
    /// not fill again. Processes and threads wait for the one that fills, blocking their thread.
    ///
    /// # Errors
    ///
    /// What `fill` returned (the next caller tries again), or what the server refused.
    pub async fn database_from<E: From<super::Error>>(
        &self,
        key: &str,
        fill: impl AsyncFnOnce(String) -> std::result::Result<(), E>,
    ) -> std::result::Result<Database, E> {
        if !self.filled.lock().is_ok_and(|filled| filled.contains(key)) {
            template(&self.admin, key, fill).await?;
            if let Ok(mut filled) = self.filled.lock() {
                filled.insert(key.to_owned());
            }
        }
        let template = template_name(key);
        Ok(Database::copy_of(&self.admin, &template)?)
    }
}

fn arguments(folder: &Path, port: u16, durability: Durability) -> Vec<OsString> {
    let mut settings = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        format!("max_connections={MAX_CONNECTIONS}"),
        "timezone=UTC".to_owned(),
        "lc_messages=C".to_owned(),
    ];
    settings.extend(
        match durability {
            Durability::Scratch => [
                "fsync=off",
                "full_page_writes=off",
                "checkpoint_timeout=30min",
                "max_wal_size=4GB",
                "wal_level=logical",
            ]
            .as_slice(),
            Durability::Full => &["fsync=on", "synchronous_commit=on", "full_page_writes=on"],
        }
        .iter()
        .map(|&setting| setting.to_owned()),
    );
    let mut arguments = vec![OsString::from("-D"), folder.join("data").into()];
    for setting in settings {
        arguments.push("-c".into());
        arguments.push(setting.into());
    }
    arguments
}
