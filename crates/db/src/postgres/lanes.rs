//! Lanes: connections that many callers share at once.
//!
//! The driver pipelines: a statement is sent as soon as its caller asks, without waiting for the answers before it.
//! So four connections carry thousands of statements in flight, and there is no pool to exhaust. How many are open
//! follows the crowd on them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Config;

use super::adapt::{Adapt, Bounds, Crowd};
use super::keeper::Keeper;
use super::lane::{Connection, Made};
use super::meters::Meters;
use super::types::Types;
use crate::config::PostgresConfig;
use crate::error::Error;
use crate::pace::Recent;
use crate::pools::PoolState;
use crate::statement::{Call, Shape};

#[derive(Debug)]
pub(super) struct Lanes {
    /// As many as there may be; the first ones are open.
    all: Vec<Lane>,
    shared: Arc<Shared>,
    most: AtomicUsize,
    least: usize,
    idle_after: Duration,
    retry_reads: bool,
    // A std mutex: held for one decision, never across an await.
    adapt: Mutex<Adapt>,
}

/// What the keepers of all lanes share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) address: Config,
    pub(super) name: &'static str,
    pub(super) types: Option<Arc<Types>>,
    /// How many lanes are to be open.
    pub(super) wanted: watch::Sender<usize>,
    pub(super) away: Away,
    pub(super) wait: Duration,
    /// The longest that the server works on a statement.
    pub(super) statement: Duration,
    pub(super) max_age: Duration,
    pub(super) ping_after: Duration,
    pub(super) meters: Meters,
    pub(super) retired: std::sync::atomic::AtomicU64,
    pub(super) dead: std::sync::atomic::AtomicU64,
}

/// Since when the server takes no connections; none while it does.
#[derive(Debug, Default)]
pub(super) struct Away(Mutex<Option<Instant>>);

impl Away {
    pub(super) fn refused(&self) {
        self.lock().get_or_insert_with(Instant::now);
    }

    pub(super) fn accepted(&self) {
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

impl Lanes {
    /// Opens the least number of lanes; up to `most` may follow.
    pub(super) fn open(
        name: &'static str,
        address: Config,
        config: &PostgresConfig,
        most: usize,
        types: Option<Arc<Types>>,
    ) -> Self {
        let most = most.max(1);
        let least = config.lanes_min.clamp(1, most);
        let shared = Arc::new(Shared {
            address,
            name,
            types,
            wanted: watch::Sender::new(least),
            away: Away::default(),
            wait: config.connect_wait,
            statement: config.statement_timeout,
            max_age: config.max_age,
            ping_after: config.idle_ping,
            meters: Meters::of(name),
            retired: 0.into(),
            dead: 0.into(),
        });
        let all = (0..most)
            .map(|number| {
                let (sender, connection) = watch::channel(None);
                let keeper = Keeper::new(number, Arc::clone(&shared), sender);
                Lane {
                    connection,
                    keeper: tokio::spawn(keeper.run()),
                }
            })
            .collect();
        Self {
            all,
            shared,
            most: AtomicUsize::new(most),
            least,
            idle_after: config.lanes_idle,
            retry_reads: config.retry_reads,
            adapt: Mutex::new(Adapt::new(Instant::now())),
        }
    }

    pub(super) async fn run<S: Shape>(
        &self,
        call: &Call,
        recent: &Recent,
    ) -> Result<(S::Out, u64), Error> {
        let connection = self.connection(call, Made::Whenever).await?;
        let sent_at = Instant::now();
        let first = connection.run::<S>(call, recent).await;
        // A read that was lost on the way changed nothing, so it is asked once more. A lost write may have happened.
        match first {
            Err(Error::Unavailable { .. }) if !call.writes && self.retry_reads => {
                // What cut this connection may have cut those that were there with it, unnoticed until now.
                let fresh = self.connection(call, Made::After(sent_at)).await?;
                fresh.run::<S>(call, recent).await
            }
            result => result,
        }
    }

    fn opened(&self) -> &[Lane] {
        let wanted = (*self.shared.wanted.borrow()).clamp(1, self.all.len());
        &self.all[..wanted]
    }

    /// The least busy connection of those that fit, if there is one now.
    pub(super) fn free(&self, made: Made) -> Option<Arc<Connection>> {
        let mut best: Option<(usize, Arc<Connection>)> = None;
        for lane in self.opened() {
            // Not cloned to be looked at: all callers of all threads count on the same connections.
            let connection = lane.connection.borrow();
            let Some(connection) = connection.as_ref().filter(|c| c.is_live(made)) else {
                continue;
            };
            let crowd = connection.in_flight();
            if best.as_ref().is_none_or(|(least, _)| crowd < *least) {
                best = Some((crowd, Arc::clone(connection)));
            }
        }
        best.map(|(_, connection)| connection)
    }

    /// The same; waits for one while there is none.
    ///
    /// The wait bridges a short absence of the server. In a long one nobody waits any more: callers that stand in a row
    /// behind one look-up would add up their waits.
    async fn connection(&self, call: &Call, made: Made) -> Result<Arc<Connection>, Error> {
        if let Some(connection) = self.free(made) {
            return Ok(connection);
        }
        let wait = self.shared.wait.saturating_sub(self.shared.away.elapsed());
        let wait = call
            .deadline
            .remaining()
            .map_or(wait, |left| left.min(wait));
        let any = futures::future::select_all(self.opened().iter().map(|lane| {
            let mut connection = lane.connection.clone();
            Box::pin(async move {
                let live =
                    |c: &Option<Arc<Connection>>| c.as_ref().is_some_and(|c| c.is_live(made));
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

    /// Opens one more lane, or closes one, as the crowd of the time since the last call wants it; answers whether
    /// anything was sent in that time. A lane that is closed takes nothing new and ends once all of it is answered.
    pub(super) fn adapt(&self, now: Instant) -> bool {
        let opened = self.opened();
        let mut crowd = Crowd::default();
        for connection in opened.iter().filter_map(|l| l.connection.borrow().clone()) {
            let (sent, before) = connection.crowd();
            crowd.sent += sent;
            crowd.before += before;
            crowd.connected += 1;
        }
        let bounds = Bounds {
            least: self.least,
            most: self.most.load(Ordering::Relaxed),
            idle_after: self.idle_after,
        };
        let is_busy = crowd.sent > 0;
        let (open, name) = (opened.len(), self.shared.name);
        let wanted = {
            let mut adapt = self.adapt.lock().expect("no holder of this lock can panic");
            adapt.look(now, open, &crowd, bounds)
        };
        if wanted != open {
            tracing::debug!(pool = name, from = open, to = wanted, "the lanes change");
            self.shared.wanted.send_replace(wanted);
        }
        is_busy
    }

    /// Opens no more than `most` from now on.
    pub(super) fn narrow(&self, most: usize) {
        let most = most.clamp(1, self.all.len());
        self.most.fetch_min(most, Ordering::Relaxed);
        self.shared.wanted.send_if_modified(|wanted| {
            let fewer = *wanted > most;
            *wanted = (*wanted).min(most);
            fewer
        });
    }

    pub(super) fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    pub(super) fn state(&self, pending: usize) -> PoolState {
        let opened = self.opened();
        let live: Vec<_> = opened
            .iter()
            .filter_map(|lane| lane.connection.borrow().clone())
            .filter(|connection| connection.is_live(Made::Whenever))
            .collect();
        let used = live.iter().filter(|c| c.in_flight() > 0).count();
        let most = self.most.load(Ordering::Relaxed);
        self.shared.meters.complete(PoolState {
            name: self.shared.name,
            used,
            idle: live.len() - used,
            min: self.least.min(most),
            max: most,
            pending,
            retired: self.shared.retired.load(Ordering::Relaxed),
            dead: self.shared.dead.load(Ordering::Relaxed),
            ..PoolState::default()
        })
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
