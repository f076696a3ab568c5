//! The settings of a room.

use std::time::Duration;

use brisk_config::{ByteSize, Problems};
use serde::{Deserialize, Serialize};

/// Limits and times of connections; a service keeps them as `ws` in its own section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WsConfig {
    /// Origins whose pages may connect; `*` is any, which production refuses. Programs send none and may.
    pub allowed_origins: Vec<String>,
    /// Connections of this process at once; one more is answered 503.
    pub max_connections: usize,
    /// How long a client may take to say who it is.
    #[serde(with = "brisk_config::duration")]
    pub auth_timeout: Duration,
    /// How long before its token ends a client is warned.
    #[serde(with = "brisk_config::duration")]
    pub expiry_warning: Duration,
    /// How often a connection looks whether its client may still come in, a second at most.
    #[serde(with = "brisk_config::duration")]
    pub recheck: Duration,
    /// The time between two pings, and until a pong has to be there.
    #[serde(with = "brisk_config::duration")]
    pub heartbeat: Duration,
    /// The time that one message has.
    #[serde(with = "brisk_config::duration")]
    pub deadline: Duration,
    /// The largest message of a client.
    pub max_message: ByteSize,
    /// Messages of one connection in work at once; 1 keeps them in order.
    pub inflight_per_connection: usize,
    /// What may wait to be sent to one client; with more it is dropped.
    pub queue: usize,
    /// Messages in a row that are none, before the connection is closed.
    pub max_bad_messages: u32,
}

impl Default for WsConfig {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            max_connections: 10_000,
            auth_timeout: Duration::from_secs(5),
            expiry_warning: Duration::from_secs(30),
            recheck: Duration::from_secs(1),
            heartbeat: Duration::from_secs(20),
            deadline: Duration::from_secs(10),
            max_message: ByteSize::kib(64),
            inflight_per_connection: 8,
            queue: 256,
            max_bad_messages: 5,
        }
    }
}

impl WsConfig {
    /// Adds what is wrong, under `section` and a dot.
    pub fn check(&self, section: &str, problems: &mut Problems) {
        let mut add = |key: &str, text: &str| problems.add(&format!("{section}.{key}"), text);
        for (key, size) in [
            ("max_connections", self.max_connections),
            ("inflight_per_connection", self.inflight_per_connection),
            ("queue", self.queue),
        ] {
            if size == 0 {
                add(key, "must be at least 1");
            }
        }
        if self.max_bad_messages == 0 {
            add("max_bad_messages", "must be at least 1");
        }
        if self.recheck.is_zero() || self.recheck > Duration::from_secs(1) {
            add("recheck", "must be longer than zero and a second at most");
        }
        for (key, span) in [
            ("auth_timeout", self.auth_timeout),
            ("heartbeat", self.heartbeat),
            ("deadline", self.deadline),
        ] {
            if span.is_zero() {
                add(key, "must be longer than zero");
            }
        }
    }
}
