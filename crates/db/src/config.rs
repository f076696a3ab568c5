//! The settings of the database layer; section `[database]` of `brisk.toml`.

use std::time::Duration;

use crate::capture::Capture;

/// Far above what a statement on an index takes, far below what its neighbours on a lane would notice as an outage.
const SLOW_APART: Duration = Duration::from_millis(100);

/// How SQLite is used.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// Reader threads. Default: the number of cores, at least 2.
    pub readers: usize,
    /// Writes, and reads, that may wait in line; more wait at their caller. Default 1,024.
    pub queue: usize,
    /// Writes folded into one commit at most. Default 512.
    pub group_max: usize,
    /// A group takes no more writes once it is this old. Default 5 ms.
    pub group_hold: Duration,
    /// How long to wait for another program's lock on the file. Default 5 s.
    pub busy_timeout: Duration,
    /// Page cache of one connection, in KiB. Default 8,192.
    pub cache_kib: u32,
    /// Reads whose recent runs took longer than this leave one reader to the others, until they take half of it; zero is
    /// never. Default 100 ms.
    pub slow_apart: Duration,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            readers: std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)),
            queue: 1_024,
            group_max: 512,
            group_hold: Duration::from_millis(5),
            busy_timeout: Duration::from_secs(5),
            cache_kib: 8_192,
            slow_apart: SLOW_APART,
        }
    }
}

/// How PostgreSQL is used.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// Multiplexed connections for auto-commit statements, at most. Default 0: two for each core, 4 to 16, and fewer where
    /// the server allows fewer.
    pub lanes: usize,
    /// Lanes that stay open when there is little to do. Default 2.
    pub lanes_min: usize,
    /// How long there must be no queue on the lanes before one is closed. Default 1 min.
    pub lanes_idle: Duration,
    /// Connections for transactions, bulk loads and slow statements. Default 0: twice the cores plus 4, and fewer where the
    /// server allows fewer.
    pub pool: usize,
    /// Nodes that share the server's connections. Default 1.
    pub nodes: usize,
    /// How long a caller waits for a connection before it hears that the database is away. Default 2 s.
    pub connect_wait: Duration,
    /// A connection that is older is replaced, up to a quarter earlier, once nothing is under way on it. Default 30 min.
    pub max_age: Duration,
    /// A connection of the pool that nobody used for so long is closed; zero is never. Default 10 min.
    pub idle_close: Duration,
    /// A connection that was silent for so long is asked whether it is there; zero is never. Default 30 s.
    pub idle_ping: Duration,
    /// What the server itself allows a statement on a lane. Default 5 s. Behind a pooler lanes cannot set it.
    pub statement_timeout: Duration,
    /// What the server allows a statement on a checkout connection. Default 10 min.
    pub slow_statement_timeout: Duration,
    /// Statements whose recent runs took the server longer than this leave the lanes for the pool, as if they were
    /// declared slow, until they take half of it; zero is never. Default 100 ms.
    pub slow_apart: Duration,
    /// Whether a read that was lost on the way is asked once more, on a new connection. Default true.
    pub retry_reads: bool,
    /// Whether the address is that of a pooler in transaction mode, such as `PgBouncer`: nothing then stays prepared, and
    /// no setting of a session is used. Default false.
    pub pooler_safe: bool,
    /// Whether the server itself keeps tenants apart by row security, as a second wall behind the conditions of the
    /// statements. The role must be no superuser and have no BYPASSRLS, and all nodes of a database decide alike. Each
    /// statement then takes a transaction on a connection of the pool. Default false.
    pub row_security: bool,
    /// The server itself, past the pooler, for what needs a session: migrations and the change stream.
    pub direct_url: Option<String>,
    /// A streaming replica of the server, itself and not a pooler or a balancer before it: it answers reads of callers
    /// whose writes it has. As many lanes as to the primary lead there.
    pub replica_url: Option<String>,
    /// How far the replica may be behind before it is not asked. Default 1 s.
    pub replica_lag: Duration,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            lanes: 0,
            lanes_min: 2,
            lanes_idle: Duration::from_mins(1),
            pool: 0,
            nodes: 1,
            connect_wait: Duration::from_secs(2),
            max_age: Duration::from_mins(30),
            idle_close: Duration::from_mins(10),
            idle_ping: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(5),
            slow_statement_timeout: Duration::from_mins(10),
            slow_apart: SLOW_APART,
            retry_reads: true,
            pooler_safe: false,
            row_security: false,
            direct_url: None,
            replica_url: None,
            replica_lag: Duration::from_secs(1),
        }
    }
}

/// How keyed loads share statements.
#[derive(Clone, Copy, Debug)]
pub struct LoadConfig {
    /// Keys of one statement at most. Default 512.
    pub batch_max: usize,
    /// Statements under way for one load and tenant; meanwhile callers gather for the next. Default 4.
    pub under_way: usize,
    /// Loads that may wait, in all together; more are refused. Default 16,384.
    pub queue: usize,
}

impl Default for LoadConfig {
    fn default() -> Self {
        Self {
            batch_max: 512,
            under_way: 4,
            queue: 16_384,
        }
    }
}

/// How the database is opened.
#[derive(Clone, Debug)]
pub struct DbConfig {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// Statements at or above this are logged and counted as slow. Default 100 ms.
    pub slow_threshold: Duration,
    /// Whether statements of traced requests, and slow ones, are explained in the background to find indexes that are
    /// missing. Default: yes.
    pub explain: bool,
    /// Statements, batches and transactions that may wait for their turn, of all tenants; past that those of the tenant
    /// with most are refused. Default 8,192.
    pub waiting: usize,
    /// How long one waits for its turn before it is refused. Default 5 s.
    pub wait: Duration,
    /// Whether places go to the tenants in turn where more is asked than the database takes at once; else to whoever came
    /// first, and one tenant's crowd keeps all others waiting. Default true.
    pub fair_share: bool,
    /// What a transaction may take before it is undone. Default 30 s.
    pub transaction_hold: Duration,
    /// How often a transaction that loses against another one is tried in all; 1 is never again. Default 3.
    pub transaction_attempts: u32,
    /// Keyed loads.
    pub load: LoadConfig,
    /// How changes are noticed. Default: outbox.
    pub capture: Capture,
    /// SQLite only.
    pub sqlite: SqliteConfig,
    /// PostgreSQL only.
    pub postgres: PostgresConfig,
}

impl DbConfig {
    /// The defaults for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            slow_threshold: Duration::from_millis(100),
            explain: true,
            waiting: 8_192,
            wait: Duration::from_secs(5),
            fair_share: true,
            transaction_hold: Duration::from_secs(30),
            transaction_attempts: 3,
            load: LoadConfig::default(),
            capture: Capture::default(),
            sqlite: SqliteConfig::default(),
            postgres: PostgresConfig::default(),
        }
    }
}
