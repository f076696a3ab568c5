//! Where a page ends, as a cursor keeps it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::value::Value;

/// On which side of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Way {
    After,
    Before,
}

/// A row's values of the order, and the side of it where a page lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) way: Way,
    at: Vec<Stored>,
}

/// A value with its type, in as few letters as a cursor should have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Stored {
    #[serde(rename = "n")]
    Null,
    #[serde(rename = "b")]
    Bool(bool),
    #[serde(rename = "i")]
    Int(i64),
    /// The bits, so that nothing is rounded.
    #[serde(rename = "f")]
    Float(u64),
    #[serde(rename = "s")]
    Text(String),
    #[serde(rename = "x")]
    Bytes(Vec<u8>),
    #[serde(rename = "u")]
    Uuid(Uuid),
    /// Microseconds, which is what both engines keep.
    #[serde(rename = "t")]
    Instant(i64),
    #[serde(rename = "d")]
    Date(Date),
}

impl Place {
    pub(super) fn new(way: Way, values: Vec<Value>) -> Self {
        let at = values.into_iter().map(stored).collect();
        Self { way, at }
    }

    /// The other side of the same row.
    pub(super) fn turned(&self, way: Way) -> Self {
        Self {
            way,
            at: self.at.clone(),
        }
    }

    pub(super) fn values(&self) -> Vec<sea_query::Value> {
        self.at.iter().cloned().map(value).collect()
    }
}

fn stored(value: Value) -> Stored {
    match value {
        Value::Bool(b) => Stored::Bool(b),
        Value::Int(i) => Stored::Int(i),
        Value::Float(f) => Stored::Float(f.to_bits()),
        Value::Text(text) => Stored::Text(text.into_owned()),
        Value::Bytes(bytes) => Stored::Bytes(bytes),
        Value::Uuid(id) => Stored::Uuid(id),
        Value::Instant(at) => Stored::Instant(at.as_microsecond()),
        Value::Date(date) => Stored::Date(date),
        // No type that can be sorted by makes these.
        Value::Null | Value::Json(_) | Value::Array(..) => Stored::Null,
    }
}

fn value(stored: Stored) -> sea_query::Value {
    match stored {
        Stored::Null => sea_query::Value::BigInt(None),
        Stored::Bool(b) => b.into(),
        Stored::Int(i) => i.into(),
        Stored::Float(bits) => f64::from_bits(bits).into(),
        Stored::Text(text) => text.into(),
        Stored::Bytes(bytes) => bytes.into(),
        Stored::Uuid(id) => id.into(),
        // A cursor is signed by us, so its instant was one when it was made.
        Stored::Instant(at) => Timestamp::from_microsecond(at)
            .unwrap_or(Timestamp::MAX)
            .into(),
        Stored::Date(date) => date.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_text() {
        let at: Timestamp = "2026-03-06T12:00:00.123456Z".parse().unwrap();
        let values = vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(0.1),
            Value::Text("\u{e4}'\"".into()),
            Value::Bytes(vec![0, 255]),
            Value::Uuid(Uuid::from_u128(7)),
            Value::Instant(at),
            Value::Date("2026-03-06".parse().unwrap()),
        ];
        let place = Place::new(Way::Before, values.clone());
        let text = serde_json::to_string(&place).unwrap();
        let read: Place = serde_json::from_str(&text).unwrap();
        assert_eq!(read, place);
        let back: Vec<Value> = read.values().into_iter().map(Value::from).collect();
        assert_eq!(back, values);
    }
}
