use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::connection::{Control, carry};
use crate::servers::Address;

/// Clients that may wait to be accepted; above any pool's burst of connections after a cut.
const BACKLOG: u32 = 1024;

/// What happens to the bytes and connections that come to a [`Proxy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything passes at once.
    Pass,
    /// What goes to the server arrives this much later, answers pass at once: each round trip costs this much more.
    /// The timer ticks in whole milliseconds, so a delay takes up to one more.
    Delay(Duration),
    /// Connections open, and nothing moves on them until the mode changes; then what waited goes on.
    Stall,
    /// What is asked arrives, and no answer comes back until the mode changes. With a cut after it the server has done what
    /// nobody heard of.
    Mute,
    /// As if the server had ended: connections are reset, new ones refused by the system.
    Refuse,
}

/// A TCP proxy on a free port of 127.0.0.1 that can be told to misbehave while it runs. It ends, with all its
/// connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    counts: Arc<Counts>,
    task: JoinHandle<io::Result<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    open: AtomicU64,
}

#[derive(Debug)]
enum Command {
    Set(Mode, oneshot::Sender<()>),
    Cut(oneshot::Sender<()>),
    Forget(oneshot::Sender<()>),
}

impl Proxy {
    /// Starts a proxy to the server at `upstream`, in [`Mode::Pass`].
    ///
    /// # Errors
    ///
    /// When no port can be listened on.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        let (commands, orders) = mpsc::channel(1);
        let counts = Arc::<Counts>::default();
        let serving = Serving {
            address,
            upstream,
            control: watch::Sender::new(Control {
                mode: Mode::Pass,
                cuts: 0,
                forgotten: 0,
            }),
            counts: Arc::clone(&counts),
            connections: JoinSet::new(),
        };
        let door = Door::Open(socket.listen(BACKLOG)?);
        Ok(Self {
            address,
            commands,
            counts,
            task: tokio::spawn(serving.run(door, orders)),
        })
    }

    /// Starts a proxy to the server that `url` names; answers it and the same `url` by way of the proxy.
    ///
    /// # Errors
    ///
    /// When `url` names no server or no port can be listened on.
    pub async fn before(url: &str) -> io::Result<(Self, String)> {
        let address = Address::parse(url).map_err(io::Error::other)?;
        let upstream = tokio::net::lookup_host(address.host_and_port())
            .await?
            .next()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        let proxy = Self::start(upstream)?;
        let url = address.at(proxy.address()).url();
        Ok((proxy, url))
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted since the start.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.counts.open.load(Ordering::Relaxed)
    }

    /// Changes the mode; it holds when this returns.
    ///
    /// # Errors
    ///
    /// When the port could not be taken again after [`Mode::Refuse`].
    pub async fn set(&self, mode: Mode) -> io::Result<()> {
        self.order(|done| Command::Set(mode, done)).await
    }

    /// Resets every open connection; new ones are welcome. All are gone when this returns.
    ///
    /// # Errors
    ///
    /// When the proxy has ended.
    pub async fn cut(&self) -> io::Result<()> {
        self.order(Command::Cut).await
    }

    /// Every open connection goes silent, as when a router on the way has forgotten it: nothing moves any more, no end and
    /// no reset either, until the next cut. New ones are welcome.
    ///
    /// # Errors
    ///
    /// When the proxy has ended.
    pub async fn forget(&self) -> io::Result<()> {
        self.order(Command::Forget).await
    }

    async fn order(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> io::Result<()> {
        let ended = || io::Error::new(io::ErrorKind::BrokenPipe, "the proxy has ended");
        let (done, is_done) = oneshot::channel();
        let sent = self.commands.send(command(done)).await;
        sent.ok().ok_or_else(ended)?;
        is_done.await.ok().ok_or_else(ended)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The port, held either way: a bound socket that does not listen refuses, and nobody else can take its port.
#[derive(Debug)]
enum Door {
    Open(TcpListener),
    Shut(TcpSocket),
}

impl Door {
    async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => Ok(listener.accept().await?.0),
            Self::Shut(_) => std::future::pending().await,
        }
    }

    fn turn(self, mode: Mode, address: SocketAddr) -> io::Result<Self> {
        match self {
            Self::Open(listener) if mode == Mode::Refuse => {
                drop(listener);
                bind(address).map(Self::Shut)
            }
            Self::Shut(socket) if mode != Mode::Refuse => socket.listen(BACKLOG).map(Self::Open),
            unchanged => Ok(unchanged),
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

struct Serving {
    address: SocketAddr,
    upstream: SocketAddr,
    control: watch::Sender<Control>,
    counts: Arc<Counts>,
    connections: JoinSet<io::Result<()>>,
}

impl Serving {
    async fn run(mut self, mut door: Door, mut orders: mpsc::Receiver<Command>) -> io::Result<()> {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(Command::Cut(done)) => {
                        self.cut_all().await;
                        acknowledge(done);
                    }
                    Some(Command::Forget(done)) => {
                        self.control.send_modify(|control| control.forgotten += 1);
                        acknowledge(done);
                    }
                    Some(Command::Set(mode, done)) => {
                        door = door.turn(mode, self.address)?;
                        self.control.send_modify(|control| control.mode = mode);
                        if mode == Mode::Refuse {
                            self.cut_all().await;
                        }
                        acknowledge(done);
                    }
                },
                accepted = door.accept() => match accepted {
                    Ok(client) => self.welcome(client),
                    // The client was gone before it was accepted.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => return Err(error),
                },
                Some(_) = self.connections.join_next() => {}
            }
            self.count();
        }
    }

    fn welcome(&mut self, client: TcpStream) {
        self.counts.accepted.fetch_add(1, Ordering::Relaxed);
        // Taken here: a cut that comes before the task's first step is for this connection too.
        let began_with = *self.control.borrow();
        let control = self.control.subscribe();
        self.connections
            .spawn(carry(client, self.upstream, control, began_with));
    }

    async fn cut_all(&mut self) {
        self.control.send_modify(|control| control.cuts += 1);
        while self.connections.join_next().await.is_some() {}
        self.count();
    }

    fn count(&self) {
        let open = u64::try_from(self.connections.len()).unwrap_or(u64::MAX);
        self.counts.open.store(open, Ordering::Relaxed);
    }
}

fn acknowledge(done: oneshot::Sender<()>) {
    // Whoever ordered may have stopped waiting.
    done.send(()).ok();
}
