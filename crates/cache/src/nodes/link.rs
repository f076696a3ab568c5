//! The connection to Redis, and whether it is worth asking.
//!
//! Nobody waits for a connection. A task keeps one; while there is none, or while commands fail, the tier is skipped and
//! everything goes on without it. The task tries again after a short pause that grows, so that a server which accepts and
//! does not answer costs its timeouts a few times, not at every miss.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::address::Place;
use crate::stats::Count;

/// Commands in a row that went unanswered before the server counts as away. One may be a slow command of somebody else.
const FAILURES: u32 = 3;

/// The pause before the connection is tried again; doubles up to the cap, and begins anew after a time without a failure.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const GOOD_TIME: Duration = Duration::from_secs(10);

/// A connection and its first answer take several round trips.
const CONNECT_ROUNDS: u32 = 4;

const POISONED: &str = "no holder of this lock can panic";

/// A connection that many share; commands of the same moment travel together.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

/// The way to the server.
pub(super) struct Link {
    pub(super) place: Place,
    limit: Duration,
    up: RwLock<Option<Up>>,
    is_up: watch::Sender<bool>,
    /// Wakes the keeper: the connection is gone.
    gone: Notify,
    unanswered: AtomicU32,
    turns: AtomicU64,
    pub(super) counts: LinkCounts,
}

/// What happened on the way.
#[derive(Debug, Default)]
pub(super) struct LinkCounts {
    /// Commands that failed or were not answered in time.
    pub(super) errors: Count,
    /// Commands that were not sent because the server was away.
    pub(super) skipped: Count,
    /// Connections that were lost.
    pub(super) lost: Count,
}

#[derive(Clone)]
struct Up {
    /// Which connection: an old one's failure says nothing about the next.
    turn: u64,
    connection: Connection,
}

impl Link {
    pub(super) fn new(place: Place, limit: Duration) -> Self {
        Self {
            place,
            limit,
            up: RwLock::default(),
            is_up: watch::Sender::new(false),
            gone: Notify::new(),
            unanswered: AtomicU32::new(0),
            turns: AtomicU64::new(0),
            counts: LinkCounts::default(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// Ready when there is a connection.
    pub(super) async fn risen(&self) {
        let mut is_up = self.is_up.subscribe();
        // An error would mean that we are gone ourselves.
        drop(is_up.wait_for(|up| *up).await);
    }

    /// Ready when there is none.
    pub(super) async fn fallen(&self) {
        let mut is_up = self.is_up.subscribe();
        drop(is_up.wait_for(|up| !*up).await);
    }

    /// Asks; none where there is no answer, for whatever reason.
    pub(super) async fn ask(&self, command: &Cmd) -> Option<Value> {
        let up = self.up.read().expect(POISONED).clone();
        let Some(mut up) = up else {
            self.counts.skipped.one();
            return None;
        };
        match timeout(self.limit, up.connection.ask(command)).await {
            Ok(Ok(value)) => {
                self.unanswered.store(0, Ordering::Relaxed);
                Some(value)
            }
            Ok(Err(error)) => {
                self.counts.errors.one();
                if is_away(&error) {
                    self.lose(up.turn, &error);
                } else {
                    tracing::debug!(%error, "the nodes' cache refused a command");
                }
                None
            }
            Err(_) => {
                self.counts.errors.one();
                if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
                    self.lose(up.turn, &"it does not answer");
                }
                None
            }
        }
    }

    fn lose(&self, turn: u64, why: &dyn std::fmt::Display) {
        let mut up = self.up.write().expect(POISONED);
        if up.take_if(|up| up.turn == turn).is_none() {
            return;
        }
        drop(up);
        self.is_up.send_replace(false);
        self.counts.lost.one();
        tracing::warn!(%why, "the nodes' cache is away; everything goes on without it");
        self.gone.notify_one();
    }

    /// Keeps the connection until the task is aborted.
    pub(super) async fn keep(self: Arc<Self>) {
        let (mut pause, mut warned) = (PAUSE, false);
        loop {
            match self.connect().await {
                Ok(connection) => {
                    let since = Instant::now();
                    self.rise(connection);
                    self.gone.notified().await;
                    if since.elapsed() >= GOOD_TIME {
                        pause = PAUSE;
                    }
                }
                Err(error) if warned => {
                    tracing::debug!(%error, "the nodes' cache cannot be reached");
                }
                Err(error) => {
                    tracing::warn!(%error, "the nodes' cache cannot be reached; everything goes on without it");
                }
            }
            // Of an absence one word is enough.
            warned = true;
            tokio::time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Connects, and sees that commands are answered.
    async fn connect(&self) -> RedisResult<Connection> {
        let late = || RedisError::from((ErrorKind::Io, "it does not answer"));
        let connecting = async {
            let mut connection = self.place.connect().await?;
            connection.ask(&redis::cmd("PING")).await?;
            Ok(connection)
        };
        let limited = timeout(self.limit * CONNECT_ROUNDS, connecting);
        limited.await.unwrap_or_else(|_| Err(late()))
    }

    fn rise(&self, connection: Connection) {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        self.unanswered.store(0, Ordering::Relaxed);
        *self.up.write().expect(POISONED) = Some(Up { turn, connection });
        self.is_up.send_replace(true);
        if turn > 0 {
            tracing::info!("the nodes' cache is back");
        }
    }
}

/// Whether another connection may help where this one did not.
fn is_away(error: &RedisError) -> bool {
    match error.kind() {
        // A server that is loading, or that has become a replica, or lost its master.
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
        ),
        ErrorKind::Io => true,
        _ => error.is_unrecoverable_error(),
    }
}
