//! A program at work, and its end in good order.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use brisk_http::{ServerReport, stop_signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::built::{Hook, Notice};
use crate::{Error, Kit};

/// What the steps of the end may take of the whole grace time: three quarters for requests and jobs, which end side by
/// side, up to nine tenths for tasks and hooks, and what is left for the last commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) requests: Duration,
    tasks: Duration,
}

impl Budget {
    pub(crate) fn of(grace: Duration) -> Self {
        Self {
            requests: grace.mul_f64(0.75),
            tasks: grace.mul_f64(0.9),
        }
    }
}

/// The exit status of a process that was told twice to stop: 128 and the number of SIGINT.
const SECOND_SIGNAL: i32 = 130;

/// A program that serves. Dropping it leaves it at work; [`Running::stop`] ends it.
pub struct Running {
    pub(crate) kit: Kit,
    pub(crate) address: SocketAddr,
    pub(crate) first_start: bool,
    pub(crate) ready_ms: u64,
    pub(crate) serving: JoinHandle<io::Result<ServerReport>>,
    pub(crate) quit: CancellationToken,
    pub(crate) jobs: brisk_jobs::Running,
    pub(crate) jobs_stop: CancellationToken,
    pub(crate) hooks: Vec<(&'static str, Hook)>,
    pub(crate) budget: Budget,
    pub(crate) notices: Vec<Notice>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// The kit.
    pub const fn kit(&self) -> &Kit {
        &self.kit
    }

    /// Where it listens, with the real port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the SQLite file was made by this start.
    pub const fn is_first_start(&self) -> bool {
        self.first_start
    }

    /// What whoever started the program should read.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// From the beginning of the program to the first request that could be answered.
    pub const fn ready_ms(&self) -> u64 {
        self.ready_ms
    }

    /// Serves until `signal` comes, then ends as [`Running::stop`] does; SIGTERM or Ctrl-C after that ends the process at
    /// once. Take [`stop_signal`](brisk_http::stop_signal) before the start: a signal that comes between the first
    /// answer and this call would otherwise kill the process.
    ///
    /// # Errors
    ///
    /// As [`Running::stop`], or when the system does not let us listen for signals.
    pub async fn until_stopped(
        mut self,
        signal: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        let broken = tokio::select! {
            () = signal => None,
            outcome = &mut self.serving => Some(flat(outcome)),
        };
        match broken {
            None => {
                let again = stop_signal().map_err(Error::Serve)?;
                tokio::spawn(async move {
                    again.await;
                    tracing::warn!("told to stop a second time: ending at once");
                    std::process::exit(SECOND_SIGNAL);
                });
                self.stop().await
            }
            Some(outcome) => {
                self.end(Instant::now()).await;
                outcome
            }
        }
    }

    /// Accepts nothing more, lets requests, jobs and tasks end, and closes the database; all within
    /// `http.shutdown_grace`.
    ///
    /// # Errors
    ///
    /// [`Error::Serve`] when the listener broke before.
    pub async fn stop(mut self) -> Result<(), Error> {
        let began = Instant::now();
        tracing::info!("stopping: requests in work may end");
        self.quit.cancel();
        self.jobs_stop.cancel();
        let served = flat((&mut self.serving).await);
        self.end(began).await;
        served
    }

    async fn end(self, began: Instant) {
        self.jobs_stop.cancel();
        self.jobs.finished().await;
        self.kit.stop.cancel();
        self.kit.tracker.close();
        let left = |whole: Duration| whole.saturating_sub(began.elapsed());
        let rest = async {
            self.kit.tracker.wait().await;
            for (service, hook) in self.hooks {
                hook().await;
                tracing::debug!(service, "the service has ended");
            }
            self.kit.caches.flush().await;
        };
        if tokio::time::timeout(left(self.budget.tasks), rest)
            .await
            .is_err()
        {
            tracing::warn!("the grace time ended with tasks at work; they are left behind");
        }
        self.kit.keys.close().await;
        self.kit.db.close().await;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(elapsed_ms, "stopped");
    }
}

fn flat(outcome: Result<io::Result<ServerReport>, tokio::task::JoinError>) -> Result<(), Error> {
    match outcome {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(Error::Serve(e)),
        Err(panic) => Err(Error::Serve(io::Error::other(panic))),
    }
}
