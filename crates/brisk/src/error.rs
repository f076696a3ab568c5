//! What can go wrong between the settings and the end of the program.

use std::io;

use crate::BoxError;

/// Why an app cannot start, run or end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings have mistakes, all of them listed.
    #[error("{0}")]
    Settings(brisk_config::ConfigErrors),
    /// `only` names a service that this program does not have.
    #[error("there is no service `{name}`; this program has: {known}")]
    UnknownService {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Logs and metrics cannot be started.
    #[error("cannot start logs and metrics")]
    Telemetry(#[source] brisk_telemetry::Error),
    /// The master key cannot be read or made.
    #[error("cannot use the master key")]
    MasterKey(#[source] brisk_auth::Error),
    /// The keys that sign tokens cannot be read or made.
    #[error("cannot use the signing keys of tokens")]
    Tokens(#[source] brisk_auth::Error),
    /// The database cannot be opened or migrated.
    #[error("cannot {what}")]
    Database {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: brisk_db::Error,
    },
    /// What all nodes share of their caches cannot be used as it is configured.
    #[error("cannot use redis.url")]
    Redis(#[source] brisk_cache::ConnectError),
    /// A service cannot be built.
    #[error("cannot start the service {name}")]
    Service {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The listener broke while serving.
    #[error("cannot go on serving")]
    Serve(#[source] io::Error),
}
