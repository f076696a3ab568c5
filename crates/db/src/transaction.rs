//! A transaction on either engine.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::batch::{Batch, Outcome};
use crate::error::Error;
use crate::postgres::PostgresTransaction;
use crate::sqlite::SqliteTransaction;
use crate::statement::{Call, Shape};

/// After a statement that failed, or that its caller gave up, a transaction is over: PostgreSQL would refuse what
/// follows and answer COMMIT with an undo that looks like a success, SQLite would keep half of it.
#[derive(Debug)]
pub(crate) struct Transaction {
    place: Place,
    over: AtomicBool,
}

#[derive(Debug)]
enum Place {
    Sqlite(SqliteTransaction),
    Postgres(Box<PostgresTransaction>),
}

impl Transaction {
    pub(crate) fn on_sqlite(transaction: SqliteTransaction) -> Self {
        Self {
            place: Place::Sqlite(transaction),
            over: AtomicBool::new(false),
        }
    }

    pub(crate) fn on_postgres(transaction: PostgresTransaction) -> Self {
        Self {
            place: Place::Postgres(Box::new(transaction)),
            over: AtomicBool::new(false),
        }
    }

    pub(crate) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        self.step(call.name, async {
            match &self.place {
                Place::Sqlite(transaction) => transaction.run::<S>(call).await,
                Place::Postgres(transaction) => transaction.run::<S>(call).await,
            }
        })
        .await
    }

    pub(crate) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        self.step(batch.name(), async {
            match &self.place {
                Place::Sqlite(transaction) => transaction.batch(batch).await,
                Place::Postgres(transaction) => transaction.batch(batch).await,
            }
        })
        .await
    }

    pub(crate) async fn commit(&self) -> Result<(), Error> {
        self.step("db.commit", async {
            match &self.place {
                Place::Sqlite(transaction) => transaction.commit().await,
                Place::Postgres(transaction) => transaction.commit().await,
            }
        })
        .await
    }

    /// Undoes it. On SQLite, and where the undo cannot be sent, [`Transaction::close`] does the same.
    pub(crate) async fn rollback(&self) {
        if let Place::Postgres(transaction) = &self.place
            && let Err(e) = transaction.rollback().await
        {
            tracing::debug!(error = %e, "the connection of a failed transaction is given up");
        }
    }

    /// Takes no more statements, and undoes what is not committed, although a clone of its session may live on.
    pub(crate) fn close(&self) {
        self.over.store(true, Ordering::Relaxed);
        if let Place::Sqlite(transaction) = &self.place {
            transaction.close();
        }
    }

    async fn step<T>(
        &self,
        statement: &'static str,
        work: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        if self.over.load(Ordering::Relaxed) {
            return Err(Error::Statement {
                statement,
                source: "the transaction is over: a statement in it failed before".into(),
            });
        }
        let mut step = Step {
            over: &self.over,
            harmless: false,
        };
        let result = work.await;
        // The engine answered well; what we made of the answer does not concern it.
        step.harmless = matches!(
            result,
            Ok(_) | Err(Error::NoRow { .. } | Error::Decode { .. })
        );
        result
    }
}

/// A step under way; ends the transaction unless it went well.
struct Step<'a> {
    over: &'a AtomicBool,
    harmless: bool,
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if !self.harmless {
            self.over.store(true, Ordering::Relaxed);
        }
    }
}
