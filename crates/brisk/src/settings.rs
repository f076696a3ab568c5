//! The settings that belong to no crate of the kit: where the program runs, its master key, its stores.

use std::fmt;
use std::time::Duration;

use brisk_auth::MasterKey;
use brisk_config::{Problems, Secret, Section};
use brisk_db::{Capture, DbConfig, PostgresConfig, SqliteConfig};
use brisk_http::Environment;
use serde::{Deserialize, Serialize, Serializer};

/// The keys above every section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootSettings {
    /// `development` or `production`.
    pub environment: Environment,
    /// At least 32 random characters, from which all other keys are derived. Without it, on SQLite, the file `brisk.key`
    /// beside the database is used and made at the first start.
    pub master_key: Option<Secret>,
}

impl Section for RootSettings {
    fn check(&self, problems: &mut Problems) {
        if let Some(key) = &self.master_key
            && MasterKey::from_setting(key.expose()).is_err()
        {
            problems.add(
                "master_key",
                "must be at least 32 random characters, for example from `openssl rand -hex 32`",
            );
        }
    }
}

/// The address of the database; shown without its password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(pub String);

impl DatabaseUrl {
    /// Whether it names a SQLite file.
    pub fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite://")
    }

    fn is_postgres(&self) -> bool {
        self.0.starts_with("postgres://") || self.0.starts_with("postgresql://")
    }

    fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return "********".to_owned();
        };
        let rest = match rest.rsplit_once('@') {
            Some((login, place)) => {
                let user = login.split_once(':').map_or(login, |(user, _)| user);
                format!("{user}:********@{place}")
            }
            None => rest.to_owned(),
        };
        // A password may stand among the parameters, too.
        let place = rest.split_once('?').map_or(&*rest, |(place, _)| place);
        format!("{scheme}://{place}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

/// How changes of captured tables are noticed; the same on all nodes of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureSetting {
    /// Triggers write what changed into an outbox; nothing is missed, whoever writes.
    #[default]
    Outbox,
    /// The server's log is read. Not available; refused with the reason.
    Wal,
    /// Each process hears of its own statements only.
    App,
    /// Nothing is noticed.
    Off,
}

/// The section `[database]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite://path` or `postgres://user:password@host/name`.
    pub url: DatabaseUrl,
    /// What a transaction may take before it is undone.
    #[serde(with = "brisk_config::duration")]
    pub transaction_hold: Duration,
    /// How changes are noticed: `outbox`, `app` or `off`.
    pub capture: CaptureSetting,
    /// SQLite: reader threads; 0 is one for each core, at least 2.
    pub readers: usize,
    /// SQLite: how long to wait for another program's lock on the file.
    #[serde(with = "brisk_config::duration")]
    pub busy_timeout: Duration,
    /// SQLite: page cache of one connection, in KiB.
    pub cache_kib: u32,
    /// PostgreSQL: multiplexed connections for auto-commit statements.
    pub lanes: usize,
    /// PostgreSQL: connections for transactions, bulk loads and slow statements; 0 is twice the cores plus 4.
    pub pool: usize,
    /// PostgreSQL: how long a caller waits for a connection.
    #[serde(with = "brisk_config::duration")]
    pub connect_wait: Duration,
    /// PostgreSQL: what the server allows a statement on a lane.
    #[serde(with = "brisk_config::duration")]
    pub statement_timeout: Duration,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        let (sqlite, postgres) = (SqliteConfig::default(), PostgresConfig::default());
        Self {
            url: DatabaseUrl("sqlite://brisk.db".to_owned()),
            transaction_hold: DbConfig::new("").transaction_hold,
            capture: CaptureSetting::default(),
            readers: 0,
            busy_timeout: sqlite.busy_timeout,
            cache_kib: sqlite.cache_kib,
            lanes: postgres.lanes,
            pool: 0,
            connect_wait: postgres.connect_wait,
            statement_timeout: postgres.statement_timeout,
        }
    }
}

impl Section for DatabaseSettings {
    fn check(&self, problems: &mut Problems) {
        if !self.url.is_sqlite() && !self.url.is_postgres() {
            problems.add("url", "must begin with sqlite:// or postgres://");
        }
        if self.url.0 == "sqlite://" {
            problems.add("url", "names no file; write for example sqlite://brisk.db");
        }
        if self.capture == CaptureSetting::Wal {
            problems.add(
                "capture",
                "wal is not available: choose outbox, which sees the same writes, or app or off",
            );
        }
        if self.lanes == 0 {
            problems.add("lanes", "must be at least 1");
        }
        if self.transaction_hold.is_zero() {
            problems.add("transaction_hold", "must be longer than zero");
        }
    }
}

impl DatabaseSettings {
    pub(crate) fn config(&self, slow: Duration) -> DbConfig {
        let mut config = DbConfig::new(self.url.0.clone());
        config.slow_threshold = slow;
        config.transaction_hold = self.transaction_hold;
        config.capture = match self.capture {
            CaptureSetting::Outbox => Capture::Outbox,
            CaptureSetting::App => Capture::App,
            // Refused before.
            CaptureSetting::Wal | CaptureSetting::Off => Capture::Off,
        };
        if self.readers > 0 {
            config.sqlite.readers = self.readers;
        }
        config.sqlite.busy_timeout = self.busy_timeout;
        config.sqlite.cache_kib = self.cache_kib;
        config.postgres.lanes = self.lanes;
        if self.pool > 0 {
            config.postgres.pool = self.pool;
        }
        config.postgres.connect_wait = self.connect_wait;
        config.postgres.statement_timeout = self.statement_timeout;
        config
    }
}

/// The section `[redis]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// `redis://host:port`; none by default.
    pub url: Option<Secret>,
}

impl Section for RedisSettings {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("sqlite://brisk.db", "sqlite://brisk.db"),
            ("postgres://me:geh@im@db/x", "postgres://me:********@db/x"),
            ("postgres://db/x?password=geheim", "postgres://db/x"),
            ("geheim", "********"),
        ] {
            let url = DatabaseUrl(url.to_owned());
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(serde_json::to_value(&url).unwrap(), shown);
        }
    }
}
