//! Where the nodes' tier is, and how long it may take.

use std::fmt;
use std::time::Duration;

/// A Redis or Valkey that all nodes of a database share.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    /// One server: `redis://[user:password@]host[:port][/database]`. Its sentinels:
    /// `redis+sentinel://[user:password@]host[:port],host[:port]/service[/database]`, with the user of the server itself.
    /// A cluster: `redis+cluster://[user:password@]host[:port],host[:port]`.
    pub url: String,
    /// What the names of all keys begin with. Programs that share a server but no database differ in it. Default `brisk`.
    pub prefix: String,
    /// The longest that a command may take; then the server counts as absent for this one. Default 250 ms.
    pub timeout: Duration,
}

impl fmt::Debug for RemoteConfig {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteConfig")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl RemoteConfig {
    /// The server at `url`, everything else as usual.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "brisk".to_owned(),
            timeout: Duration::from_millis(250),
        }
    }

    /// Whether it can be used; nobody is asked.
    ///
    /// # Errors
    ///
    /// What [`Caches::connect`](crate::Caches::connect) would answer.
    pub fn check(&self) -> Result<(), ConnectError> {
        crate::nodes::parse(self).map(drop)
    }

    /// Another beginning of all keys.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

/// Why a [`RemoteConfig`] cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is none.
    #[error("the address of the nodes' cache cannot be used: {0}")]
    Address(String),
    /// The prefix would change what keys mean.
    #[error("the prefix {0:?} is empty or holds a space or a brace")]
    Prefix(String),
    /// The database has one already.
    #[error("the caches of this database have a tier of nodes already")]
    Twice,
    /// It was called outside of a tokio runtime, which everything behind it needs.
    #[error("the nodes' cache needs a running tokio runtime")]
    NoRuntime,
}
