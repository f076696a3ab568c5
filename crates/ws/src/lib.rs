//! Connections that stay open: a room that clients enter by WebSocket, ask in, and hear of topics in.
//!
//! A service declares its messages in a [`Table`] and opens a [`Room`]; the room owns everything else: the check of origins,
//! sign-in by the first message, its renewal and its end, limits, heartbeats, topics, broadcasts, and the end in good order.
//! The one surprising decision: a connection asks once a second who its client is, by the same cached check that requests go
//! through, instead of listening for news about sessions. So whatever ends a token ends its connections, on every node,
//! and nobody has to think of connections when a new way to lose a right is added.

mod close;
mod config;
mod connection;
mod error;
mod identity;
mod metrics;
mod registry;
mod room;
mod table;
mod wire;

pub use config::WsConfig;
pub use error::Error;
pub use room::{Host, Room};
pub use table::{Kind, Permit, Table, Topic, Words};
pub use wire::Reply;
