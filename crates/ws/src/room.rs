//! The room: the way in, and broadcasts.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use brisk_core::{Class, Clock, Ids, TenantId};
use brisk_http::{Caller, Environment, Exchange, Problem};
use http::HeaderMap;
use http::header::ORIGIN;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::connection;
use crate::metrics::Meter;
use crate::registry::Registry;
use crate::{Error, Table, WsConfig, wire};

/// The buffer that each connection keeps for reading, in bytes; a client that says little should cost little.
const READ_BUFFER: usize = 4 << 10;

/// How much larger than allowed a message may be and still be read, so that the one who sent it reads why it was closed
/// instead of finding the connection reset.
const READ_BEYOND: usize = 4;

/// The longest correlation id of a client, in characters.
const LONGEST_CORRELATION: usize = 64;

/// The program around a room.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where it runs.
    pub environment: Environment,
    /// The time, by which tokens end.
    pub clock: Clock,
    /// Ids of connections.
    pub ids: Ids,
    /// Cancelled when the program ends: messages in work end, then every connection is closed with 1001.
    pub stop: CancellationToken,
    /// Connections and their messages are tracked here, so that the end of the program waits for them.
    pub tracker: TaskTracker,
    /// Whether to write the metrics of the programs replaced, too.
    pub seed_aliases: bool,
}

/// A room with its messages, its topics and everybody in it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: WsConfig,
    pub(crate) host: Host,
    pub(crate) table: Table,
    pub(crate) registry: Registry,
    pub(crate) meter: Meter,
    places: Arc<Semaphore>,
}

impl Room {
    /// Opens a room.
    ///
    /// # Errors
    ///
    /// [`Error::AnyOrigin`].
    pub fn open(config: WsConfig, host: Host, table: Table) -> Result<Self, Error> {
        let any = config.allowed_origins.iter().any(|origin| origin == "*");
        if any && host.environment == Environment::Production {
            return Err(Error::AnyOrigin);
        }
        Ok(Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(config.max_connections)),
            meter: Meter {
                aliases: host.seed_aliases,
            },
            registry: Registry::default(),
            config,
            host,
            table,
        })))
    }

    /// The route on which clients enter. It belongs behind the edge's pipeline.
    pub fn route<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        let room = self.clone();
        get(
            move |Caller(exchange): Caller, headers: HeaderMap, upgrade: WebSocketUpgrade| {
                std::future::ready(room.enter(exchange, &headers, upgrade))
            },
        )
    }

    fn enter(
        &self,
        exchange: Arc<Exchange>,
        headers: &HeaderMap,
        upgrade: WebSocketUpgrade,
    ) -> Result<Response, Problem> {
        let Inner {
            config,
            host,
            meter,
            ..
        } = &*self.0;
        if !is_allowed(&config.allowed_origins, headers) {
            meter.connection("rejected_origin");
            return Err(Problem::forbidden("pages of this origin may not connect"));
        }
        let place = Arc::clone(&self.0.places).try_acquire_owned();
        let (Ok(place), false) = (place, host.stop.is_cancelled()) else {
            meter.connection("rejected_limit");
            let text = "there is no place for another connection now";
            return Err(Problem::new(
                Class::Unavailable,
                "too_many_connections",
                text,
            ));
        };
        let id = host.ids.uuid();
        let correlation = correlation(headers, id);
        let (room, tracker) = (self.clone(), host.tracker.clone());
        let limit = usize::try_from(config.max_message.as_u64()).unwrap_or(usize::MAX);
        let readable = limit.saturating_mul(READ_BEYOND);
        let upgrade = upgrade
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(readable)
            .max_frame_size(readable);
        Ok(upgrade.on_upgrade(move |socket| async move {
            let _place = place;
            let served = connection::serve(room, exchange, id, correlation, socket);
            tracker.track_future(served).await;
        }))
    }

    /// Whether anybody of this tenant listens to this topic here.
    pub fn has_listeners(&self, tenant: TenantId, topic: &str) -> bool {
        self.0.registry.listens(tenant, topic)
    }

    /// Tells all who listen to this topic of a tenant on this node. It is written once and waits for nobody.
    pub fn publish(&self, tenant: TenantId, topic: &str, pkg_id: i32, data: &impl Serialize) {
        if self.has_listeners(tenant, topic) {
            let text = wire::broadcast(pkg_id, data);
            self.0.registry.tell(tenant, topic, &text);
        }
    }

    /// Tells all who listen to the topic `name` or to any `name:...`, of this tenant or of every one: for what cannot be said
    /// more exactly.
    pub fn publish_to_family(
        &self,
        tenant: Option<TenantId>,
        name: &str,
        pkg_id: i32,
        data: &impl Serialize,
    ) {
        let text = wire::broadcast(pkg_id, data);
        self.0.registry.tell_family(tenant, name, &text);
    }
}

/// Programs send no origin; a page's must be named.
fn is_allowed(allowed: &[String], headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    allowed
        .iter()
        .any(|known| known == "*" || known.as_bytes() == origin.as_bytes())
}

/// What ties the log lines of a connection to those of its client.
fn correlation(headers: &HeaderMap, id: Uuid) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let given = text("x-correlation-id");
    let traced = || text("traceparent")?.split('-').nth(1);
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let kept: String = given
        .or_else(traced)
        .unwrap_or_default()
        .chars()
        .filter(is_plain)
        .take(LONGEST_CORRELATION)
        .collect();
    if kept.is_empty() {
        // The end of an id is random; its beginning is the time.
        id.simple().to_string().split_off(24)
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn pages_of_named_origins_and_programs_may_connect() {
        let named = ["https://shop.example".to_owned()];
        let page = |origin| headers(&[("origin", origin)]);
        assert!(is_allowed(&named, &headers(&[])));
        assert!(is_allowed(&named, &page("https://shop.example")));
        assert!(!is_allowed(&named, &page("https://shop.example.evil")));
        assert!(!is_allowed(&[], &page("null")));
        assert!(is_allowed(&["*".to_owned()], &page("https://any")));
    }

    #[test]
    fn a_correlation_id_is_the_clients_or_our_own() {
        let id = Uuid::from_u128(0x1234);
        let given = headers(&[("x-correlation-id", "a b/c.1")]);
        assert_eq!(correlation(&given, id), "abc.1");
        let traced = headers(&[("traceparent", "00-4bf9-00f0-01")]);
        assert_eq!(correlation(&traced, id), "4bf9");
        assert_eq!(correlation(&headers(&[]), id), "00001234");
    }
}
