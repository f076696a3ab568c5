//! A connection of the pool that goes back only when it is known to be idle and outside any transaction.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use super::home::Home;
use super::link::Link;
use crate::fair::Place;

/// How long a server may take to hear of a cancellation before we close the connection without it.
const CANCEL_WAIT: Duration = Duration::from_secs(2);

/// Dropped before it is [clean](Held::clean), its statement is cancelled (not behind a pooler) and the connection is
/// closed, which undoes what was not committed. Until then it keeps its place in the pool, so that a server that does not answer cannot
/// gather more connections than the pool has.
#[derive(Debug)]
pub(crate) struct Held {
    /// Empty only while it is dropped.
    connection: Option<Link>,
    clean: AtomicBool,
    spoiled: AtomicBool,
    since: Instant,
    /// Where it goes back, and its place there, which is given on when it is back or gone. None for a connection that
    /// belongs to no pool.
    home: Option<(Arc<Home>, Place)>,
}

impl Held {
    pub(super) fn new(connection: Link, home: Option<(Arc<Home>, Place)>) -> Self {
        Self {
            connection: Some(connection),
            clean: AtomicBool::new(false),
            spoiled: AtomicBool::new(false),
            since: Instant::now(),
            home,
        }
    }

    /// The driver's connection, to itself.
    pub(crate) fn connection(&mut self) -> &mut tokio_postgres::Client {
        self.connection
            .as_mut()
            .expect("the connection is there until the drop")
    }

    /// Says that nothing is under way and no transaction is open.
    pub(crate) fn clean(&self) {
        self.clean.store(true, Ordering::Relaxed);
    }

    /// Says that answers can no longer be told apart: whatever is said later, the connection does not go back.
    pub(super) fn spoil(&self) {
        self.spoiled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.spoiled.load(Ordering::Relaxed)
    }
}

impl Deref for Held {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.connection
            .as_ref()
            .expect("the connection is there until the drop")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let home = self.home.take();
        if let Some((home, _)) = &home {
            home.used(self.since.elapsed());
        }
        if self.clean.load(Ordering::Relaxed) && !self.is_spoiled() {
            // In this order: whoever gets the place finds the connection.
            if let Some((home, place)) = home {
                home.put(connection);
                drop(place);
            }
            return;
        }
        let gone = Gone { connection, home };
        let runtime = tokio::runtime::Handle::try_current();
        // A pooler learns of the end by the closed connection: PgBouncer before 1.19 may crash when it passes a
        // cancellation on (its issues 801 and 822).
        let is_told = gone.connection.is_closed() || gone.connection.is_pooled();
        if let (Ok(runtime), false) = (runtime, is_told) {
            runtime.spawn(gone.cancel());
        }
    }
}

/// A connection that does not go back; counted until it is closed.
struct Gone {
    connection: Link,
    home: Option<(Arc<Home>, Place)>,
}

impl Gone {
    async fn cancel(self) {
        let token = self.connection.cancel_token();
        match tokio::time::timeout(CANCEL_WAIT, token.cancel_query(NoTls)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => {
                tracing::debug!(error = %e, "an abandoned statement could not be cancelled");
            }
            Err(_) => tracing::debug!("the server does not take cancellations"),
        }
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some((home, _)) = &self.home {
            home.lost();
        }
    }
}
