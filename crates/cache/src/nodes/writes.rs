//! Entries on their way to the server, behind the backs of those who loaded them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis::Cmd;
use tokio::sync::{mpsc, oneshot};

use super::link::Link;
use super::spot::Spot;
use crate::envelope::{HEAD, ORIGIN};
use crate::stats::Count;

/// Entries that may wait, and their bytes; what is loaded past that is not shared.
const QUEUE: usize = 4_096;
const QUEUE_BYTES: usize = 32 << 20;

/// Entries that travel together, and about how many bytes.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 2 << 20;

/// Puts an entry in its place unless a newer one is there, gives the lease back where it is still ours, and tells those
/// who said that they wait for it.
///
/// A script, because looking and writing must be one step: between the two another node could write what is newer. Older
/// is what has the smaller place, and of two that depend on no row what was created earlier; both stand as text in the
/// first bytes. What belongs to another origin cannot be compared, and goes; so does what nobody can read.
const PUT: &str = "
if ARGV[1] ~= '' then
  local head, origin = tonumber(ARGV[6]), tonumber(ARGV[7])
  local old = redis.call('GETRANGE', KEYS[1], 0, head - 1)
  local comparable = string.sub(old, 1, origin) == string.sub(ARGV[1], 1, origin)
  comparable = comparable and ARGV[8] ~= '1'
  if not (comparable and string.sub(old, origin + 1) > string.sub(ARGV[1], origin + 1, head)) then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  end
end
local token = ARGV[3]
local held = token ~= '' and redis.call('GET', KEYS[2])
if held and string.sub(held, 1, #token) == token then
  redis.call('DEL', KEYS[2])
  if #held > #token then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
end
return 1";

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) life_ms: u64,
    /// Whether it takes the place of whatever is there, because that cannot be read.
    pub(crate) replaces_all: bool,
}

/// What is to be done.
enum Order {
    Write {
        command: Cmd,
        bytes: usize,
    },
    /// Somebody wants to know when all before has been done.
    Flush(oneshot::Sender<()>),
}

/// The queue's end for those who load.
#[derive(Debug)]
pub(super) struct Writes {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    written: Count,
    dropped: Count,
}

/// The queue's other end.
pub(super) struct Writer {
    orders: mpsc::Receiver<Order>,
    shared: Arc<Shared>,
}

pub(super) fn queue() -> (Writes, Writer) {
    let (orders, received) = mpsc::channel(QUEUE);
    let shared = Arc::<Shared>::default();
    let far_end = Writer {
        orders: received,
        shared: Arc::clone(&shared),
    };
    (Writes { orders, shared }, far_end)
}

impl Writes {
    /// An entry and the end of a lease, or one of them; whether there was room.
    pub(super) fn put(&self, spot: &Spot, entry: Option<Entry<'_>>, token: &str) -> bool {
        let Entry {
            bytes,
            life_ms,
            replaces_all,
        } = entry.unwrap_or(Entry {
            bytes: &[],
            life_ms: 0,
            replaces_all: false,
        });
        let size = bytes.len();
        if self.shared.bytes.fetch_add(size, Ordering::Relaxed) + size > QUEUE_BYTES {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            self.shared.dropped.one();
            return false;
        }
        let mut command = redis::cmd("EVAL");
        command.arg(PUT).arg(2).arg(&*spot.key).arg(&spot.lock);
        command.arg(bytes).arg(life_ms).arg(token);
        command.arg(&*spot.channel).arg(&spot.name);
        command.arg(HEAD).arg(ORIGIN).arg(u8::from(replaces_all));
        let order = Order::Write {
            command,
            bytes: size,
        };
        let has_room = self.orders.try_send(order).is_ok();
        if !has_room {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            self.shared.dropped.one();
        }
        has_room
    }

    /// Ready when all that waits now has been sent or given up.
    pub(super) async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Flush(done)).await.is_ok() {
            // An error means that the task is gone, and with it what waited.
            drop(is_done.await);
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.shared.written.get()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.get()
    }
}

impl Writer {
    /// Writes until there is nobody who could want something written.
    pub(super) async fn run(mut self, link: Arc<Link>) {
        let mut next = self.orders.recv().await;
        while next.is_some() {
            let (mut batch, mut together) = (Vec::new(), 0);
            while let Some(Order::Write { command, bytes }) = next {
                together += bytes;
                batch.push((command, bytes));
                next = None;
                if batch.len() < BATCH && together < BATCH_BYTES {
                    next = self.orders.try_recv().ok();
                }
            }
            // Sent side by side on one connection, they travel together.
            let sent = batch.iter().map(|(command, bytes)| async {
                match link.ask(command).await {
                    Some(_) => self.shared.written.one(),
                    None => self.shared.dropped.one(),
                }
                self.shared.bytes.fetch_sub(*bytes, Ordering::Relaxed);
            });
            futures::future::join_all(sent).await;
            if let Some(Order::Flush(done)) = next {
                // Whoever asked may have gone.
                done.send(()).ok();
            }
            next = self.orders.recv().await;
        }
    }
}
