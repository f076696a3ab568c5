//! The checkout pool: transactions, batches, bulk loads and statements known to be slow.

use std::time::{Duration, Instant};

use brisk_core::TenantId;
use deadpool_postgres::{
    Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::{Config, NoTls};

use super::held::Held;
use super::{execute, pipeline};
use crate::batch::{Batch, Outcome};
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::fair::{Gate, Patience};
use crate::pace::Recent;
use crate::statement::{Call, Shape};

#[derive(Debug)]
pub(super) struct Pool {
    connections: deadpool_postgres::Pool,
    /// As many places as connections: whoever has one finds a connection.
    gate: Gate,
}

impl Pool {
    pub(super) fn open(
        address: Config,
        config: &PostgresConfig,
        patience: Patience,
    ) -> Result<Self, Error> {
        let manager = Manager::from_config(
            address,
            NoTls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(config.pool.max(1))
            .timeouts(Timeouts {
                wait: Some(Duration::from_secs(5)),
                create: Some(config.connect_wait),
                recycle: Some(config.connect_wait),
            })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| Error::Address(e.to_string()))?;
        Ok(Self {
            connections: pool,
            gate: Gate::new(config.pool, patience),
        })
    }

    pub(super) async fn checkout(
        &self,
        name: &'static str,
        tenant: TenantId,
    ) -> Result<Held, Error> {
        let place = self.gate.enter(tenant, name).await?;
        let connection = self.connections.get().await;
        let held = connection.map(|connection| Held::new(connection, place));
        held.map_err(|e| match e {
            PoolError::Backend(e) => match execute::error(name, e) {
                Error::Statement { source, .. } => Error::unavailable(name, source),
                known => known,
            },
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => {
                Error::Overloaded { statement: name }
            }
            other => Error::unavailable(name, other),
        })
    }

    /// Runs a statement on a connection of its own, and notes how long that took.
    pub(super) async fn run<S: Shape>(
        &self,
        call: Call,
        tenant: TenantId,
        recent: Option<&Recent>,
    ) -> Result<(S::Out, u64), Error> {
        let client = self.checkout(call.name, tenant).await?;
        let _clock = recent.map(Clock::start);
        let mut result = run::<S>(&client, &call).await;
        if result.as_ref().is_err_and(execute::is_stale) {
            result = run::<S>(&client, &call).await;
        }
        client.clean();
        result
    }

    pub(super) async fn batch(
        &self,
        batch: Batch,
        tenant: TenantId,
    ) -> Result<Vec<Outcome>, Error> {
        let client = self.checkout(batch.name(), tenant).await?;
        let outcomes = pipeline::run(&client, batch, pipeline::Frame::Whole).await;
        // Every answer is in, that to COMMIT or ROLLBACK too.
        client.clean();
        outcomes.map_err(again)
    }

    /// Begins a transaction; on another connection where the first one turns out to be lost.
    pub(super) async fn begin(
        &self,
        isolation: &'static str,
        tenant: TenantId,
    ) -> Result<PostgresTransaction, Error> {
        let mut spare = true;
        loop {
            let client = self.checkout("db.begin", tenant).await?;
            match plain(&client, "db.begin", isolation).await {
                Ok(()) => return Ok(PostgresTransaction(client)),
                Err(Error::Unavailable { .. }) if spare => spare = false,
                Err(e) => return Err(e),
            }
        }
    }

    pub(super) fn close(&self) {
        self.connections.close();
    }
}

/// Notes how long a statement ran, also one whose caller leaves.
struct Clock<'a>(&'a Recent, Instant);

impl<'a> Clock<'a> {
    fn start(recent: &'a Recent) -> Self {
        Self(recent, Instant::now())
    }
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        self.0.note(self.1.elapsed());
    }
}

async fn run<S: Shape>(client: &Object, call: &Call) -> Result<(S::Out, u64), Error> {
    let statement = client
        .prepare_cached(call.postgres_text())
        .await
        .map_err(|e| execute::error(call.name, e))?;
    let result = execute::run::<S>(client, call.name, &statement, &call.values).await;
    if result.as_ref().is_err_and(execute::is_stale) {
        client.statement_cache.remove(call.postgres_text(), &[]);
    }
    result
}

/// A transaction that met a statement from before a change of the schema may be tried again; it is prepared anew then.
fn again(error: Error) -> Error {
    match error {
        Error::Statement { statement, source } if execute::is_stale_source(&source) => {
            Error::Serialization { statement, source }
        }
        other => other,
    }
}

async fn plain(client: &Object, name: &'static str, text: &str) -> Result<(), Error> {
    client
        .batch_execute(text)
        .await
        .map_err(|e| execute::error(name, e))
}

/// A transaction on a connection of its own. Dropped before its end, the connection is closed, which undoes it.
#[derive(Debug)]
pub(crate) struct PostgresTransaction(Held);

impl PostgresTransaction {
    pub(crate) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        run::<S>(&self.0, &call).await.map_err(again)
    }

    pub(crate) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        pipeline::run(&self.0, batch, pipeline::Frame::Inside)
            .await
            .map_err(again)
    }

    /// Sets a savepoint.
    pub(crate) async fn savepoint(&self) -> Result<(), Error> {
        self.plain("SAVEPOINT brisk").await
    }

    /// Gives the latest savepoint up, and with `undo` what came after it.
    pub(crate) async fn leave_savepoint(&self, undo: bool) -> Result<(), Error> {
        self.plain(if undo {
            "ROLLBACK TO SAVEPOINT brisk; RELEASE SAVEPOINT brisk"
        } else {
            "RELEASE SAVEPOINT brisk"
        })
        .await
    }

    async fn plain(&self, text: &'static str) -> Result<(), Error> {
        let statement = "db.savepoint";
        if self.0.is_spoiled() {
            return Err(Error::Unavailable {
                statement,
                source: None,
            });
        }
        plain(&self.0, statement, text).await
    }

    pub(crate) async fn commit(&self) -> Result<(), Error> {
        plain(&self.0, "db.commit", "COMMIT").await?;
        self.0.clean();
        Ok(())
    }

    pub(crate) async fn rollback(&self) -> Result<(), Error> {
        if self.0.is_spoiled() {
            // Closing it does the same.
            return Ok(());
        }
        plain(&self.0, "db.rollback", "ROLLBACK").await?;
        self.0.clean();
        Ok(())
    }
}
