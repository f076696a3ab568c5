//! The keys of one issuer: fetched once for all who wait, refreshed behind the requests, kept when the issuer is away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use brisk_core::{Clock, Ticks, outside_transaction};
use tokio::sync::watch;

use crate::config::IssuerConfig;
use crate::error::Error;
use crate::issuer::fetch::{FetchError, Fetcher};
use crate::issuer::jwk::{ForeignKey, KeySet};
use crate::issuer::key_set::{Plan, State};
use crate::metrics::Meter;
use crate::token::{Algorithm, Fault, Refusal};

/// How long a request waits where there are no keys yet.
const FIRST: Duration = Duration::from_secs(5);

/// How long a request waits for the refresh that its unknown key has caused.
const FORCED: Duration = Duration::from_secs(2);

/// The keys of one issuer. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct KeySource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: String,
    jwks_uri: Option<String>,
    discovery: Option<String>,
    algorithms: Vec<Algorithm>,
    fetcher: Fetcher,
    clock: Clock,
    meter: Meter,
    current: ArcSwapOption<KeySet>,
    state: Mutex<State>,
    /// [`State::due`], readable without the lock.
    due: AtomicU64,
}

/// Ends when the fetch does.
type Flight = watch::Receiver<()>;

impl KeySource {
    pub(crate) fn new(config: &IssuerConfig, fetcher: Fetcher, clock: Clock, meter: Meter) -> Self {
        let algorithms = config.algorithms.iter();
        Self(Arc::new(Inner {
            issuer: config.issuer.clone(),
            jwks_uri: config.jwks_uri.clone(),
            discovery: config.discovery_url(),
            algorithms: algorithms
                .filter_map(|name| Algorithm::parse(name))
                .collect(),
            fetcher,
            clock,
            meter,
            current: ArcSwapOption::empty(),
            state: Mutex::default(),
            due: AtomicU64::new(Ticks::NEVER.get()),
        }))
    }

    /// The key that a token names, or the only one that it can mean.
    ///
    /// # Errors
    ///
    /// A refusal where there is no such key, [`Error::IssuerUnavailable`] where the keys cannot be had.
    pub(crate) async fn key(
        &self,
        kid: Option<&str>,
        algorithm: &str,
    ) -> Result<Arc<ForeignKey>, Fault> {
        let asked = self.state().fetches();
        let set = self.usable().await?;
        let Some(kid) = kid else {
            let only = set.only(algorithm).cloned();
            return only.ok_or_else(|| Refusal::NoKeyId.into());
        };
        if let Some(key) = set.named(kid) {
            return Ok(Arc::clone(key));
        }
        self.0.meter.unknown_kid(&self.0.issuer);
        let unknown = || Fault::from(Refusal::UnknownKey);
        // Keys that came just now, for this request, need not be asked for again.
        if self.state().fetches() == asked {
            let flight = self.forced(kid).ok_or_else(unknown)?;
            landed(flight, FORCED).await;
        }
        let set = self.0.current.load_full();
        if let Some(key) = set.as_ref().and_then(|set| set.named(kid)) {
            return Ok(Arc::clone(key));
        }
        let now = self.0.clock.ticks();
        let mut state = self.state();
        if state.fetches() > asked {
            state.is_unknown(kid, now);
        }
        Err(unknown())
    }

    /// The keys that may be used now.
    async fn usable(&self) -> Result<Arc<KeySet>, Error> {
        let now = self.0.clock.ticks();
        let set = self.0.current.load_full();
        let (plan, flight) = {
            let mut state = self.state();
            let plan = state.plan(set.is_some(), now);
            let flight = match plan {
                Plan::Use => None,
                Plan::Refresh | Plan::Wait => Some(self.fetch(&mut state)),
                Plan::Unavailable => state.flight(),
            };
            (plan, flight)
        };
        match (plan, set) {
            (Plan::Use | Plan::Refresh, Some(set)) => {
                self.0.meter.had_keys(&self.0.issuer, true);
                return Ok(set);
            }
            (Plan::Wait | Plan::Unavailable, _) | (_, None) => {
                self.0.meter.had_keys(&self.0.issuer, false);
                if let Some(flight) = flight {
                    landed(flight, FIRST).await;
                }
            }
        }
        let now = self.0.clock.ticks();
        let set = self.0.current.load_full();
        let state = self.state();
        set.filter(|_| state.is_usable(now))
            .ok_or_else(|| Error::IssuerUnavailable {
                issuer: self.0.issuer.clone(),
                retry_after: state.retry_after(now),
            })
    }

    /// Begins a refresh where it is time for one: for tokens that are remembered, which ask for no key. Some nanoseconds.
    pub(crate) fn touch(&self) {
        let now = self.0.clock.ticks();
        if now.get() < self.0.due.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        if state.plan(true, now) == Plan::Refresh {
            self.fetch(&mut state);
        }
    }

    /// The refresh that a token with an unknown key may wait for; none where it may not.
    fn forced(&self, kid: &str) -> Option<Flight> {
        let now = self.0.clock.ticks();
        let mut state = self.state();
        if state.is_known_unknown(kid, now) {
            return None;
        }
        if let Some(flight) = state.flight() {
            return Some(flight);
        }
        state.may_force(now).then(|| self.fetch(&mut state))
    }

    /// The fetch under way, or a new one.
    fn fetch(&self, state: &mut State) -> Flight {
        if let Some(flight) = state.flight() {
            return flight;
        }
        let (landed, flight) = watch::channel(());
        state.begin(flight.clone());
        let source = self.clone();
        tokio::spawn(async move {
            source.refresh().await;
            drop(landed);
        });
        flight
    }

    async fn refresh(&self) {
        let issuer = &self.0.issuer;
        let fetched = self.ask().await;
        let now = self.0.clock.ticks();
        let mut state = self.state();
        match fetched {
            Ok(Answer { set, etag, max_age }) => {
                if let Some(set) = set {
                    warn_of(issuer, &set);
                    let before = self.0.current.load_full();
                    let set = set.after(before.as_deref());
                    tracing::debug!(
                        issuer,
                        keys = set.len(),
                        "the keys of an issuer were fetched"
                    );
                    self.0.current.store(Some(Arc::new(set)));
                    self.0.meter.fetched(issuer, "ok");
                } else {
                    self.0.meter.fetched(issuer, "unchanged");
                }
                state.succeeded(now, etag, max_age);
            }
            Err(error) => {
                state.failed(now);
                self.0.meter.fetched(issuer, "error");
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(issuer, %error, cause, "the keys of an issuer could not be fetched");
            }
        }
        self.0.due.store(state.due().get(), Ordering::Relaxed);
        self.0.meter.stale(issuer, state.stale(now));
    }

    async fn ask(&self) -> Result<Answer, FetchError> {
        let inner = &*self.0;
        let (known, etag) = self.state().last();
        let uri = match (&inner.jwks_uri, &known, &inner.discovery) {
            (Some(uri), ..) | (None, Some(uri), _) => uri.clone(),
            (None, None, Some(url)) => {
                let uri = inner.fetcher.discover(url, &inner.issuer).await?;
                self.state().discovered(uri.clone());
                uri
            }
            (None, None, None) => return Err(FetchError::Document("it has no address")),
        };
        let fetched = inner.fetcher.get(&uri, etag.as_deref()).await?;
        let set = match fetched.body {
            Some(body) => {
                let set = KeySet::parse(&body, &inner.algorithms);
                Some(set.map_err(FetchError::Document)?)
            }
            None => None,
        };
        Ok(Answer {
            set,
            etag: fetched.etag,
            max_age: fetched.max_age,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .expect("no holder of the state can panic")
    }
}

struct Answer {
    set: Option<KeySet>,
    etag: Option<String>,
    max_age: Option<Duration>,
}

/// Waits for a fetch, for so long at most.
async fn landed(mut flight: Flight, wait: Duration) {
    outside_transaction("keys of an issuer");
    // Nothing is ever sent: the sender goes when the fetch ends, however it does.
    let ended = async { while flight.changed().await.is_ok() {} };
    // What came of it is in the state, also when it is late.
    let _in_time = tokio::time::timeout(wait, ended).await;
}

fn warn_of(issuer: &str, set: &KeySet) {
    if !set.ambiguous.is_empty() {
        let kids = set.ambiguous.join(", ");
        tracing::warn!(
            issuer,
            kids,
            "names that stand on two keys of a set; neither key is used"
        );
    }
    if set.left_out > 0 {
        let keys = set.left_out;
        tracing::debug!(
            issuer,
            keys,
            "keys of a set were left out: they are not for signatures that are taken"
        );
    }
}
