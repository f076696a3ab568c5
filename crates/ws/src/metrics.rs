//! What is counted, under our names and, where `telemetry.seed_aliases` is on, under those of the programs replaced.

use metrics::{counter, gauge};

/// Counts for one room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    pub(crate) aliases: bool,
}

impl Meter {
    /// A connection that was tried: `accepted`, `rejected_auth`, `rejected_auth_timeout`, `rejected_limit` or
    /// `rejected_origin`.
    pub(crate) fn connection(self, status: &'static str) {
        counter!("brisk_ws_connections_total", "status" => status).increment(1);
        if self.aliases {
            counter!("ws_connections_total", "status" => status).increment(1);
        }
    }

    /// Connections whose client is known, now.
    pub(crate) fn active(self, by: f64) {
        gauge!("brisk_ws_connections").increment(by);
        if self.aliases {
            gauge!("ws_connections_active").increment(by);
        }
    }

    pub(crate) fn received(self) {
        counter!("brisk_ws_messages_received_total").increment(1);
        if self.aliases {
            counter!("ws_messages_received_total").increment(1);
        }
    }

    pub(crate) fn sent(self) {
        counter!("brisk_ws_messages_sent_total").increment(1);
        if self.aliases {
            counter!("ws_messages_sent_total").increment(1);
        }
    }

    /// A client that was dropped because it took less than it was sent.
    pub(crate) fn slow(self) {
        counter!("brisk_ws_slow_consumers_total").increment(1);
        if self.aliases {
            counter!("ws_slow_consumers_total").increment(1);
        }
    }
}
