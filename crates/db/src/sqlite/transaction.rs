//! A transaction with reads in the middle: the writer serves it alone until it ends.

use async_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::execute;
use super::watch::Watch;
use crate::batch::{Batch, Outcome};
use crate::capture::{Drain, Notes};
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
    notes: Notes,
}

/// A transaction that waits for its start.
pub(super) struct Starting {
    transaction: SqliteTransaction,
    started: oneshot::Receiver<Result<(), Error>>,
}

pub(super) fn pair(notes: Notes) -> (Starting, Commands) {
    // One step at a time is in flight; the second place is for the commit.
    let (messages, receiver) = async_channel::bounded(2);
    let (reply, started) = oneshot::channel();
    let transaction = SqliteTransaction { messages, notes };
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
        let notes = self.notes.clone();
        self.step(name, move |conn| {
            let steps = batch.steps.iter();
            steps.map(|s| execute::step(conn, s, &notes)).collect()
        })
        .await
    }

    /// Sets a savepoint.
    pub(crate) async fn savepoint(&self) -> Result<(), Error> {
        self.plain("SAVEPOINT brisk", Notes::savepoint).await
    }

    /// Gives the latest savepoint up, and with `undo` what came after it.
    pub(crate) async fn leave_savepoint(&self, undo: bool) -> Result<(), Error> {
        let text = if undo {
            "ROLLBACK TO SAVEPOINT brisk; RELEASE SAVEPOINT brisk"
        } else {
            "RELEASE SAVEPOINT brisk"
        };
        self.plain(text, move |notes| notes.leave_savepoint(undo))
            .await
    }

    async fn plain(
        &self,
        text: &'static str,
        done: impl FnOnce(&Notes) + Send + 'static,
    ) -> Result<(), Error> {
        let notes = self.notes.clone();
        self.step("db.savepoint", move |conn| {
            conn.execute_batch(text)
                .map_err(|e| execute::error("db.savepoint", e))?;
            done(&notes);
            Ok(())
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
        let notes = self.notes.clone();
        let command: Command = Box::new(move |conn| {
            drop(reply.send(notes.of(|| caught(name, || work(conn)))));
        });
        self.messages
            .send(Message::Command(command))
            .await
            .map_err(|_lost| lost())?;
        answer.await.map_err(|_lost| lost())?
    }
}

/// Serves one transaction from `BEGIN` to its end.
pub(super) fn serve(conn: &Connection, commands: Commands, watch: &Watch, drain: &mut Drain) {
    serve_from(conn, "BEGIN IMMEDIATE", commands, watch, Some(drain));
}

/// The same on a reader's connection, where nothing can be written.
pub(super) fn serve_reads(conn: &Connection, commands: Commands, watch: &Watch) {
    serve_from(conn, "BEGIN", commands, watch, None);
}

fn serve_from(
    conn: &Connection,
    text: &str,
    commands: Commands,
    watch: &Watch,
    mut drain: Option<&mut Drain>,
) {
    let Commands { messages, started } = commands;
    if started.is_closed() {
        return;
    }
    let begun = conn
        .execute_batch(text)
        .map_err(|e| execute::error("db.begin", e));
    let failed = begun.is_err();
    if !failed && let Some(drain) = drain.as_deref_mut() {
        drain.begun(conn);
    }
    if started.send(begun).is_err() || failed {
        undo(conn, drain);
        return;
    }
    // A caller that gives up must not leave the thread busy with its last statement.
    let caller = messages.clone();
    watch.start(None, move || caller.is_closed());
    let wanted = steps(conn, &messages);
    watch.stop();
    if let Some(reply) = wanted {
        let committed = match drain.as_deref_mut() {
            Some(drain) => commit_and_tell(conn, drain),
            None => conn.execute_batch("COMMIT"),
        };
        if committed.is_err() {
            undo(conn, drain);
        }
        drop(reply.send(committed.map_err(|e| execute::error("db.commit", e))));
    } else {
        undo(conn, drain);
    }
}

fn undo(conn: &Connection, drain: Option<&mut Drain>) {
    rollback(conn);
    if let Some(drain) = drain {
        drain.undone();
    }
}

/// Commits, and tells of the changes before anybody is answered.
pub(super) fn commit_and_tell(conn: &Connection, drain: &mut Drain) -> rusqlite::Result<()> {
    conn.execute_batch("COMMIT")?;
    drain.committed();
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
