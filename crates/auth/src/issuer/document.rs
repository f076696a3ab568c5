//! What a provider says of itself: read once for all who wait, read again behind the sign-ins, kept when it is away.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use brisk_core::{Clock, outside_transaction};
use serde_json::Value;
use tokio::sync::watch;

use crate::error::Error;
use crate::issuer::fetch::{FetchError, Fetcher, address};
use crate::issuer::key_set::{Plan, State};
use crate::issuer::openid::Endpoints;

/// How long a document is good for; it is kept as long again where the provider does not answer.
const LIFE: Duration = Duration::from_hours(24);

/// How long a sign-in waits where there is no document yet.
const FIRST: Duration = Duration::from_secs(5);

/// The document of one provider. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Document(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: String,
    url: String,
    fetcher: Fetcher,
    clock: Clock,
    current: ArcSwapOption<Endpoints>,
    state: Mutex<State>,
}

impl Document {
    pub(super) fn new(issuer: String, url: String, fetcher: Fetcher, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            issuer,
            url,
            fetcher,
            clock,
            current: ArcSwapOption::empty(),
            state: Mutex::default(),
        }))
    }

    /// What the provider says of itself.
    ///
    /// # Errors
    ///
    /// [`Error::IssuerUnavailable`] where that was never heard, or too long ago, and cannot be heard now.
    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, Error> {
        let now = self.0.clock.ticks();
        let current = self.0.current.load_full();
        let (plan, flight) = {
            let mut state = self.state();
            let plan = state.plan(current.is_some(), now);
            let flight = match plan {
                Plan::Use => None,
                Plan::Refresh | Plan::Wait => Some(self.fetch(&mut state)),
                Plan::Unavailable => state.flight(),
            };
            (plan, flight)
        };
        match (plan, current) {
            (Plan::Use | Plan::Refresh, Some(endpoints)) => return Ok(endpoints),
            (Plan::Wait | Plan::Unavailable, _) | (_, None) => {
                if let Some(mut flight) = flight {
                    outside_transaction("document of an issuer");
                    // Nothing is ever sent: the sender goes when the fetch ends, however it does.
                    let ended = async { while flight.changed().await.is_ok() {} };
                    let _in_time = tokio::time::timeout(FIRST, ended).await;
                }
            }
        }
        let now = self.0.clock.ticks();
        let state = self.state();
        let current = self.0.current.load_full();
        current
            .filter(|_| state.is_usable(now))
            .ok_or_else(|| Error::IssuerUnavailable {
                issuer: self.0.issuer.clone(),
                retry_after: state.retry_after(now),
            })
    }

    /// The same as far as it was heard, without waiting.
    pub(super) fn known(&self) -> Option<Arc<Endpoints>> {
        self.0.current.load_full()
    }

    /// The fetch under way, or a new one.
    fn fetch(&self, state: &mut State) -> watch::Receiver<()> {
        if let Some(flight) = state.flight() {
            return flight;
        }
        let (landed, flight) = watch::channel(());
        state.begin(flight.clone());
        let document = self.clone();
        tokio::spawn(async move {
            document.refresh().await;
            drop(landed);
        });
        flight
    }

    async fn refresh(&self) {
        let read = self.read().await;
        let now = self.0.clock.ticks();
        let mut state = self.state();
        match read {
            Ok(endpoints) => {
                self.0.current.store(Some(Arc::new(endpoints)));
                state.succeeded(now, None, None);
                state.living(LIFE);
            }
            Err(error) => {
                state.failed(now);
                let issuer = &self.0.issuer;
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(issuer, %error, cause, "the document of an issuer could not be read");
            }
        }
    }

    async fn read(&self) -> Result<Endpoints, FetchError> {
        let Inner {
            issuer,
            url,
            fetcher,
            ..
        } = &*self.0;
        let document = fetcher.document(url, issuer).await?;
        let needed = |name| -> Result<String, FetchError> {
            address(&document, name, url)?
                .ok_or(FetchError::Document("it lacks one of the endpoints"))
        };
        let flag = |name| document.get(name).and_then(Value::as_bool);
        let algorithms = document.get("id_token_signing_alg_values_supported");
        let algorithms = algorithms.and_then(Value::as_array).into_iter().flatten();
        Ok(Endpoints {
            authorization: needed("authorization_endpoint")?,
            token: needed("token_endpoint")?,
            userinfo: address(&document, "userinfo_endpoint", url)?,
            names_itself: flag("authorization_response_iss_parameter_supported") == Some(true),
            algorithms: algorithms
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.expect("no holder of the state can panic")
    }
}
