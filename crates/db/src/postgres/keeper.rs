//! Keeps one lane connected for as long as it is wanted, renews its connection in time, and finds out when it is dead.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;
use tokio_postgres::{Client, NoTls};

use super::lane::Connection;
use super::lanes::Shared;
use super::pool::jittered;

/// The wait before the second attempt to connect; doubles up to [`BACKOFF_CAP`].
const BACKOFF_START: Duration = Duration::from_millis(20);
const BACKOFF_CAP: Duration = Duration::from_secs(1);

/// A lane whose first statement has waited for so long gets another connection: what it was sent on may be half open,
/// which the system notices only after [`SILENCE`](super::SILENCE), or never where something on the way still answers.
const SILENT: Duration = Duration::from_secs(1);

pub(super) struct Keeper {
    number: usize,
    shared: Arc<Shared>,
    wanted: watch::Receiver<usize>,
    lane: watch::Sender<Option<Arc<Connection>>>,
    /// Connections that take nothing new and end once all is answered.
    leaving: Vec<Driver>,
    /// A silent one, which may still answer what was sent on it.
    silent: Option<Driver>,
}

/// The task that drives a connection; ends with its user at the latest.
struct Driver(JoinHandle<Result<(), tokio_postgres::Error>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    /// The same for no longer than `span`.
    fn until(self, span: Duration) -> Self {
        let mut driver = self;
        Self(tokio::spawn(async move {
            match tokio::time::timeout(span, &mut driver.0).await {
                Ok(Ok(ended)) => ended,
                Ok(Err(_)) | Err(_) => Ok(()),
            }
        }))
    }
}

/// Why a connection is given up.
enum End {
    Lost,
    /// It was idle and did not answer.
    Dead,
    /// Nothing that was sent on it is answered.
    Silent,
    Old,
    NotWanted,
}

impl Keeper {
    pub(super) fn new(
        number: usize,
        shared: Arc<Shared>,
        lane: watch::Sender<Option<Arc<Connection>>>,
    ) -> Self {
        Self {
            number,
            wanted: shared.wanted.subscribe(),
            shared,
            lane,
            leaving: Vec::new(),
            silent: None,
        }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        let mut backoff = BACKOFF_START;
        'connect: loop {
            let number = self.number;
            if self.wanted.wait_for(|w| *w > number).await.is_err() {
                return;
            }
            let mut driver = match self.connect().await {
                Ok(driver) => driver,
                Err(e) => {
                    self.shared.away.refused();
                    tracing::debug!(
                        error = e,
                        wait_ms = backoff.as_millis(),
                        "the database does not take connections"
                    );
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_CAP);
                    continue;
                }
            };
            backoff = BACKOFF_START;
            loop {
                match self.watch(&mut driver).await {
                    End::Lost => break,
                    End::Dead => {
                        self.shared.dead.fetch_add(1, Ordering::Relaxed);
                        tracing::info!(
                            pool = self.shared.name,
                            "an idle connection was dead; connecting again"
                        );
                        break;
                    }
                    End::Silent => {
                        self.shared.dead.fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(
                            pool = self.shared.name,
                            "a database connection is silent; connecting again"
                        );
                        self.lane.send_replace(None);
                        // One at most: the one before has had its time.
                        self.silent = Some(driver.until(self.shared.statement + SILENT));
                        continue 'connect;
                    }
                    End::NotWanted => {
                        self.shared.retired.fetch_add(1, Ordering::Relaxed);
                        self.lane.send_replace(None);
                        self.leave(driver);
                        continue 'connect;
                    }
                    // The new one is there before the old one goes. While there is none, the old one stays.
                    End::Old => match self.connect().await {
                        Ok(new) => {
                            self.shared.retired.fetch_add(1, Ordering::Relaxed);
                            self.leave(std::mem::replace(&mut driver, new));
                        }
                        Err(e) => {
                            tracing::debug!(error = e, "an old connection could not be renewed");
                            tokio::time::sleep(BACKOFF_CAP).await;
                        }
                    },
                }
            }
            self.lane.send_replace(None);
        }
    }

    /// Connects, and puts the connection on the lane.
    async fn connect(&self) -> Result<Driver, String> {
        let began = Instant::now();
        let connecting = self.shared.address.connect(NoTls);
        let connected = tokio::time::timeout(self.shared.wait, connecting).await;
        let connected = connected.map_err(|_elapsed| "it does not greet".to_owned())?;
        let (client, connection) = connected.map_err(|e| e.to_string())?;
        self.shared.meters.made(began.elapsed());
        self.shared.away.accepted();
        let driver = Driver(tokio::spawn(connection));
        self.put(client);
        Ok(driver)
    }

    fn put(&self, client: Client) {
        let connection = Connection::new(client, self.shared.types.clone());
        self.lane.send_replace(Some(Arc::new(connection)));
    }

    /// Drives a connection that nobody takes any more until its last answer. It ends by itself, with its last user.
    fn leave(&mut self, driver: Driver) {
        self.leaving.retain(|driver| !driver.0.is_finished());
        self.leaving.push(driver);
    }

    /// Waits until the connection on the lane has to be given up.
    async fn watch(&mut self, driver: &mut Driver) -> End {
        let shared = Arc::clone(&self.shared);
        let lane = self.lane.subscribe();
        let number = self.number;
        let mut old = std::pin::pin!(sleep_until(
            (Instant::now() + jittered(shared.max_age)).into()
        ));
        let dead = async {
            if shared.ping_after.is_zero() {
                return pending().await;
            }
            let mut heard_at = Instant::now();
            loop {
                sleep_until((heard_at + shared.ping_after).into()).await;
                let Some(connection) = lane.borrow().clone() else {
                    return pending().await;
                };
                match connection.idle_since() {
                    // What is under way is answered, or its silence noticed on the wire.
                    None => heard_at = Instant::now(),
                    Some(since) if since > heard_at => heard_at = since,
                    Some(_) if connection.answers(shared.wait).await => heard_at = Instant::now(),
                    Some(_) => return,
                }
            }
        };
        let silent = async {
            let connection = lane.borrow().clone();
            match connection {
                Some(connection) => connection.silent(SILENT).await,
                None => pending().await,
            }
        };
        let unwanted = async { drop(self.wanted.wait_for(|w| *w <= number).await) };
        tokio::select! {
            ended = &mut driver.0 => {
                if let Ok(Err(error)) = ended {
                    tracing::warn!(%error, "a database connection was lost; connecting again");
                }
                End::Lost
            }
            () = &mut old => End::Old,
            () = dead => End::Dead,
            () = silent => End::Silent,
            () = unwanted => End::NotWanted,
        }
    }
}
