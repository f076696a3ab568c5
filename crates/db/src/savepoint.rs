//! A part of a transaction that can be undone by itself.

use std::sync::Arc;

use crate::error::Error;
use crate::hooks::Hooks;
use crate::session::{Session, boxed};
use crate::transaction::Transaction;

const NAME: &str = "db.savepoint";

impl Session {
    /// Runs `work` inside the transaction under way: when it answers `Err`, only what it wrote is undone, its
    /// [`on_commit`](Session::on_commit) hooks are dropped, and the transaction goes on, even after a statement that
    /// failed. Savepoints may be nested. Nothing else may run in the transaction meanwhile: it would be undone too.
    ///
    /// A future dropped in the middle ends the whole transaction.
    ///
    /// # Errors
    ///
    /// What `work` answers; [`Error::Statement`] outside of a transaction, and when `work` answers `Ok` after a statement
    /// that failed, which is undone as well.
    pub async fn savepoint<T, E, F, W>(&self, work: W) -> Result<T, E>
    where
        W: FnOnce(Self) -> F + Send,
        F: Future<Output = Result<T, E>> + Send,
        E: From<Error> + Send,
        T: Send,
    {
        let (Some(transaction), Some(outer)) = (&self.transaction, &self.hooks) else {
            return Err(Error::Statement {
                statement: NAME,
                source: "there is no transaction to go back in".into(),
            }
            .into());
        };
        self.within(NAME, boxed(transaction.savepoint())).await?;
        let mut unfinished = Unfinished(Some(transaction));
        let hooks = Arc::new(Hooks::default());
        let session = Self {
            hooks: Some(Arc::clone(&hooks)),
            ..self.clone()
        };
        let result = match work(session).await {
            Ok(value) => match self.within(NAME, boxed(transaction.release())).await {
                Ok(()) => Ok(value),
                Err(e) => Err(e.into()),
            },
            Err(e) => Err(e),
        };
        if result.is_ok() {
            outer.append(&hooks);
            unfinished.0 = None;
        } else {
            match self.within(NAME, boxed(transaction.back())).await {
                Ok(()) => unfinished.0 = None,
                Err(e) => tracing::debug!(error = %e, "a savepoint takes its transaction along"),
            }
        }
        result
    }
}

/// Ends the transaction of a savepoint that was neither kept nor undone.
struct Unfinished<'a>(Option<&'a Arc<Transaction>>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(transaction) = self.0 {
            transaction.close();
        }
    }
}
