//! Transactions as callers see them: a closure that is committed, undone or tried again.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::Hold;

use crate::database::Begin;
use crate::error::Error;
use crate::hooks::Hooks;
use crate::session::{Session, boxed};
use crate::transaction::Transaction;

/// The winner wakes up and takes what it waited for, before the loser gets there again.
const HEAD_START: Duration = Duration::from_millis(10);

impl Session {
    /// Runs `work` in a transaction: committed when it answers `Ok`, undone when it answers `Err`, is dropped, or
    /// takes longer than the database's `transaction_hold`.
    ///
    /// On PostgreSQL each statement sees what was committed before it began (READ COMMITTED); see
    /// [`Session::serializable`] for more. It is tried again, up to `transaction_attempts` times in all, when it lost
    /// against another one, so `work` must change nothing outside the database. After a statement that failed the transaction is over on either
    /// engine: nothing more runs in it, and nothing of it stays even when `work` answers `Ok`. Called on a session that is in a transaction already, it joins that.
    /// On SQLite other writes wait meanwhile: keep it short, or use a [`Batch`](crate::Batch).
    ///
    /// # Errors
    ///
    /// What `work` answers, or what stopped the commit.
    #[track_caller]
    pub fn transaction<T, E, F, W>(&self, work: W) -> impl Future<Output = Result<T, E>> + Send
    where
        W: Fn(Self) -> F + Send + Sync,
        F: Future<Output = Result<T, E>> + Send,
        E: From<Error> + AsDbError + Send,
        T: Send,
    {
        self.attempts(Begin::Write, work, Location::caller())
    }

    /// As [`Session::transaction`], and the outcome is as if transactions of this kind had run one after the other: what
    /// was read in it is still so when it commits. On PostgreSQL one that cannot be put in such an order is tried again,
    /// so that it costs more where many write the same; on SQLite all transactions are like that.
    ///
    /// Inside a serializable transaction it joins that. Inside any other it is refused on both engines: what that one has
    /// read before may have changed already.
    ///
    /// # Errors
    ///
    /// As [`Session::transaction`]; [`Error::Serialization`] where the last attempt lost too; [`Error::Isolation`] inside
    /// a transaction of another kind, which goes on: nothing of `work` ran.
    #[track_caller]
    pub fn serializable<T, E, F, W>(&self, work: W) -> impl Future<Output = Result<T, E>> + Send
    where
        W: Fn(Self) -> F + Send + Sync,
        F: Future<Output = Result<T, E>> + Send,
        E: From<Error> + AsDbError + Send,
        T: Send,
    {
        self.attempts(Begin::Serializable, work, Location::caller())
    }

    /// Runs `work` on one consistent state of the database, that of its first statement, whatever is committed
    /// meanwhile. It locks nothing and no writer waits for it; on SQLite it takes one of the readers until it ends.
    ///
    /// Inside a transaction it sees what that has written, and refuses writes all the same.
    ///
    /// # Errors
    ///
    /// What `work` answers; [`Error::ReadOnly`] for a write in it, of which nothing was sent unless a function hid it.
    #[track_caller]
    pub fn read_only<T, E, F, W>(&self, work: W) -> impl Future<Output = Result<T, E>> + Send
    where
        W: Fn(Self) -> F + Send + Sync,
        F: Future<Output = Result<T, E>> + Send,
        E: From<Error> + AsDbError + Send,
        T: Send,
    {
        self.attempts(Begin::Read, work, Location::caller())
    }

    async fn attempts<T, E, F, W>(
        &self,
        kind: Begin,
        work: W,
        at: &'static Location<'static>,
    ) -> Result<T, E>
    where
        W: Fn(Self) -> F + Send + Sync,
        F: Future<Output = Result<T, E>> + Send,
        E: From<Error> + AsDbError + Send,
        T: Send,
    {
        if let Some(open) = &self.transaction {
            open.may_be_joined_by(kind)?;
            return work(Self {
                read_only: self.read_only || kind == Begin::Read,
                ..self.clone()
            })
            .await;
        }
        let most = self.db.transaction_attempts();
        let mut attempt = 1;
        loop {
            let began = Instant::now();
            match self.attempt(kind, &work, at).await {
                Err(e)
                    if attempt < most
                        && matches!(e.as_db_error(), Some(Error::Serialization { .. }))
                        && !self.scope.deadline().is_over() =>
                {
                    self.db.retried(began.elapsed());
                    tokio::time::sleep(HEAD_START * attempt).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn attempt<T, E, F, W>(
        &self,
        kind: Begin,
        work: &W,
        at: &'static Location<'static>,
    ) -> Result<T, E>
    where
        W: Fn(Self) -> F + Send + Sync,
        F: Future<Output = Result<T, E>> + Send,
        E: From<Error> + Send,
        T: Send,
    {
        let hold = self.db.transaction_hold();
        let whole = async {
            let begun = boxed(self.db.begin(kind, self.tenant()));
            let transaction = Arc::new(self.within("db.begin", begun).await?);
            // However this ends, a clone of the session that outlives it must not keep the transaction open.
            let ending = Ending(&transaction, Hold::begin(at));
            let hooks = Arc::new(Hooks::default());
            let session = Self {
                scope: self.scope.held_by(&ending.1).in_transaction(),
                transaction: Some(Arc::clone(&transaction)),
                hooks: Some(Arc::clone(&hooks)),
                read_only: kind == Begin::Read,
                ..self.clone()
            };
            match ending.1.during(work(session)).await {
                Ok(value) => {
                    self.within("db.commit", boxed(transaction.commit()))
                        .await?;
                    drop(ending);
                    hooks.run();
                    Ok(value)
                }
                Err(e) => {
                    // Past the deadline nobody waits for the undo: giving the connection up does the same.
                    drop(
                        self.within(
                            "db.rollback",
                            boxed(async {
                                transaction.rollback().await;
                                Ok(())
                            }),
                        )
                        .await,
                    );
                    Err(e)
                }
            }
        };
        match tokio::time::timeout(hold, whole).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout {
                statement: "db.transaction",
            }
            .into()),
        }
    }

    /// Refuses writes where only reading was asked for.
    pub(crate) const fn may_write(
        &self,
        statement: &'static str,
        writes: bool,
    ) -> Result<(), Error> {
        if self.read_only && writes {
            return Err(Error::ReadOnly { statement });
        }
        Ok(())
    }
}

/// Ends a transaction with the attempt that began it.
struct Ending<'a>(&'a Transaction, Hold);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.close();
        self.1.end();
    }
}

/// An error that may hold one of ours, so that a transaction knows when to try again.
pub trait AsDbError {
    /// The database error inside, if it is one.
    fn as_db_error(&self) -> Option<&Error>;
}

impl AsDbError for Error {
    fn as_db_error(&self) -> Option<&Error> {
        Some(self)
    }
}
