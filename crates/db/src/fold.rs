//! Folds many small writes into few large ones, and answers each after its commit.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::panics::caught_in;

/// How writes are folded.
#[derive(Clone, Copy, Debug)]
pub struct FoldConfig {
    /// Writes that may wait. Default 8,192.
    pub queue: usize,
    /// Writes in one commit at most. Default 100.
    pub batch_max: usize,
    /// How long a commit waits for company while fewer than `linger_below` are there. Default 2 ms.
    pub linger: Duration,
    /// See `linger`. Default 10.
    pub linger_below: usize,
    /// Commits under way at once. Default 2 on PostgreSQL; SQLite has one writer anyway.
    pub committers: usize,
    /// How long a write waits for a place in the queue before it is refused. Default 500 ms.
    pub wait: Duration,
}

impl Default for FoldConfig {
    fn default() -> Self {
        Self {
            queue: 8_192,
            batch_max: 100,
            linger: Duration::from_millis(2),
            linger_below: 10,
            committers: 2,
            wait: Duration::from_millis(500),
        }
    }
}

/// Writes many items at once; answers one result for each, in order.
type Write<T, O> = Arc<dyn Fn(Arc<[T]>) -> BoxFuture<'static, Result<Vec<O>, Error>> + Send + Sync>;

struct Entry<T, O> {
    item: T,
    reply: oneshot::Sender<Result<O, Error>>,
}

/// A bounded queue with committers behind it.
///
/// An item is acknowledged after the commit that holds it. An item that breaks a rule of the schema fails alone: its
/// batch is written again in halves. A caller that goes away may still find its item written.
pub struct Fold<T, O> {
    name: &'static str,
    queue: Sender<Entry<T, O>>,
    wait: Duration,
    committers: Mutex<Vec<JoinHandle<()>>>,
}

impl<T, O> fmt::Debug for Fold<T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold")
            .field("name", &self.name)
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl<T: Clone + Send + Sync + 'static, O: Send + 'static> Fold<T, O> {
    /// Starts the committers; `name` stands in errors and logs.
    pub fn start(
        name: &'static str,
        config: FoldConfig,
        write: impl Fn(Arc<[T]>) -> BoxFuture<'static, Result<Vec<O>, Error>> + Send + Sync + 'static,
    ) -> Self {
        let (queue, entries) = async_channel::bounded(config.queue);
        let write: Write<T, O> = Arc::new(write);
        let committers = (0..config.committers.max(1))
            .map(|_| {
                tokio::spawn(commit_all(
                    name,
                    config,
                    entries.clone(),
                    Arc::clone(&write),
                ))
            })
            .collect();
        Self {
            name,
            queue,
            wait: config.wait,
            committers: Mutex::new(committers),
        }
    }

    /// Hands over one item and waits for its commit.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`] when the queue stays full, [`Error::Unavailable`] after [`Fold::close`], else what the
    /// write answered for this item.
    pub async fn push(&self, item: T) -> Result<O, Error> {
        let (reply, answer) = oneshot::channel();
        let entry = Entry { item, reply };
        let closed = || Error::Unavailable {
            statement: self.name,
            source: None,
        };
        match self.queue.try_send(entry) {
            Ok(()) => {}
            Err(async_channel::TrySendError::Closed(_)) => return Err(closed()),
            Err(async_channel::TrySendError::Full(entry)) => {
                match tokio::time::timeout(self.wait, self.queue.send(entry)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(closed()),
                    Err(_) => {
                        return Err(Error::Overloaded {
                            statement: self.name,
                        });
                    }
                }
            }
        }
        answer.await.map_err(|_lost| closed())?
    }

    /// Items that wait.
    pub fn depth(&self) -> usize {
        self.queue.len()
    }

    /// Takes no more, commits what waits, and ends.
    pub async fn close(&self) {
        self.queue.close();
        let committers = std::mem::take(
            &mut *self
                .committers
                .lock()
                .expect("no holder of this lock can panic"),
        );
        for committer in committers {
            if let Err(e) = committer.await {
                tracing::error!(fold = self.name, error = %e, "a committer ended badly");
            }
        }
    }
}

async fn commit_all<T: Clone + Send + Sync + 'static, O: Send + 'static>(
    name: &'static str,
    config: FoldConfig,
    entries: Receiver<Entry<T, O>>,
    write: Write<T, O>,
) {
    while let Ok(first) = entries.recv().await {
        let mut items = vec![first.item];
        let mut replies = vec![first.reply];
        let mut take = |entry: Entry<T, O>| {
            items.push(entry.item);
            replies.push(entry.reply);
            items.len()
        };
        let mut count = 1;
        while count < config.batch_max
            && let Ok(entry) = entries.try_recv()
        {
            count = take(entry);
        }
        if count < config.linger_below && config.linger > Duration::ZERO {
            let end = tokio::time::Instant::now() + config.linger;
            while count < config.linger_below {
                let Ok(Ok(entry)) = tokio::time::timeout_at(end, entries.recv()).await else {
                    break;
                };
                count = take(entry);
            }
        }
        write_apart(name, &write, items, replies).await;
    }
}

/// Writes the items; while a rule of the schema is broken, in halves, so that only the item at fault fails.
async fn write_apart<T: Clone + Send + Sync + 'static, O: Send + 'static>(
    name: &'static str,
    write: &Write<T, O>,
    items: Vec<T>,
    replies: Vec<oneshot::Sender<Result<O, Error>>>,
) {
    let mut parts = vec![(items, replies)];
    while let Some((mut items, mut replies)) = parts.pop() {
        let shared: Arc<[T]> = items.clone().into();
        let count = items.len();
        let written = caught_in(name, async { write(shared).await }).await;
        let written = written.and_then(|results| {
            if results.len() == count {
                return Ok(results);
            }
            Err(Error::Statement {
                statement: name,
                source: format!("{} results for {count} items", results.len()).into(),
            })
        });
        match written {
            Ok(results) => {
                for (reply, result) in replies.into_iter().zip(results) {
                    drop(reply.send(Ok(result)));
                }
            }
            Err(e) if e.is_constraint() && items.len() > 1 => {
                let right_items = items.split_off(items.len() / 2);
                let right_replies = replies.split_off(items.len());
                parts.push((right_items, right_replies));
                parts.push((items, replies));
            }
            Err(e) => {
                let mut replies = replies.into_iter();
                let rest = replies.next_back();
                for reply in replies {
                    drop(reply.send(Err(e.again(name))));
                }
                if let Some(reply) = rest {
                    drop(reply.send(Err(e)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Constraint;

    type Sizes = Arc<Mutex<Vec<usize>>>;

    fn fold(config: FoldConfig) -> (Arc<Fold<i32, usize>>, Sizes) {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let fold = Fold::start("test.fold", config, move |items: Arc<[i32]>| {
            let seen = Arc::clone(&seen);
            Box::pin(async move {
                if items.contains(&13) {
                    return Err(Error::Constraint {
                        statement: "test.fold",
                        constraint: Constraint::Check,
                        rule: "no_thirteen".to_owned(),
                        source: "13".into(),
                    });
                }
                seen.lock().unwrap().push(items.len());
                Ok(items.iter().map(|_| items.len()).collect())
            })
        });
        (Arc::new(fold), sizes)
    }

    #[tokio::test]
    async fn many_writes_share_few_commits() {
        let (fold, sizes) = fold(FoldConfig {
            committers: 1,
            ..FoldConfig::default()
        });
        let pushes = (0..300).map(|_| fold.push(1));
        let results = futures::future::join_all(pushes).await;
        assert!(results.iter().all(Result::is_ok));
        let sizes = sizes.lock().unwrap().clone();
        assert_eq!(sizes.iter().sum::<usize>(), 300);
        assert!(sizes.len() <= 10, "{sizes:?}");
    }

    #[tokio::test]
    async fn only_the_item_at_fault_fails() {
        let (fold, _) = fold(FoldConfig {
            committers: 1,
            ..FoldConfig::default()
        });
        let results = futures::future::join_all((0..50).map(|i| fold.push(i))).await;
        for (i, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), i == 13, "item {i}: {result:?}");
        }
        fold.close().await;
        assert!(matches!(fold.push(1).await, Err(Error::Unavailable { .. })));
    }
}
