//! Who listens to what.

use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use axum::extract::ws::Utf8Bytes;
use brisk_core::TenantId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::metrics::Meter;

const POISONED: &str = "no holder of this lock can panic";

/// The way to one client.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<Utf8Bytes>,
    /// Cancelled when the queue was full.
    pub(crate) slow: CancellationToken,
    meter: Meter,
}

impl Outbox {
    pub(crate) fn new(size: usize, meter: Meter) -> (Arc<Self>, mpsc::Receiver<Utf8Bytes>) {
        let (queue, texts) = mpsc::channel(size);
        let outbox = Self {
            queue,
            slow: CancellationToken::new(),
            meter,
        };
        (Arc::new(outbox), texts)
    }

    /// Waits for nobody: where the queue is full, the client is given up.
    pub(crate) fn put(&self, text: Utf8Bytes) {
        let is_full = matches!(
            self.queue.try_send(text),
            Err(mpsc::error::TrySendError::Full(_))
        );
        if is_full && !self.slow.is_cancelled() {
            self.slow.cancel();
            self.meter.slow();
        }
    }
}

type Listeners = HashMap<Uuid, Arc<Outbox>>;
type Topics = HashMap<Box<str>, Listeners>;

/// The clients of each topic of each tenant.
#[derive(Debug, Default)]
pub(crate) struct Registry(RwLock<HashMap<TenantId, Topics>>);

impl Registry {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantId, Topics>> {
        self.0.read().expect(POISONED)
    }

    pub(crate) fn add(&self, tenant: TenantId, topic: &str, id: Uuid, outbox: &Arc<Outbox>) {
        let mut all = self.0.write().expect(POISONED);
        let topics = all.entry(tenant).or_default();
        let listeners = topics.entry(topic.into()).or_default();
        listeners.insert(id, Arc::clone(outbox));
    }

    pub(crate) fn remove(&self, tenant: TenantId, topic: &str, id: Uuid) {
        let mut all = self.0.write().expect(POISONED);
        let Some(topics) = all.get_mut(&tenant) else {
            return;
        };
        if let Some(listeners) = topics.get_mut(topic) {
            listeners.remove(&id);
            if listeners.is_empty() {
                topics.remove(topic);
            }
        }
        if topics.is_empty() {
            all.remove(&tenant);
        }
    }

    pub(crate) fn listens(&self, tenant: TenantId, topic: &str) -> bool {
        let all = self.read();
        all.get(&tenant)
            .is_some_and(|topics| topics.contains_key(topic))
    }

    /// Gives the text to whoever listens to this topic of a tenant.
    pub(crate) fn tell(&self, tenant: TenantId, topic: &str, text: &Utf8Bytes) {
        let all = self.read();
        let topics = all.get(&tenant);
        let listeners = topics.and_then(|topics| topics.get(topic));
        for outbox in listeners.into_iter().flat_map(Listeners::values) {
            outbox.put(text.clone());
        }
    }

    /// Gives the text once to whoever listens to this topic or to one of this family, of one tenant or of all.
    pub(crate) fn tell_family(&self, tenant: Option<TenantId>, name: &str, text: &Utf8Bytes) {
        let all = self.read();
        let tenants = all
            .iter()
            .filter(|(of, _)| tenant.is_none_or(|t| t == **of));
        for (_, topics) in tenants {
            let of_name = |topic: &str| topic.split(':').next() == Some(name);
            let found = topics.iter().filter(|(topic, _)| of_name(topic));
            let once: HashMap<_, _> = found.flat_map(|(_, listeners)| listeners).collect();
            for outbox in once.into_values() {
                outbox.put(text.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_gives_the_client_up_and_harms_nobody_else() {
        let meter = Meter { aliases: false };
        let (slow, _kept) = Outbox::new(1, meter);
        let (quick, mut texts) = Outbox::new(8, meter);
        let registry = Registry::default();
        let tenant = TenantId(1);
        registry.add(tenant, "a:x", Uuid::from_u128(1), &slow);
        registry.add(tenant, "a:x", Uuid::from_u128(2), &quick);
        registry.add(tenant, "a:y", Uuid::from_u128(2), &quick);
        registry.tell(tenant, "a:x", &"1".into());
        registry.tell(TenantId(2), "a:x", &"not ours".into());
        assert!(!slow.slow.is_cancelled());
        registry.tell_family(None, "a", &"2".into());
        assert!(slow.slow.is_cancelled() && !quick.slow.is_cancelled());
        assert_eq!(texts.try_recv().unwrap().as_str(), "1");
        assert_eq!(texts.try_recv().unwrap().as_str(), "2");
        assert!(texts.try_recv().is_err(), "a text is told once");
        registry.remove(tenant, "a:x", Uuid::from_u128(1));
        registry.remove(tenant, "a:x", Uuid::from_u128(2));
        assert!(!registry.listens(tenant, "a:x") && registry.listens(tenant, "a:y"));
    }
}
