//! How connections end.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client has gone.
    Gone,
    /// The program ends.
    Stopping,
    /// The client broke the rules of WebSocket.
    Protocol,
    /// Too many messages in a row were none.
    BadMessages,
    /// A text that is not UTF-8.
    NotText,
    /// A message above the limit.
    TooLarge,
    /// No pong came.
    NoPong,
    /// The client takes less than it is sent.
    Slow,
    /// Nobody that we know, or somebody else than before.
    Refused,
    /// No token came.
    Silent,
    /// The token has ended.
    Expired,
}

impl End {
    /// What the client is told; none where nobody is there to hear it.
    pub(crate) fn message(self) -> Option<Message> {
        let (code, reason) = match self {
            Self::Gone => return None,
            Self::Stopping => (1001, "the server is stopping"),
            Self::Protocol => (1002, "protocol error"),
            Self::BadMessages => (1003, "too many bad messages"),
            Self::NotText => (1007, "not UTF-8"),
            Self::TooLarge => (1009, "the message is too large"),
            Self::NoPong => (1011, "no pong came"),
            Self::Slow => (1013, "too slow: messages were lost"),
            Self::Refused => (4001, "authentication failed"),
            Self::Silent => (4002, "no authentication in time"),
            Self::Expired => (4003, "the token has ended"),
        };
        Some(Message::Close(Some(CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        })))
    }
}
