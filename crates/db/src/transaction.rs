//! A transaction on either engine.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::batch::{Batch, Outcome};
use crate::database::Begin;
use crate::error::Error;
use crate::postgres::PostgresTransaction;
use crate::sqlite::SqliteTransaction;
use crate::statement::{Call, Shape};

/// After a statement that failed, or that its caller gave up, a transaction is over: PostgreSQL would refuse what
/// follows and answer COMMIT with an undo that looks like a success, SQLite would keep half of it.
#[derive(Debug)]
pub(crate) struct Transaction {
    place: Place,
    state: AtomicU8,
    kind: Begin,
}

const OPEN: u8 = 0;
/// A statement failed or was given up; a savepoint before it can still be gone back to.
const FAILED: u8 = 1;
const CLOSED: u8 = 2;

#[derive(Debug)]
enum Place {
    Sqlite(SqliteTransaction),
    Postgres(Box<PostgresTransaction>),
}

impl Transaction {
    pub(crate) fn on_sqlite(transaction: SqliteTransaction, kind: Begin) -> Self {
        Self::at(Place::Sqlite(transaction), kind)
    }

    pub(crate) fn on_postgres(transaction: PostgresTransaction, kind: Begin) -> Self {
        Self::at(Place::Postgres(Box::new(transaction)), kind)
    }

    fn at(place: Place, kind: Begin) -> Self {
        Self {
            place,
            state: AtomicU8::new(OPEN),
            kind,
        }
    }

    /// Refuses work that asks for more than this transaction promises.
    ///
    /// On SQLite every transaction that writes is serializable; the rule is the same there, so that what passes on one
    /// engine passes on the other.
    pub(crate) fn may_be_joined_by(&self, kind: Begin) -> Result<(), Error> {
        if kind == Begin::Serializable && self.kind != Begin::Serializable {
            return Err(Error::Isolation {
                statement: "db.serializable",
            });
        }
        Ok(())
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

    pub(crate) async fn savepoint(&self) -> Result<(), Error> {
        self.step("db.savepoint", async {
            match &self.place {
                Place::Sqlite(transaction) => transaction.savepoint().await,
                Place::Postgres(transaction) => transaction.savepoint().await,
            }
        })
        .await
    }

    /// Keeps what was written since the latest savepoint.
    pub(crate) async fn release(&self) -> Result<(), Error> {
        self.step("db.savepoint", self.leave_savepoint(false)).await
    }

    /// Undoes what was written since the latest savepoint; the transaction can go on.
    pub(crate) async fn back(&self) -> Result<(), Error> {
        if self.state.load(Ordering::Relaxed) == CLOSED {
            return Err(over("db.savepoint"));
        }
        self.leave_savepoint(true).await?;
        // Closed meanwhile, it stays so.
        let _closed =
            self.state
                .compare_exchange(FAILED, OPEN, Ordering::Relaxed, Ordering::Relaxed);
        Ok(())
    }

    async fn leave_savepoint(&self, undo: bool) -> Result<(), Error> {
        match &self.place {
            Place::Sqlite(transaction) => transaction.leave_savepoint(undo).await,
            Place::Postgres(transaction) => transaction.leave_savepoint(undo).await,
        }
    }

    /// Takes no more statements, and undoes what is not committed, although a clone of its session may live on.
    pub(crate) fn close(&self) {
        self.state.store(CLOSED, Ordering::Relaxed);
        if let Place::Sqlite(transaction) = &self.place {
            transaction.close();
        }
    }

    async fn step<T>(
        &self,
        statement: &'static str,
        work: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        if self.state.load(Ordering::Relaxed) != OPEN {
            return Err(over(statement));
        }
        let mut step = Step {
            state: &self.state,
            harmless: false,
        };
        let mut result = work.await;
        // Only the engine knows what a function writes that a statement calls.
        if self.kind == Begin::Read && result.as_ref().is_err_and(Error::is_refused_write) {
            result = Err(Error::ReadOnly { statement });
        }
        // The engine answered well; what we made of the answer does not concern it.
        step.harmless = matches!(
            result,
            Ok(_) | Err(Error::NoRow { .. } | Error::Decode { .. })
        );
        result
    }
}

fn over(statement: &'static str) -> Error {
    Error::Statement {
        statement,
        source: "the transaction is over: a statement in it failed before".into(),
    }
}

/// A step under way; ends the transaction unless it went well.
struct Step<'a> {
    state: &'a AtomicU8,
    harmless: bool,
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if !self.harmless {
            self.state.fetch_max(FAILED, Ordering::Relaxed);
        }
    }
}
