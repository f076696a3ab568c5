//! News that an entry which somebody waits for has been written.
//!
//! One connection of a node listens on one channel. Only entries that somebody waits for are named on it: whoever does
//! leaves a mark in the lease. While there is no such connection, those who wait look again from time to time. It ends with
//! the connection for commands: alone it would not notice that nobody is there any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::StreamExt as _;
use redis::RedisResult;
use tokio::sync::watch;

use super::link::Link;

/// The pause before the connection is tried again.
const PAUSE: Duration = Duration::from_millis(250);

const POISONED: &str = "no holder of this lock can panic";

/// Who waits for which entry.
#[derive(Debug, Default)]
pub(super) struct Signals(Mutex<HashMap<String, watch::Sender<()>>>);

/// Waits for one entry.
#[derive(Debug)]
pub(super) struct Signal {
    signals: Arc<Signals>,
    name: String,
    news: watch::Receiver<()>,
}

impl Signals {
    /// From now on news of `name` are not missed, as long as there is a connection.
    pub(super) fn listen(self: &Arc<Self>, name: &str) -> Signal {
        let mut all = self.all();
        let sender = all.entry(name.to_owned()).or_default();
        Signal {
            news: sender.subscribe(),
            name: name.to_owned(),
            signals: Arc::clone(self),
        }
    }

    /// Hears until the task is aborted.
    pub(super) async fn hear(self: Arc<Self>, link: Arc<Link>, channel: Arc<str>) {
        loop {
            link.risen().await;
            let heard = tokio::select! {
                heard = self.connected(&link, &channel) => heard,
                () = link.fallen() => Ok(()),
            };
            if let Err(error) = heard {
                tracing::debug!(%error, "the nodes' cache does not tell what was written");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn connected(&self, link: &Link, channel: &str) -> RedisResult<()> {
        let server = link.place.server().await?;
        let mut connection = server.get_async_pubsub().await?;
        connection.subscribe(channel).await?;
        let mut news = connection.into_on_message();
        while let Some(message) = news.next().await {
            let name: String = message.get_payload()?;
            if let Some(sender) = self.all().get(&name) {
                sender.send_replace(());
            }
        }
        Ok(())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
        self.0.lock().expect(POISONED)
    }
}

impl Signal {
    /// Ready at the next news, those since the last call included.
    pub(super) async fn next(&mut self) {
        // The sender goes after the last of us.
        drop(self.news.changed().await);
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        let mut all = self.signals.all();
        // We are one of its receivers.
        if all
            .get(&self.name)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            all.remove(&self.name);
        }
    }
}
