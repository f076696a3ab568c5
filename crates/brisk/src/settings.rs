//! The settings that belong to no crate of the kit: where the program runs, its master key, its stores.

use std::fmt;
use std::time::Duration;

use brisk_auth::MasterKey;
use brisk_cache::{ConnectError, RemoteConfig};
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that somebody sets by its name"
)]
pub struct DatabaseSettings {
    /// `sqlite://path` or `postgres://user:password@host/name`.
    pub url: DatabaseUrl,
    /// Whether places go to the tenants in turn where more is asked than the database takes at once.
    pub fair_share: bool,
    /// What a transaction may take before it is undone.
    #[serde(with = "brisk_config::duration")]
    pub transaction_hold: Duration,
    /// Statements, batches and transactions that may wait for their turn; past that the tenant with most is refused.
    pub waiting: usize,
    /// How long one waits for its turn before it is refused.
    #[serde(with = "brisk_config::duration")]
    pub wait: Duration,
    /// Statements that take longer get out of the way of the others; 0 is never.
    #[serde(with = "brisk_config::duration")]
    pub slow_apart: Duration,
    /// How often a transaction that loses against another one is tried in all; 1 is never again.
    pub transaction_attempts: u32,
    /// How changes are noticed: `outbox`, `app` or `off`.
    pub capture: CaptureSetting,
    /// Whether statements are explained in the background, to find indexes that are missing.
    pub explain: bool,
    /// SQLite: reader threads; 0 is one for each core, at least 2.
    pub readers: usize,
    /// SQLite: how long to wait for another program's lock on the file.
    #[serde(with = "brisk_config::duration")]
    pub busy_timeout: Duration,
    /// SQLite: page cache of one connection, in KiB.
    pub cache_kib: u32,
    /// PostgreSQL: multiplexed connections for auto-commit statements, at most; 0 is two for each core, 4 to 16, and fewer
    /// where the server allows fewer.
    pub lanes: usize,
    /// PostgreSQL: lanes that stay open when there is little to do.
    pub lanes_min: usize,
    /// PostgreSQL: how long there must be no queue on the lanes before one is closed.
    #[serde(with = "brisk_config::duration")]
    pub lanes_idle: Duration,
    /// PostgreSQL: connections for transactions, bulk loads and slow statements; 0 is twice the cores plus 4, and fewer
    /// where the server allows fewer.
    pub pool: usize,
    /// PostgreSQL: nodes that share the server's connections.
    pub nodes: usize,
    /// PostgreSQL: a connection that is older is replaced.
    #[serde(with = "brisk_config::duration")]
    pub max_age: Duration,
    /// PostgreSQL: a connection of the pool that nobody used for so long is closed; 0 is never.
    #[serde(with = "brisk_config::duration")]
    pub idle_close: Duration,
    /// PostgreSQL: a connection that was silent for so long is asked whether it is there; 0 is never.
    #[serde(with = "brisk_config::duration")]
    pub idle_ping: Duration,
    /// PostgreSQL: whether a read that was lost on the way is asked once more.
    pub retry_reads: bool,
    /// PostgreSQL: whether `url` is that of a pooler in transaction mode, such as `PgBouncer`.
    pub pooler_safe: bool,
    /// PostgreSQL: whether the server itself keeps tenants apart by row security, as a second wall behind the conditions of the
    /// statements.
    pub row_security: bool,
    /// PostgreSQL: the server itself, past the pooler; for migrations and the change stream.
    pub direct_url: Option<DatabaseUrl>,
    /// PostgreSQL: a streaming replica that answers reads of callers whose writes it has.
    pub replica_url: Option<DatabaseUrl>,
    /// PostgreSQL: how far the replica may be behind before it is not asked.
    #[serde(with = "brisk_config::duration")]
    pub replica_lag: Duration,
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
        let all = DbConfig::new("");
        Self {
            url: DatabaseUrl("sqlite://brisk.db".to_owned()),
            transaction_hold: all.transaction_hold,
            waiting: all.waiting,
            wait: all.wait,
            slow_apart: postgres.slow_apart,
            transaction_attempts: all.transaction_attempts,
            fair_share: all.fair_share,
            capture: CaptureSetting::default(),
            explain: true,
            readers: 0,
            busy_timeout: sqlite.busy_timeout,
            cache_kib: sqlite.cache_kib,
            lanes: postgres.lanes,
            lanes_min: postgres.lanes_min,
            lanes_idle: postgres.lanes_idle,
            pool: postgres.pool,
            nodes: postgres.nodes,
            max_age: postgres.max_age,
            idle_close: postgres.idle_close,
            idle_ping: postgres.idle_ping,
            retry_reads: postgres.retry_reads,
            pooler_safe: postgres.pooler_safe,
            row_security: postgres.row_security,
            direct_url: None,
            replica_url: None,
            replica_lag: postgres.replica_lag,
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
        for (key, number) in [
            ("waiting", self.waiting),
            ("lanes_min", self.lanes_min),
            ("nodes", self.nodes),
        ] {
            if number == 0 {
                problems.add(key, "must be at least 1");
            }
        }
        if self.transaction_attempts == 0 {
            problems.add("transaction_attempts", "must be at least 1");
        }
        if self.lanes > 0 && self.lanes_min > self.lanes {
            problems.add("lanes_min", "must not be more than database.lanes");
        }
        for (key, span) in [
            ("transaction_hold", self.transaction_hold),
            ("wait", self.wait),
            ("max_age", self.max_age),
            ("replica_lag", self.replica_lag),
        ] {
            if span.is_zero() {
                problems.add(key, "must be longer than zero");
            }
        }
        self.check_servers(problems);
    }
}

impl DatabaseSettings {
    fn check_servers(&self, problems: &mut Problems) {
        for (key, url) in [
            ("direct_url", &self.direct_url),
            ("replica_url", &self.replica_url),
        ] {
            let Some(url) = url else { continue };
            if !url.is_postgres() {
                problems.add(key, "must begin with postgres://");
            } else if self.url.is_sqlite() {
                problems.add(key, "means nothing on SQLite");
            }
        }
        if self.row_security && self.url.is_sqlite() {
            problems.add("row_security", "means nothing on SQLite");
        }
        if self.pooler_safe && self.url.is_sqlite() {
            problems.add("pooler_safe", "means nothing on SQLite");
        } else if self.pooler_safe && self.direct_url.is_none() {
            problems.add(
                "direct_url",
                "is required with pooler_safe: migrations and the change stream need a session, which a pooler does not give",
            );
        }
    }

    pub(crate) fn config(&self, slow: Duration) -> DbConfig {
        let mut config = DbConfig::new(self.url.0.clone());
        config.slow_threshold = slow;
        config.fair_share = self.fair_share;
        config.transaction_hold = self.transaction_hold;
        config.waiting = self.waiting;
        config.wait = self.wait;
        config.sqlite.slow_apart = self.slow_apart;
        config.postgres.slow_apart = self.slow_apart;
        config.transaction_attempts = self.transaction_attempts;
        config.explain = self.explain;
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
        config.postgres.lanes_min = self.lanes_min;
        config.postgres.lanes_idle = self.lanes_idle;
        config.postgres.pool = self.pool;
        config.postgres.nodes = self.nodes;
        config.postgres.max_age = self.max_age;
        config.postgres.idle_close = self.idle_close;
        config.postgres.idle_ping = self.idle_ping;
        config.postgres.retry_reads = self.retry_reads;
        config.postgres.pooler_safe = self.pooler_safe;
        config.postgres.row_security = self.row_security;
        config.postgres.direct_url = self.direct_url.clone().map(|url| url.0);
        config.postgres.replica_url = self.replica_url.clone().map(|url| url.0);
        config.postgres.replica_lag = self.replica_lag;
        config.postgres.connect_wait = self.connect_wait;
        config.postgres.statement_timeout = self.statement_timeout;
        config
    }
}

/// The section `[redis]`: what all nodes share of their caches. Nothing is lost when it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// `redis://[user:password@]host[:port][/database]`, or `redis+sentinel://` or `redis+cluster://` with several hosts;
    /// none by default.
    pub url: Option<Secret>,
    /// What the names of all keys begin with; programs that share a server and no database differ in it.
    pub prefix: String,
    /// The longest that a command may take.
    #[serde(with = "brisk_config::duration")]
    pub timeout: Duration,
}

impl Default for RedisSettings {
    fn default() -> Self {
        let usual = RemoteConfig::new("");
        Self {
            url: None,
            prefix: usual.prefix,
            timeout: usual.timeout,
        }
    }
}

impl Section for RedisSettings {
    fn check(&self, problems: &mut Problems) {
        if self.timeout.is_zero() {
            problems.add("timeout", "must be longer than zero");
        }
        match self.config().map(|config| config.check()) {
            Some(Err(error @ ConnectError::Prefix(_))) => problems.add("prefix", error.to_string()),
            Some(Err(error)) => problems.add("url", error.to_string()),
            Some(Ok(())) | None => {}
        }
    }
}

impl RedisSettings {
    pub(crate) fn config(&self) -> Option<RemoteConfig> {
        let mut config = RemoteConfig::new(self.url.as_ref()?.expose()).prefix(&self.prefix);
        config.timeout = self.timeout;
        Some(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_database_arrives() {
        let ms = Duration::from_millis;
        let url = |name: &str| DatabaseUrl(format!("postgres://{name}/x"));
        let settings = DatabaseSettings {
            url: url("pooler"),
            waiting: 1,
            wait: ms(2),
            slow_apart: ms(3),
            lanes: 4,
            lanes_min: 5,
            lanes_idle: ms(6),
            pool: 7,
            nodes: 8,
            max_age: ms(9),
            idle_close: ms(10),
            idle_ping: ms(11),
            retry_reads: false,
            pooler_safe: true,
            row_security: true,
            direct_url: Some(url("server")),
            replica_url: Some(url("replica")),
            replica_lag: ms(12),
            ..DatabaseSettings::default()
        };
        let config = settings.config(ms(1));
        let postgres = &config.postgres;
        assert_eq!((config.waiting, config.wait), (1, ms(2)));
        assert_eq!(
            (postgres.slow_apart, config.sqlite.slow_apart),
            (ms(3), ms(3))
        );
        assert_eq!(
            (postgres.lanes, postgres.lanes_min, postgres.lanes_idle),
            (4, 5, ms(6))
        );
        assert_eq!((postgres.pool, postgres.nodes), (7, 8));
        assert_eq!(
            (postgres.max_age, postgres.idle_close, postgres.idle_ping),
            (ms(9), ms(10), ms(11))
        );
        assert!(!postgres.retry_reads && postgres.pooler_safe && postgres.row_security);
        assert_eq!(postgres.direct_url.as_deref(), Some("postgres://server/x"));
        assert_eq!(
            (postgres.replica_url.as_deref(), postgres.replica_lag),
            (Some("postgres://replica/x"), ms(12))
        );
    }

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
