//! The checkout pool: transactions, batches, bulk loads and statements known to be slow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::{Config, NoTls};

use super::{execute, pipeline};
use crate::batch::{Batch, Outcome};
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::statement::{Call, Shape};

#[derive(Debug)]
pub(super) struct Pool(deadpool_postgres::Pool);

impl Pool {
    pub(super) fn open(address: Config, config: &PostgresConfig) -> Result<Self, Error> {
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
        Ok(Self(pool))
    }

    pub(super) async fn checkout(&self, name: &'static str) -> Result<Object, Error> {
        self.0.get().await.map_err(|e| match e {
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

    pub(super) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let client = self.checkout(call.name).await?;
        run::<S>(&client, &call).await
    }

    pub(super) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let transaction = PostgresTransaction::hold(self.checkout(batch.name()).await?);
        let outcomes = pipeline::run(transaction.client(), batch, pipeline::Frame::Whole).await;
        transaction.ended();
        outcomes
    }

    pub(super) async fn begin(
        &self,
        isolation: &'static str,
    ) -> Result<PostgresTransaction, Error> {
        let transaction = PostgresTransaction::hold(self.checkout("db.begin").await?);
        transaction.plain("db.begin", isolation).await?;
        Ok(transaction)
    }

    pub(super) fn close(&self) {
        self.0.close();
    }
}

async fn run<S: Shape>(client: &Object, call: &Call) -> Result<(S::Out, u64), Error> {
    let statement = client
        .prepare_cached(call.postgres_text())
        .await
        .map_err(|e| execute::error(call.name, e))?;
    execute::run::<S>(client, call.name, &statement, &call.values).await
}

/// A transaction on a connection of its own. Dropped before its end, the connection is closed, which undoes it.
#[derive(Debug)]
pub(crate) struct PostgresTransaction {
    /// Empty only while it is dropped.
    connection: Option<Object>,
    ended: AtomicBool,
}

impl PostgresTransaction {
    const fn hold(connection: Object) -> Self {
        Self {
            connection: Some(connection),
            ended: AtomicBool::new(false),
        }
    }

    fn client(&self) -> &Object {
        self.connection
            .as_ref()
            .expect("the connection is there until the drop")
    }

    /// Marks the connection as clean, so that it goes back to the pool.
    fn ended(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    async fn plain(&self, name: &'static str, text: &str) -> Result<(), Error> {
        self.client()
            .batch_execute(text)
            .await
            .map_err(|e| execute::error(name, e))
    }

    pub(crate) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        run::<S>(self.client(), &call).await
    }

    pub(crate) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        pipeline::run(self.client(), batch, pipeline::Frame::Inside).await
    }

    pub(crate) async fn commit(&self) -> Result<(), Error> {
        self.plain("db.commit", "COMMIT").await?;
        self.ended();
        Ok(())
    }

    pub(crate) async fn rollback(&self) -> Result<(), Error> {
        self.plain("db.rollback", "ROLLBACK").await?;
        self.ended();
        Ok(())
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.ended.load(Ordering::Relaxed)
        {
            drop(Object::take(connection));
        }
    }
}
