//! The listener: bounded connections, and a shutdown that lets work end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use brisk_telemetry::names;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::EdgeConfig;

/// How long to wait after the system has no more file handles; an event for "there is one again" does not exist.
const OUT_OF_HANDLES: Duration = Duration::from_millis(100);

/// Serves a router on a listener.
#[derive(Clone, Debug)]
pub struct Server {
    max_connections: usize,
    header_timeout: Duration,
    grace: Duration,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerReport {
    /// Connections that were still at work when the grace time ended, and were cut.
    pub cut: usize,
}

impl Server {
    /// A server with these settings.
    pub const fn new(config: &EdgeConfig) -> Self {
        Self {
            max_connections: config.max_connections,
            header_timeout: config.header_timeout,
            grace: config.shutdown_grace,
        }
    }

    /// Serves until `shutdown` ends; then accepts nothing more, lets requests in work end within the grace time, and
    /// cuts what is left.
    ///
    /// # Errors
    ///
    /// A listener that cannot accept at all.
    pub async fn run<F: Future<Output = ()>>(
        &self,
        listener: TcpListener,
        router: Router,
        shutdown: F,
    ) -> io::Result<ServerReport> {
        let slots = Arc::new(Semaphore::new(self.max_connections));
        let (stop, stopping) = watch::channel(());
        let mut connections = JoinSet::new();
        let open = metrics::gauge!(names::HTTP_CONNECTIONS);
        let mut shutdown = pin!(shutdown);
        loop {
            // A slot first: without one nothing is accepted, and clients wait in the system's queue.
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = accept(&listener, &slots) => accepted,
            };
            let (stream, peer, slot) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) if matches!(error.raw_os_error(), Some(23 | 24)) => {
                    tracing::warn!(%error, "no file handle for another connection");
                    tokio::time::sleep(OUT_OF_HANDLES).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let connection = self.connection(stream, peer, router.clone());
            let (gauge, mut stopping) = (open.clone(), stopping.clone());
            connections.spawn(async move {
                gauge.increment(1.0);
                let _counted = Counted(gauge);
                let _slot = slot;
                let mut connection = pin!(connection);
                let outcome = tokio::select! {
                    outcome = connection.as_mut() => outcome,
                    // The sender never sends; that it is gone is the signal.
                    _ = stopping.changed() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                };
                if let Err(error) = outcome {
                    tracing::debug!(%error, "connection ended early");
                }
            });
        }
        drop(listener);
        drop(stop);
        let all = async { while connections.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(self.grace, all).await.is_ok();
        let cut = if in_time { 0 } else { connections.len() };
        if cut > 0 {
            tracing::warn!(cut, "the grace time ended with connections at work");
        }
        connections.shutdown().await;
        Ok(ServerReport { cut })
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
    ) -> http1::UpgradeableConnection<
        TokioIo<TcpStream>,
        impl hyper::service::Service<
            hyper::Request<Incoming>,
            Response = hyper::Response<Body>,
            Error = Infallible,
            Future: Send,
        > + use<>,
    > {
        // Small answers must not wait for more bytes.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection keeps Nagle's algorithm");
        }
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .pipeline_flush(true)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

struct Counted(metrics::Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Ends at SIGTERM or Ctrl-C, whichever comes first.
///
/// # Errors
///
/// When the system does not let us listen for signals.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = term.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
