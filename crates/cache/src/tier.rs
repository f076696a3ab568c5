//! What a cache asks below itself, and what it leaves there.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brisk_core::{Clock, Scope, Ticks};
use brisk_db::Reached;
use futures::FutureExt as _;

use crate::cache::{CacheKey, Inner};
use crate::caches::Caches;
use crate::codec::{Address, Codec};
use crate::envelope::{Envelope, LARGE, LARGEST};
use crate::fault::Fault;
use crate::kept::{Kept, Key};
use crate::nodes::{Entry, Lease, Nodes, Turn};
use crate::policy::{Source, Tier};
use crate::portable::PortableTag;
use crate::store::Store;
use crate::trail::{Steps, Tags, Trail};

/// How long an entry that only a change ends stays below. It may have ended long before, unseen there.
const LONGEST: Duration = Duration::from_hours(1);

/// How far the clocks of two nodes may be apart. What was made later than that by our clock is not believed.
const CLOCKS_APART_MS: u64 = 1_000;

/// The clock on the wall as it was when the program began, moved on by ticks: a jump of the machine's clock makes no entry
/// older or younger.
#[derive(Debug)]
pub(crate) struct Wall {
    clock: Clock,
    began: Ticks,
    began_ms: u64,
}

impl Wall {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            began: clock.ticks(),
            began_ms: u64::try_from(clock.now().as_millisecond()).unwrap_or_default(),
            clock,
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.began_ms + millis(self.clock.ticks().since(self.began))
    }
}

/// The tier below one cache.
pub(crate) struct Below<K, V> {
    codec: Codec<K, V>,
    /// What was made before was thrown away by somebody.
    evicted_ms: AtomicU64,
}

/// What became of asking below.
pub(crate) enum Asked<V> {
    Found(Arc<Kept<V>>),
    /// The result is to be loaded, and may be left there.
    Load(Option<Room>),
}

/// Where a result may be left.
pub(crate) struct Room {
    address: Address,
    lower: Lower,
}

enum Lower {
    Nodes {
        nodes: Arc<Nodes>,
        lease: Option<Lease>,
        /// What lies there cannot be read by anybody.
        is_damaged: bool,
    },
    Store(Arc<Store>),
}

/// Why something that lies below does not count here.
enum Vain {
    /// Nobody can read it.
    Damaged,
    /// It is too old, or a change has ended it, or nobody here can say.
    Ended,
}

/// Counts a result that is about to be left below.
pub(crate) struct Leaving(Caches);

impl Leaving {
    pub(crate) fn of(caches: &Caches) -> Self {
        caches.0.leaving.send_modify(|leaving| *leaving += 1);
        Self(caches.clone())
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.0.leaving.send_modify(|leaving| *leaving -= 1);
    }
}

impl<K, V> Below<K, V> {
    pub(crate) fn new(codec: Codec<K, V>) -> Self {
        Self {
            codec,
            evicted_ms: AtomicU64::new(0),
        }
    }

    /// What is there now is not asked for any more.
    pub(crate) fn evict(&self, now_ms: u64) {
        self.evicted_ms.fetch_max(now_ms, Ordering::SeqCst);
    }

    /// Whether what was loaded then was thrown away.
    fn is_evicted(&self, created_ms: u64) -> bool {
        created_ms <= self.evicted_ms.load(Ordering::SeqCst)
    }
}

impl<K: CacheKey, V: Send + Sync + 'static> Inner<K, V> {
    /// Asks the tier below. It always ends soon, and never with an error.
    pub(crate) async fn ask_below(&self, key: &Key<K>, trail: &Trail, scope: &Scope) -> Asked<V> {
        let Some(below) = &self.below else {
            return Asked::Load(None);
        };
        let is_there = self.policy.tier != Tier::Nodes || self.caches.nodes().is_some();
        if !is_there || (self.policy.source == Source::Rows && !self.can_share()) {
            return Asked::Load(None);
        }
        // What weighs a value may panic, as a load may, and that one is an error for those who wait.
        let asking = AssertUnwindSafe(self.ask(below, key, trail, scope)).catch_unwind();
        let asked = asking.await.unwrap_or_else(|_panic| {
            self.counts.tier_bad.one();
            Asked::Load(None)
        });
        if matches!(asked, Asked::Load(_)) {
            // Time has passed, and nothing was read yet.
            trail.restart();
        }
        asked
    }

    /// Whether results of rows can be judged by other nodes, and theirs by us.
    fn can_share(&self) -> bool {
        let ground = &self.caches.0.ground;
        ground.watch.is_trusted() && ground.boards.timeline.place().is_some()
    }

    async fn ask(
        &self,
        below: &Below<K, V>,
        key: &Key<K>,
        trail: &Trail,
        scope: &Scope,
    ) -> Asked<V> {
        let Some(address) = below.codec.address(self.name, key.tenant, &key.key) else {
            self.counts.tier_bad.one();
            return Asked::Load(None);
        };
        match self.policy.tier {
            Tier::Nodes => self.ask_nodes(below, key, address, trail).await,
            Tier::Database => self.ask_store(below, key, address, trail, scope).await,
            Tier::Process => Asked::Load(None),
        }
    }

    async fn ask_nodes(
        &self,
        below: &Below<K, V>,
        key: &Key<K>,
        address: Address,
        trail: &Trail,
    ) -> Asked<V> {
        let Some(nodes) = self.caches.nodes() else {
            return Asked::Load(None);
        };
        let spot = nodes.spot(self.name, key.tenant, &address);
        let mut turn = Turn::of(nodes, spot, self.policy.load_limit);
        let mut is_damaged = false;
        while let Some(bytes) = turn.next().await {
            match self.accept(below, key, &address, &bytes, trail) {
                Ok(kept) => {
                    self.counts.tier_hits.one();
                    return Asked::Found(kept);
                }
                Err(why) => is_damaged = matches!(why, Vain::Damaged),
            }
        }
        self.counts.tier_misses.one();
        let lower = Lower::Nodes {
            nodes: Arc::clone(nodes),
            lease: turn.into_lease(),
            is_damaged,
        };
        Asked::Load(Some(Room { address, lower }))
    }

    async fn ask_store(
        &self,
        below: &Below<K, V>,
        key: &Key<K>,
        address: Address,
        trail: &Trail,
        scope: &Scope,
    ) -> Asked<V> {
        let store = self.caches.store();
        let found = store.get(scope, self.name, key.tenant, &address).await;
        if let Some(bytes) = found
            && let Ok(kept) = self.accept(below, key, &address, &bytes, trail)
        {
            self.counts.tier_hits.one();
            return Asked::Found(kept);
        }
        self.counts.tier_misses.one();
        let lower = Lower::Store(Arc::clone(store));
        Asked::Load(Some(Room { address, lower }))
    }

    /// Makes an entry of what was found, where it may count here.
    fn accept(
        &self,
        below: &Below<K, V>,
        key: &Key<K>,
        address: &Address,
        bytes: &[u8],
        trail: &Trail,
    ) -> Result<Arc<Kept<V>>, Vain> {
        let damaged = || {
            self.counts.tier_bad.one();
            Vain::Damaged
        };
        let envelope = Envelope::read(bytes, &address.identity).ok_or_else(damaged)?;
        let now_ms = self.caches.wall().now_ms();
        if envelope.created_ms > now_ms + CLOCKS_APART_MS {
            self.counts.tier_bad.one();
            return Err(Vain::Ended);
        }
        let left = left(&envelope, now_ms).ok_or(Vain::Ended)?;
        // Who loaded it may have a clock that is ahead.
        if below.is_evicted(envelope.created_ms.saturating_sub(CLOCKS_APART_MS)) {
            return Err(Vain::Ended);
        }
        let steps = self.steps_of(&envelope).ok_or(Vain::Ended)?;
        let value = (below.codec.decode)(envelope.payload).ok_or_else(damaged)?;
        // First it is a part of the trail, then it is judged. Whoever joins from here on does so by what the trail says; and
        // what changed before somebody joined an empty trail is known when we judge.
        trail.adopt(&steps);
        let now = self.clock.ticks();
        let age = Duration::from_millis(now_ms.saturating_sub(envelope.created_ms));
        let until = left.map_or(Ticks::NEVER, |left| now.after(left));
        let mut kept = self.weighed(key, value, steps, now.before(age), until);
        kept.from_below = true;
        let watch = &self.caches.0.ground.watch;
        let counts = kept.tags.is_empty()
            || (watch.is_trusted() && kept.holds(watch))
            || self.has(Fault::NotJudged);
        if !counts {
            trail.restart();
            return Err(Vain::Ended);
        }
        Ok(Arc::new(kept))
    }

    /// As what it counts here; none where that cannot be said.
    fn steps_of(&self, envelope: &Envelope<'_>) -> Option<Steps> {
        let mut steps = Steps::new(0, None);
        steps.has_read = true;
        if envelope.tags.is_empty() {
            return Some(steps);
        }
        let ground = &self.caches.0.ground;
        let place = Reached {
            position: envelope.place.parse().ok()?,
            origin: envelope.origin,
            // Another node's looks are not ours.
            look: brisk_db::Ticket::from_raw(0),
        };
        // First the version: a reset that comes now is later than it, and the boards that tags are found on after it are as
        // late. The other way round a tag could stand for a board that no event reaches any more.
        steps.version = if self.has(Fault::PlaceIgnored) {
            ground.boards.version()
        } else {
            ground.boards.timeline.version_of(&place)?
        };
        let tags = envelope.tags.iter().map(|tag| tag.tag(ground));
        steps.tags = tags.collect::<Option<Tags>>()?;
        steps.place = Some(Arc::new(place));
        Some(steps)
    }

    /// Leaves an entry below whose load began at `began`, and gives back the lease under which it was loaded.
    pub(crate) fn leave_below(&self, room: Room, key: &Key<K>, kept: &Kept<V>, began: Ticks) {
        let Some(below) = &self.below else { return };
        let Room { address, lower } = room;
        let is_vain = match &lower {
            Lower::Nodes { nodes, .. } => !nodes.is_up(),
            // Nobody could tell after a restart what has become of the rows.
            Lower::Store(_) => !kept.tags.is_empty(),
        };
        if is_vain {
            return;
        }
        let age = self.clock.ticks().since(began);
        let created_ms = self.caches.wall().now_ms().saturating_sub(millis(age));
        let Some((bytes, life)) = self.packed(below, &address, kept, created_ms) else {
            return;
        };
        let had_room = match lower {
            Lower::Nodes {
                nodes,
                lease,
                is_damaged,
            } => {
                let entry = Entry {
                    bytes: &bytes,
                    life_ms: millis(life),
                    replaces_all: is_damaged,
                };
                let spot = nodes.spot(self.name, key.tenant, &address);
                nodes.put(&spot, entry, lease)
            }
            Lower::Store(store) => {
                let expires_at = self.clock.now() + life;
                let is_evicted = || below.is_evicted(created_ms);
                store.put(
                    self.name, key.tenant, &address, bytes, expires_at, is_evicted,
                )
            }
        };
        if !had_room {
            self.counts.tier_dropped.one();
        }
    }

    /// The bytes of an entry and how long they count; none for what cannot be shared.
    fn packed(
        &self,
        below: &Below<K, V>,
        address: &Address,
        kept: &Kept<V>,
        created_ms: u64,
    ) -> Option<(Vec<u8>, Duration)> {
        let now = self.clock.ticks();
        let left = kept.fresh_until.since(now);
        let watch = &self.caches.0.ground.watch;
        if below.is_evicted(created_ms)
            || kept.unfit.is_some()
            || left < Duration::from_millis(1)
            || !kept.holds(watch)
        {
            return None;
        }
        let place = if kept.tags.is_empty() {
            None
        } else {
            Some(kept.place.as_ref()?)
        };
        let Some(payload) = (below.codec.encode)(&kept.value) else {
            self.counts.tier_bad.one();
            return None;
        };
        if payload.len() > LARGE {
            self.counts.tier_large.one();
        }
        if payload.len() > LARGEST {
            return None;
        }
        let now_ms = self.caches.wall().now_ms();
        let forever = kept.fresh_until == Ticks::NEVER;
        let text = place.map(|place| place.position.to_string());
        let envelope = Envelope {
            origin: place.map_or(0, |place| place.origin),
            size: place
                .and_then(|place| place.position.size())
                .unwrap_or_default(),
            created_ms,
            until_ms: if forever { 0 } else { now_ms + millis(left) },
            identity: address.identity,
            place: text.as_deref().unwrap_or_default(),
            tags: kept.tags.iter().map(PortableTag::of).collect(),
            payload: &payload,
        };
        let bytes = envelope.write()?;
        Some((bytes, if forever { LONGEST } else { left }))
    }
}

/// How long an entry still counts, none for ever; nothing when it is too old. Never longer than its whole life, whatever the
/// clocks say.
#[expect(
    clippy::option_option,
    reason = "too old, ever, or so long: three answers of one question"
)]
fn left(envelope: &Envelope<'_>, now_ms: u64) -> Option<Option<Duration>> {
    if envelope.until_ms == 0 {
        return Some(None);
    }
    let whole = envelope.until_ms.checked_sub(envelope.created_ms)?;
    let left = envelope.until_ms.checked_sub(now_ms)?.min(whole);
    (left > 0).then(|| Some(Duration::from_millis(left)))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
