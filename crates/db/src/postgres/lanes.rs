//! Lanes: connections that many callers share at once.
//!
//! The driver pipelines: a statement is sent as soon as its caller asks, without waiting for the answers before it.
//! So four connections carry thousands of statements in flight, and there is no pool to exhaust.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::execute;
use super::order::Order;
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::pace::Recent;
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
    made_at: Instant,
    /// Statements that the server has not answered yet, those whose caller left included.
    in_flight: AtomicUsize,
    /// Whose turn it is. A std mutex: held to note an event, never across an await.
    order: Mutex<Order>,
    // A std mutex: held for a look-up only, never across an await.
    prepared: Mutex<Prepared>,
}

type Slot = Arc<OnceCell<Statement>>;

#[derive(Debug, Default)]
struct Prepared {
    /// Declared statements, by where their text lies.
    declared: HashMap<(usize, usize), Slot>,
    built: HashMap<String, Slot>,
}

impl Lanes {
    pub(super) fn open(address: &Config, config: &PostgresConfig) -> Self {
        let away = Arc::<Away>::default();
        let lanes = (0..config.lanes.max(1))
            .map(|_| {
                let (sender, connection) = watch::channel(None);
                Lane {
                    connection,
                    keeper: tokio::spawn(keep(address.clone(), sender, Arc::clone(&away))),
                }
            })
            .collect();
        Self {
            all: lanes,
            wait: config.connect_wait,
            away,
        }
    }

    pub(super) async fn run<S: Shape>(
        &self,
        call: Call,
        recent: &Recent,
    ) -> Result<(S::Out, u64), Error> {
        let connection = self.connection(&call, None).await?;
        let first = connection.run::<S>(&call, recent).await;
        // A read that was lost on the way changed nothing, so it is asked once more. A lost write may have happened.
        match first {
            Err(Error::Unavailable { .. }) if !call.writes => {
                // What cut this connection may have cut the others too, unnoticed until now.
                let fresh = self.connection(&call, Some(Instant::now())).await?;
                fresh.run::<S>(&call, recent).await
            }
            result => result,
        }
    }

    /// The least busy connection, made after `since`; waits for one while there is none.
    ///
    /// The wait bridges a short absence of the server. In a long one nobody waits any more: callers that stand in a row
    /// behind one look-up would add up their waits.
    async fn connection(
        &self,
        call: &Call,
        since: Option<Instant>,
    ) -> Result<Arc<Connection>, Error> {
        let free = || {
            self.all
                .iter()
                .filter_map(|lane| lane.connection.borrow().clone())
                .filter(|connection| connection.is_live(since))
                .min_by_key(|connection| connection.in_flight.load(Ordering::Relaxed))
        };
        if let Some(connection) = free() {
            return Ok(connection);
        }
        let wait = self.wait.saturating_sub(self.away.elapsed());
        let wait = call
            .deadline
            .remaining()
            .map_or(wait, |left| left.min(wait));
        let any = futures::future::select_all(self.all.iter().map(|lane| {
            let mut connection = lane.connection.clone();
            Box::pin(async move {
                let live =
                    |c: &Option<Arc<Connection>>| c.as_ref().is_some_and(|c| c.is_live(since));
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
    fn is_live(&self, since: Option<Instant>) -> bool {
        !self.client.is_closed() && since.is_none_or(|since| self.made_at > since)
    }

    async fn run<S: Shape>(
        self: &Arc<Self>,
        call: &Call,
        recent: &Recent,
    ) -> Result<(S::Out, u64), Error> {
        let under_way = UnderWay::enter(self, recent);
        let mut result = self.attempt::<S>(call).await;
        if result.as_ref().is_err_and(execute::is_stale) {
            self.forget(call);
            result = self.attempt::<S>(call).await;
        }
        under_way.answered();
        result
    }

    async fn attempt<S: Shape>(&self, call: &Call) -> Result<(S::Out, u64), Error> {
        let statement = self.prepare(call).await?;
        execute::run::<S>(&self.client, call.name, &statement, &call.values).await
    }

    fn order(&self) -> std::sync::MutexGuard<'_, Order> {
        let order = self.order.lock();
        order.expect("no holder of the lane's lock can panic")
    }

    /// Waits until the server has answered what nobody waits for any more. Answers come in order, so that an empty
    /// statement tells. One call at a time does it for all that were abandoned meanwhile.
    async fn outwait(&self) {
        loop {
            let waiting = self.order().abandoned.clone();
            if self.client.batch_execute("").await.is_err() {
                return;
            }
            self.in_flight.fetch_sub(waiting.len(), Ordering::Relaxed);
            let mut order = self.order();
            for turn in &waiting {
                order.answer(*turn);
            }
            order.abandoned.drain(..waiting.len());
            if order.abandoned.is_empty() {
                return;
            }
        }
    }

    /// Drops what is prepared of a text, so that it is prepared anew.
    fn forget(&self, call: &Call) {
        let mut prepared = self
            .prepared
            .lock()
            .expect("no holder of the lane's lock can panic");
        match &call.text {
            CallText::Declared { postgres, .. } => {
                prepared.declared.remove(&key(postgres));
            }
            CallText::Built(text) => {
                prepared.built.remove(text);
            }
        }
    }

    async fn prepare(&self, call: &Call) -> Result<Statement, Error> {
        let slot = {
            let mut prepared = self
                .prepared
                .lock()
                .expect("no holder of the lane's lock can panic");
            match &call.text {
                CallText::Declared { postgres, .. } => {
                    Arc::clone(prepared.declared.entry(key(postgres)).or_default())
                }
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

fn key(text: &'static str) -> (usize, usize) {
    (text.as_ptr().addr(), text.len())
}

/// A statement under way. Dropped before its answer, it goes on counting until the server is done with it: else the
/// lane that it blocks would look idle and draw everything to itself.
struct UnderWay<'a> {
    connection: &'a Arc<Connection>,
    recent: &'a Recent,
    turn: usize,
    sent_at: Instant,
    answered: bool,
}

impl<'a> UnderWay<'a> {
    fn enter(connection: &'a Arc<Connection>, recent: &'a Recent) -> Self {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            connection,
            recent,
            turn: connection.order().send(),
            sent_at: Instant::now(),
            answered: false,
        }
    }

    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let connection = self.connection;
        let mut order = connection.order();
        // What stands behind another one is not what the server spends its time on.
        if let Some(since) = order.head_since(self.turn) {
            self.recent.note(since.max(self.sent_at).elapsed());
        }
        if self.answered {
            connection.in_flight.fetch_sub(1, Ordering::Relaxed);
            order.answer(self.turn);
            return;
        }
        order.abandoned.push(self.turn);
        if order.abandoned.len() == 1
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let connection = Arc::clone(connection);
            runtime.spawn(async move { connection.outwait().await });
        }
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
                    made_at: Instant::now(),
                    in_flight: AtomicUsize::new(0),
                    order: Mutex::new(Order::new()),
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
