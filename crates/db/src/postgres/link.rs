//! One connection of the checkout pool, with what is prepared on it.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::execute::{self, Ready};
use super::types::Types;

/// Texts that one connection keeps prepared; past that all are prepared anew.
const TEXTS: usize = 1_024;

/// A connection with the task that drives it; dropped, it is closed, whatever is under way.
#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    driver: JoinHandle<()>,
    // A std mutex: held for a look-up only, never across an await.
    prepared: Mutex<HashMap<Box<str>, Statement>>,
    /// Behind a pooler, which keeps nothing prepared.
    types: Option<Arc<Types>>,
    /// Whether its tables have row security, which allows no `COPY`.
    pub(super) is_walled: bool,
    /// From when on it is not given out any more.
    retire_at: Instant,
    /// When the server was last heard of.
    pub(super) heard_at: Instant,
    /// When it was last given back.
    pub(super) used_at: Instant,
}

impl Link {
    pub(super) async fn connect(
        address: &Config,
        types: Option<Arc<Types>>,
        age: Duration,
    ) -> Result<Self, Error> {
        let (client, connection) = address.connect(NoTls).await?;
        let now = Instant::now();
        Ok(Self {
            client,
            driver: tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection of the pool was lost");
                }
            }),
            prepared: Mutex::default(),
            types,
            is_walled: false,
            retire_at: now + age,
            heard_at: now,
            used_at: now,
        })
    }

    /// One that belongs to no pool.
    pub(super) async fn apart(
        name: &'static str,
        address: &Config,
        wait: Duration,
    ) -> Result<Self, crate::error::Error> {
        match tokio::time::timeout(wait, Self::connect(address, None, Duration::ZERO)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(e)) => Err(execute::error(name, e)),
            Err(late) => Err(crate::error::Error::unavailable(name, late)),
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.client.is_closed() || now >= self.retire_at
    }

    pub(super) fn is_old(&self, now: Instant) -> bool {
        now >= self.retire_at
    }

    /// Whether it belongs to a pooler, so that only a transaction keeps it.
    pub(super) const fn is_pooled(&self) -> bool {
        self.types.is_some()
    }

    /// The text, ready to be run with parameters. Behind a pooler a transaction is open, or its types are known.
    pub(super) async fn ready(&self, text: &str) -> Result<Ready, Error> {
        match &self.types {
            None => self.named(text).await.map(Ready::Named),
            Some(types) => {
                let types = match types.known(text) {
                    Some(types) => types,
                    None => types.ask(&self.client, text).await?,
                };
                Ok(Ready::Typed(text.into(), types))
            }
        }
    }

    /// The text, prepared; not behind a pooler.
    pub(super) async fn named(&self, text: &str) -> Result<Statement, Error> {
        let known = self.prepared().get(text).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        let mut prepared = self.prepared();
        if prepared.len() >= TEXTS {
            prepared.clear();
        }
        prepared.insert(text.into(), statement.clone());
        Ok(statement)
    }

    /// Drops what is known of a text, so that it is asked for anew.
    pub(super) fn forget(&self, text: &str) {
        self.prepared().remove(text);
        if let Some(types) = &self.types {
            types.forget(text);
        }
    }

    /// Drops all that is prepared here.
    pub(super) fn forget_all(&self) {
        self.prepared().clear();
    }

    fn prepared(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Statement>> {
        self.prepared
            .lock()
            .expect("no holder of this lock can panic")
    }
}

impl Deref for Link {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Link {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
