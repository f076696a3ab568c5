//! A transaction on either engine.

use crate::batch::{Batch, Outcome};
use crate::error::Error;
use crate::postgres::PostgresTransaction;
use crate::sqlite::SqliteTransaction;
use crate::statement::{Call, Shape};

#[derive(Debug)]
pub(crate) enum Transaction {
    Sqlite(SqliteTransaction),
    Postgres(Box<PostgresTransaction>),
}

impl Transaction {
    pub(crate) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.run::<S>(call).await,
            Self::Postgres(transaction) => transaction.run::<S>(call).await,
        }
    }

    pub(crate) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        match self {
            Self::Sqlite(transaction) => transaction.batch(batch).await,
            Self::Postgres(transaction) => transaction.batch(batch).await,
        }
    }

    pub(crate) async fn commit(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    /// Undoes it. On SQLite, and where the undo cannot be sent, dropping it does the same.
    pub(crate) async fn rollback(&self) {
        if let Self::Postgres(transaction) = self
            && let Err(e) = transaction.rollback().await
        {
            tracing::debug!(error = %e, "the connection of a failed transaction is given up");
        }
    }
}
