//! A transaction with reads in the middle: the writer serves it alone until it ends.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::execute;
use super::watch::Watch;
use crate::batch::{Batch, Outcome};
use crate::capture::{Drain, Hub};
use crate::error::Error;
use crate::panics::caught;
use crate::statement::{Call, Shape};

/// One step, run on the writer's connection.
type Command = Box<dyn FnOnce(&Connection) + Send>;

enum Message {
    Command(Command),
    Commit(oneshot::Sender<Result<(), Error>>),
}

/// The writer's end.
pub(super) struct Commands {
    messages: Receiver<Message>,
    started: oneshot::Sender<Result<(), Error>>,
}

/// The caller's end. Closing or dropping it without a commit undoes the transaction.
#[derive(Debug)]
pub(crate) struct SqliteTransaction {
    messages: Sender<Message>,
    hub: Arc<Hub>,
}

/// A transaction that waits for its start.
pub(super) struct Starting {
    transaction: SqliteTransaction,
    started: oneshot::Receiver<Result<(), Error>>,
}

pub(super) fn pair(hub: Arc<Hub>) -> (Starting, Commands) {
    // One step at a time is in flight; the second place is for the commit.
    let (messages, receiver) = async_channel::bounded(2);
    let (reply, started) = oneshot::channel();
    let transaction = SqliteTransaction { messages, hub };
    (
        Starting {
            transaction,
            started,
        },
        Commands {
            messages: receiver,
            started: reply,
        },
    )
}

impl Starting {
    pub(super) async fn started(self) -> Result<SqliteTransaction, Error> {
        self.started
            .await
            .map_err(|e| Error::unavailable("db.begin", e))??;
        Ok(self.transaction)
    }
}

impl SqliteTransaction {
    pub(crate) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let name = call.name;
        self.step(name, move |conn| execute::run::<S>(conn, &call))
            .await
    }

    pub(crate) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let name = batch.name();
        let hub = Arc::clone(&self.hub);
        self.step(name, move |conn| {
            let steps = batch.steps.iter();
            steps.map(|s| execute::step(conn, s, &hub)).collect()
        })
        .await
    }

    /// Runs a text without parameters or answer.
    pub(crate) async fn plain(&self, name: &'static str, text: &'static str) -> Result<(), Error> {
        self.step(name, move |conn| {
            conn.execute_batch(text)
                .map_err(|e| execute::error(name, e))
        })
        .await
    }

    pub(crate) async fn commit(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let lost = || Error::Unavailable {
            statement: "db.commit",
            source: None,
        };
        self.messages
            .send(Message::Commit(reply))
            .await
            .map_err(|_lost| lost())?;
        answer.await.map_err(|_lost| lost())?
    }

    /// Undoes what is not committed, whoever else still holds this end.
    pub(crate) fn close(&self) {
        self.messages.close();
    }

    async fn step<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let lost = || Error::Unavailable {
            statement: name,
            source: None,
        };
        let command: Command = Box::new(move |conn| drop(reply.send(caught(name, || work(conn)))));
        self.messages
            .send(Message::Command(command))
            .await
            .map_err(|_lost| lost())?;
        answer.await.map_err(|_lost| lost())?
    }
}

/// Serves one transaction from `BEGIN` to its end.
pub(super) fn serve(conn: &Connection, commands: Commands, watch: &Watch, drain: &mut Drain) {
    let Commands { messages, started } = commands;
    if started.is_closed() {
        return;
    }
    let begun = conn
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(|e| execute::error("db.begin", e));
    let failed = begun.is_err();
    if started.send(begun).is_err() || failed {
        rollback(conn);
        return;
    }
    // A caller that gives up must not leave the writer busy with its last statement.
    let caller = messages.clone();
    watch.start(None, move || caller.is_closed());
    let commit = steps(conn, &messages);
    watch.stop();
    if let Some(reply) = commit {
        let committed = commit_and_tell(conn, drain).map_err(|e| execute::error("db.commit", e));
        if committed.is_err() {
            rollback(conn);
        }
        drop(reply.send(committed));
    } else {
        rollback(conn);
    }
}

/// Commits, and tells of the changes before anybody is answered.
pub(super) fn commit_and_tell(conn: &Connection, drain: &mut Drain) -> rusqlite::Result<()> {
    let taken = drain.take(conn)?;
    conn.execute_batch("COMMIT")?;
    drain.publish(&taken);
    Ok(())
}

/// Runs what the caller asks for until it wants a commit; `None` when the transaction is to be undone.
fn steps(
    conn: &Connection,
    messages: &Receiver<Message>,
) -> Option<oneshot::Sender<Result<(), Error>>> {
    loop {
        match messages.recv_blocking() {
            Ok(Message::Command(command)) => command(conn),
            Ok(Message::Commit(reply)) => return Some(reply),
            // The caller gave up: its closure failed, its deadline passed, or it was cancelled.
            Err(_) => return None,
        }
        // A full disk, an interrupted write and their like undo everything; what came after would stand by itself.
        if conn.is_autocommit() {
            return None;
        }
    }
}

pub(super) fn rollback(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(e) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(error = %e, "a transaction could not be undone");
    }
}
