//! Messages as JSON.

use axum::extract::ws::Utf8Bytes;
use brisk_core::Class;
use brisk_http::Problem;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// What a client has said.
#[derive(Debug)]
pub(crate) enum Said {
    /// Who it is: the token as it would stand in `Authorization`.
    Auth(String),
    /// Whether we are there.
    Ping,
    /// What it wants.
    Request(Request),
}

/// What a client wants.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) pkg_id: i32,
    pub(crate) req_id: Uuid,
    pub(crate) data: Map<String, Value>,
}

/// A message that is none, and what can be said about it.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) pkg_id: i32,
    pub(crate) req_id: Uuid,
    pub(crate) text: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Control {
    Auth { token: String },
    Ping {},
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    pkg_id: i32,
    req_id: Uuid,
    /// Part of the contract, and of no use.
    #[serde(default, rename = "method")]
    _method: String,
    #[serde(default)]
    data: Map<String, Value>,
}

impl Said {
    /// Reads a text.
    pub(crate) fn read(text: &str) -> Result<Self, Bad> {
        let value: Value = serde_json::from_str(text).map_err(|e| Bad::new(e.to_string()))?;
        if value.get("type").is_some() {
            return match serde_json::from_value(value) {
                Ok(Control::Auth { token }) => Ok(Self::Auth(token)),
                Ok(Control::Ping {}) => Ok(Self::Ping),
                Err(e) => Err(Bad::new(e.to_string())),
            };
        }
        let known = Bad {
            pkg_id: int(&value["pkg_id"]),
            req_id: id(&value["req_id"]),
            text: String::new(),
        };
        let read: Result<Envelope, _> = serde_json::from_value(value);
        let envelope = read.map_err(|e| Bad {
            text: e.to_string(),
            ..known
        })?;
        Ok(Self::Request(Request {
            pkg_id: envelope.pkg_id,
            req_id: envelope.req_id,
            data: envelope.data,
        }))
    }
}

impl Bad {
    pub(crate) const fn new(text: String) -> Self {
        Self {
            pkg_id: 0,
            req_id: Uuid::nil(),
            text,
        }
    }
}

fn int(value: &Value) -> i32 {
    let found = value.as_i64().and_then(|n| i32::try_from(n).ok());
    found.unwrap_or_default()
}

fn id(value: &Value) -> Uuid {
    let found = value.as_str().and_then(|text| text.parse().ok());
    found.unwrap_or_default()
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    Error = 1,
    InvalidData = 2,
    PermissionDenied = 3,
}

impl Status {
    pub(crate) fn of(problem: &Problem) -> Self {
        match problem.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::PermissionDenied,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Self::InvalidData,
            _ => Self::Error,
        }
    }
}

/// What a handler answers.
#[derive(Debug)]
pub struct Reply {
    meta: Option<Box<RawValue>>,
    data: Box<RawValue>,
}

impl Reply {
    /// An answer with this as its data.
    ///
    /// # Errors
    ///
    /// A 500 where it cannot be written as JSON.
    pub fn new(data: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self {
            meta: None,
            data: raw(data)?,
        })
    }

    /// The same with this beside its data.
    ///
    /// # Errors
    ///
    /// As [`Reply::new`].
    pub fn meta(mut self, meta: &impl Serialize) -> Result<Self, Problem> {
        self.meta = Some(raw(meta)?);
        Ok(self)
    }
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(value).map_err(|e| {
        let detail = "something went wrong on our side";
        Problem::new(Class::Internal, "internal", detail).because(e.to_string())
    })
}

#[derive(Serialize)]
struct Response<'a, M, D> {
    pkg_id: i32,
    req_id: Uuid,
    status_code: i32,
    meta: &'a M,
    data: &'a D,
}

#[derive(Serialize)]
struct Broadcast<'a, D> {
    pkg_id: i32,
    /// Nil: the mark of what nobody asked for.
    req_id: Uuid,
    data: &'a D,
}

pub(crate) fn answer(pkg_id: i32, req_id: Uuid, reply: &Reply) -> Utf8Bytes {
    text(&Response {
        pkg_id,
        req_id,
        status_code: Status::Ok as i32,
        meta: &reply.meta,
        data: &reply.data,
    })
}

pub(crate) fn refusal(pkg_id: i32, req_id: Uuid, status: Status, data: &Value) -> Utf8Bytes {
    text(&Response {
        pkg_id,
        req_id,
        status_code: status as i32,
        meta: &(),
        data,
    })
}

pub(crate) fn broadcast(pkg_id: i32, data: &impl Serialize) -> Utf8Bytes {
    text(&Broadcast {
        pkg_id,
        req_id: Uuid::nil(),
        data,
    })
}

pub(crate) fn pong() -> Utf8Bytes {
    Utf8Bytes::from_static(r#"{"type":"pong"}"#)
}

pub(crate) fn auth_ok(
    connection: Uuid,
    expires_at: Option<Timestamp>,
    correlation: &str,
) -> Utf8Bytes {
    text(&json!({
        "type": "auth_ok",
        "connection_id": connection,
        "expires_at": expires_at,
        "correlation_id": correlation,
    }))
}

pub(crate) fn auth_expiring(expires_at: Timestamp) -> Utf8Bytes {
    text(&json!({"type": "auth_expiring", "expires_at": expires_at}))
}

fn text(value: &impl Serialize) -> Utf8Bytes {
    let text = serde_json::to_string(value);
    text.expect("messages are maps with names that are texts")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

    #[test]
    fn what_a_client_says_is_told_apart() {
        assert!(
            matches!(Said::read(r#"{"type":"auth","token":"Bearer x"}"#), Ok(Said::Auth(t)) if t == "Bearer x")
        );
        assert!(matches!(Said::read(r#"{"type":"ping"}"#), Ok(Said::Ping)));
        let text = format!(r#"{{"pkg_id":7,"req_id":"{ID}","method":"m","data":{{"a":1}}}}"#);
        let Ok(Said::Request(request)) = Said::read(&text) else {
            panic!("a request: {text}");
        };
        assert_eq!((request.pkg_id, request.req_id.to_string()), (7, ID.into()));
        assert_eq!(request.data["a"], 1);
    }

    #[test]
    fn bad_messages_keep_the_ids_that_could_be_read() {
        for (text, pkg_id, is_named) in [
            ("[]", 0, false),
            ("no json", 0, false),
            (r#"{"type":"auth"}"#, 0, false),
            (r#"{"pkg_id":1,"req_id":"x"}"#, 1, false),
            (r#"{"pkg_id":4294967296,"req_id":"ID"}"#, 0, true),
            (r#"{"pkg_id":1,"req_id":"ID","data":[]}"#, 1, true),
            (r#"{"pkg_id":1,"req_id":"ID","more":1}"#, 1, true),
        ] {
            let bad = Said::read(&text.replace("ID", ID)).unwrap_err();
            assert_eq!(
                (bad.pkg_id, !bad.req_id.is_nil()),
                (pkg_id, is_named),
                "{text}"
            );
            assert!(!bad.text.is_empty());
        }
    }
}
