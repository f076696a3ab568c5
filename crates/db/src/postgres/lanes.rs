//! Lanes: connections that many callers share at once.
//!
//! The driver pipelines: a statement is sent as soon as its caller asks, without waiting for the answers before it.
//! So four connections carry thousands of statements in flight, and there is no pool to exhaust.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::execute;
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::statement::{Call, CallText, Shape};

/// Built texts that one connection keeps prepared; past that the oldest shapes are prepared anew.
const BUILT_TEXTS: usize = 512;

/// The wait before the second attempt to connect; doubles up to [`BACKOFF_CAP`].
const BACKOFF_START: Duration = Duration::from_millis(20);
const BACKOFF_CAP: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Lanes {
    all: Vec<Lane>,
    wait: Duration,
    away: Arc<Away>,
}

/// Since when the server takes no connections; none while it does.
#[derive(Debug, Default)]
struct Away(Mutex<Option<Instant>>);

impl Away {
    fn refused(&self) {
        self.lock().get_or_insert_with(Instant::now);
    }

    fn accepted(&self) {
        *self.lock() = None;
    }

    fn elapsed(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().expect("no holder of this lock can panic")
    }
}

#[derive(Debug)]
struct Lane {
    /// The connection, while there is one.
    connection: watch::Receiver<Option<Arc<Connection>>>,
    keeper: JoinHandle<()>,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    in_flight: AtomicUsize,
    // A std mutex: held for a look-up only, never across an await.
    prepared: Mutex<Prepared>,
}

type Slot = Arc<OnceCell<Statement>>;

#[derive(Debug, Default)]
struct Prepared {
    /// Declared statements, by the address of their text.
    declared: HashMap<usize, Slot>,
    built: HashMap<String, Slot>,
}

impl Lanes {
    pub(super) fn open(address: &Config, config: &PostgresConfig) -> Self {
        let away = Arc::<Away>::default();
        let all = (0..config.lanes.max(1))
            .map(|_| {
                let (sender, connection) = watch::channel(None);
                Lane {
                    connection,
                    keeper: tokio::spawn(keep(address.clone(), sender, Arc::clone(&away))),
                }
            })
            .collect();
        Self {
            all,
            wait: config.connect_wait,
            away,
        }
    }

    pub(super) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        let first = self.attempt::<S>(&call).await;
        // A read that was lost on the way changed nothing, so it is asked once more. A lost write may have happened.
        match first {
            Err(Error::Unavailable { .. }) if !call.writes => self.attempt::<S>(&call).await,
            result => result,
        }
    }

    async fn attempt<S: Shape>(&self, call: &Call) -> Result<(S::Out, u64), Error> {
        let connection = self.connection(call).await?;
        let _in_flight = InFlight::enter(&connection);
        let statement = connection.prepare(call).await?;
        execute::run::<S>(&connection.client, call.name, &statement, &call.values).await
    }

    /// The least busy connection; waits for one while there is none.
    ///
    /// The wait bridges a short absence of the server. In a long one nobody waits any more: callers that stand in a row
    /// behind one look-up would add up their waits.
    async fn connection(&self, call: &Call) -> Result<Arc<Connection>, Error> {
        let free = || {
            self.all
                .iter()
                .filter_map(|lane| lane.connection.borrow().clone())
                .filter(|connection| !connection.client.is_closed())
                .min_by_key(|connection| connection.in_flight.load(Ordering::Relaxed))
        };
        if let Some(connection) = free() {
            return Ok(connection);
        }
        let wait = self.wait.saturating_sub(self.away.elapsed());
        let wait = call.time_left.map_or(wait, |left| left.min(wait));
        let any = futures::future::select_all(self.all.iter().map(|lane| {
            let mut connection = lane.connection.clone();
            Box::pin(async move {
                let live =
                    |c: &Option<Arc<Connection>>| c.as_ref().is_some_and(|c| !c.client.is_closed());
                connection.wait_for(live).await.ok().and_then(|c| c.clone())
            })
        }));
        match tokio::time::timeout(wait, any).await {
            Ok((Some(connection), ..)) => Ok(connection),
            _ => Err(Error::Unavailable {
                statement: call.name,
                source: None,
            }),
        }
    }

    pub(super) fn close(&self) {
        for lane in &self.all {
            lane.keeper.abort();
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.close();
    }
}

impl Connection {
    async fn prepare(&self, call: &Call) -> Result<Statement, Error> {
        let slot = {
            let mut prepared = self
                .prepared
                .lock()
                .expect("no holder of the lane's lock can panic");
            match &call.text {
                CallText::Declared { postgres, .. } => Arc::clone(
                    prepared
                        .declared
                        .entry(postgres.as_ptr().addr())
                        .or_default(),
                ),
                CallText::Built(text) => {
                    if let Some(slot) = prepared.built.get(text) {
                        Arc::clone(slot)
                    } else {
                        if prepared.built.len() >= BUILT_TEXTS {
                            prepared.built.clear();
                        }
                        Arc::clone(prepared.built.entry(text.clone()).or_default())
                    }
                }
            }
        };
        let prepare = || self.client.prepare(call.postgres_text());
        slot.get_or_try_init(prepare)
            .await
            .cloned()
            .map_err(|e| execute::error(call.name, e))
    }
}

/// Counts a statement as under way for as long as it lives.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn enter(connection: &'a Connection) -> Self {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(&connection.in_flight)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps one lane connected until it is told to stop.
async fn keep(address: Config, lane: watch::Sender<Option<Arc<Connection>>>, away: Arc<Away>) {
    let mut backoff = BACKOFF_START;
    loop {
        match address.connect(NoTls).await {
            Ok((client, connection)) => {
                backoff = BACKOFF_START;
                away.accepted();
                lane.send_replace(Some(Arc::new(Connection {
                    client,
                    in_flight: AtomicUsize::new(0),
                    prepared: Mutex::default(),
                })));
                if let Err(e) = connection.await {
                    tracing::warn!(error = %e, "a database connection was lost; connecting again");
                }
                lane.send_replace(None);
            }
            Err(e) => {
                away.refused();
                tracing::debug!(error = %e, wait_ms = backoff.as_millis(), "the database does not take connections");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_CAP);
            }
        }
    }
}
