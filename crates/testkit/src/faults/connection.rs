use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::proxy::Mode;

/// What all connections of one proxy follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    pub(super) mode: Mode,
    /// Counts the cuts; a connection ends when the number is no longer the one it began with.
    pub(super) cuts: u64,
    /// Counts the times that all were forgotten; a connection is silent once the number is no longer the one it began
    /// with.
    pub(super) forgotten: u64,
}

/// Bytes read at a time; a PostgreSQL message of a page of rows fits.
const CHUNK_BYTES: usize = 16 * 1024;

/// Chunks under way in one direction: one megabyte, so that a delay costs latency and not throughput.
const CHUNKS_UNDER_WAY: usize = 64;

/// Which way the bytes go; only the way to the server is delayed, so that a round trip is delayed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// Carries one connection, accepted under `began_with`, until both sides have closed it or it is cut; a cut is a reset
/// to both sides.
pub(super) async fn carry(
    mut client: TcpStream,
    upstream: SocketAddr,
    control: watch::Receiver<Control>,
    began_with: Control,
) -> io::Result<()> {
    let mut server = tokio::select! {
        server = TcpStream::connect(upstream) => server?,
        () = cut(control.clone(), began_with.cuts) => return client.set_zero_linger(),
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let carried = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = pump(
            from_client,
            to_server,
            control.clone(),
            began_with,
            Way::ToServer,
        );
        let back = pump(
            from_server,
            to_client,
            control.clone(),
            began_with,
            Way::ToClient,
        );
        tokio::select! {
            carried = async { tokio::try_join!(there, back) } => Some(carried),
            () = cut(control, began_with.cuts) => None,
        }
    };
    if let Some(Ok(_)) = carried {
        return Ok(());
    }
    // Cut, or one side was reset, so the other is too.
    client.set_zero_linger()?;
    server.set_zero_linger()
}

/// Returns at the first cut after the one numbered `began_with`, or when the proxy is gone.
async fn cut(mut control: watch::Receiver<Control>, began_with: u64) {
    // An error means that the proxy was dropped, which ends its connections too.
    drop(control.wait_for(|now| now.cuts != began_with).await);
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    control: watch::Receiver<Control>,
    began_with: Control,
    way: Way,
) -> io::Result<()> {
    let (chunks, mut due_chunks) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_UNDER_WAY);
    let mut stalls = control.clone();
    let read = async move {
        loop {
            let mut bytes = vec![0; CHUNK_BYTES];
            let count = from.read(&mut bytes).await?;
            if count == 0 {
                return Ok(());
            }
            bytes.truncate(count);
            let mode = control.borrow().mode;
            let due = match (mode, way) {
                (Mode::Delay(delay), Way::ToServer) => Instant::now() + delay,
                _ => Instant::now(),
            };
            if chunks.send((due, bytes)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = due_chunks.recv().await {
            if due > Instant::now() {
                sleep_until(due).await;
            }
            let flows = stalls.wait_for(|now| {
                let held = match now.mode {
                    Mode::Stall => true,
                    Mode::Mute => way == Way::ToClient,
                    Mode::Pass | Mode::Delay(_) | Mode::Refuse => false,
                };
                !held && now.forgotten == began_with.forgotten
            });
            if flows.await.is_err() {
                return Ok(());
            }
            to.write_all(&bytes).await?;
        }
        if stalls.borrow().forgotten != began_with.forgotten {
            return std::future::pending().await;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(|_: ((), ())| ())
}
