//! `PgBouncer` before a PostgreSQL server, in transaction mode.

use super::address::Address;
use super::error::Result;
use super::find;
use super::supervise::{Durability, Launch, Supervised};

/// Whoever comes is let in: it listens on loopback for the tests alone. After each transaction everything that a session
/// could keep is thrown away, so that a client that relies on it fails at once and not by chance.
const PREPARE: &str = r#"
cat >"$BRISK_FOLDER/pgbouncer.ini" <<END
[databases]
* = host=$BRISK_HOST port=$BRISK_SERVER user=$BRISK_USER password=$BRISK_PASSWORD
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $BRISK_PORT
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = $BRISK_SIZE
max_client_conn = 500
server_reset_query = DISCARD ALL
server_reset_query_always = 1
ignore_startup_parameters = options
END
"#;

/// A private pooler; ends when it is dropped.
#[derive(Debug)]
pub struct Pooler {
    address: Address,
    _server: Supervised,
}

impl Pooler {
    /// Starts a pooler to the server that `url` names, with `size` connections for each database.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`](super::Error::NotInstalled) without `PgBouncer`; otherwise what kept it from starting.
    pub fn before(url: &str, size: usize) -> Result<Self> {
        let address = Address::parse(url)?;
        let server = Launch {
            prefix: "brisk-pooler-",
            users: &["postgres", "nobody"],
            prepare: PREPARE,
            env: vec![
                ("BRISK_HOST", address.host().into()),
                ("BRISK_SERVER", address.port().to_string().into()),
                ("BRISK_USER", address.user().into()),
                (
                    "BRISK_PASSWORD",
                    address.password().unwrap_or_default().into(),
                ),
                ("BRISK_SIZE", size.to_string().into()),
            ],
            ready: "process up",
            // In every version at once, and it keeps nothing.
            stop: "KILL",
            program: find::pgbouncer()?,
            durability: Durability::Scratch,
        }
        .start(|folder, _port| vec![folder.join("pgbouncer.ini").into()])?;
        Ok(Self {
            address: address.at(server.address()),
            _server: server,
        })
    }

    /// The address of the database by way of the pooler.
    #[must_use]
    pub fn url(&self) -> String {
        self.address.url()
    }
}
