//! The tier of all nodes: Redis or Valkey, or nothing while there is none.
//!
//! It promises nothing. A value that is not there, cannot be read or does not come in time is a miss; one that cannot be
//! written is dropped. Whether a value may still be used is decided by who reads it, from what stands in it: the server is
//! trusted with nothing.

mod address;
mod lease;
mod link;
mod reads;
mod signals;
mod spot;
mod writes;

use std::fmt;
use std::sync::Arc;

use brisk_core::TenantId;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::codec::Address;
use crate::config::{ConnectError, RemoteConfig};
use address::Place;
pub(crate) use lease::{Lease, Turn};
use link::Link;
use reads::Reads;
use signals::Signals;
pub(crate) use spot::Spot;
pub(crate) use writes::Entry;
use writes::Writes;

/// The tier as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct NodesStats {
    /// Whether the server answers.
    pub up: bool,
    /// Times that it went away.
    pub lost: u64,
    /// Values that were asked for.
    pub reads: u64,
    /// Commands that asked for them.
    pub read_commands: u64,
    /// Values and leases that were written.
    pub writes: u64,
    /// Those that were not: the queue was full, or the server was away.
    pub dropped: u64,
    /// Commands that failed or took too long.
    pub errors: u64,
    /// Commands that were not sent because the server was away.
    pub skipped: u64,
}

/// The tier.
pub(crate) struct Nodes {
    prefix: String,
    /// Which node this is, at the beginning of its leases.
    id: String,
    /// Where it is told what was written.
    channel: Arc<str>,
    link: Arc<Link>,
    reads: Arc<Reads>,
    writes: Writes,
    signals: Arc<Signals>,
    _tasks: [Ending; 3],
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Nodes {
    /// Begins to connect; nobody waits for that.
    pub(crate) fn connect(config: &RemoteConfig) -> Result<Self, ConnectError> {
        let place = parse(config)?;
        let prefix = config.prefix.clone();
        let runtime = Handle::try_current().map_err(|_none| ConnectError::NoRuntime)?;
        let link = Arc::new(Link::new(place, config.timeout));
        let channel: Arc<str> = format!("{prefix}:loaded").into();
        let signals = Arc::<Signals>::default();
        let (writes, far_end) = writes::queue();
        let hearing = Arc::clone(&signals).hear(Arc::clone(&link), Arc::clone(&channel));
        let tasks = [
            Ending(runtime.spawn(Arc::clone(&link).keep())),
            Ending(runtime.spawn(far_end.run(Arc::clone(&link)))),
            Ending(runtime.spawn(hearing)),
        ];
        Ok(Self {
            prefix,
            id: format!("{:032x}:", fastrand::u128(..)),
            channel,
            link,
            reads: Arc::default(),
            writes,
            signals,
            _tasks: tasks,
        })
    }

    /// Whether the server answers.
    pub(crate) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Where an entry is.
    pub(crate) fn spot(&self, cache: &str, tenant: TenantId, address: &Address) -> Spot {
        Spot::of(&self.prefix, &self.channel, cache, tenant, address)
    }

    /// Puts an entry in its place, unless a newer one is there; gives back the lease under which it was loaded. Whether
    /// there was room for it.
    pub(crate) fn put(&self, spot: &Spot, entry: Entry<'_>, lease: Option<Lease>) -> bool {
        let token = lease.map(Lease::into_token).unwrap_or_default();
        self.writes.put(spot, Some(entry), &token)
    }

    /// Ready when what waits to be written was.
    pub(crate) async fn flush(&self) {
        self.writes.flush().await;
    }

    pub(crate) fn stats(&self) -> NodesStats {
        NodesStats {
            up: self.link.is_up(),
            lost: self.link.counts.lost.get(),
            reads: self.reads.keys.get(),
            read_commands: self.reads.commands.get(),
            writes: self.writes.written(),
            dropped: self.writes.dropped(),
            errors: self.link.counts.errors.get(),
            skipped: self.link.counts.skipped.get(),
        }
    }
}

/// Where the server is, when everything fits.
pub(crate) fn parse(config: &RemoteConfig) -> Result<Place, ConnectError> {
    let prefix = &config.prefix;
    let is_odd = |c: char| c.is_whitespace() || c == '{' || c == '}';
    if prefix.is_empty() || prefix.contains(is_odd) {
        return Err(ConnectError::Prefix(prefix.clone()));
    }
    Place::parse(&config.url)
}

/// Ends a task with its owner.
struct Ending(JoinHandle<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
