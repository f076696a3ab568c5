//! Parameters in SQLite's forms.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as Lite, ValueRef};

use crate::value::Value;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Lite::Null),
            Self::Bool(b) => ToSqlOutput::Owned(Lite::Integer((*b).into())),
            Self::Int(i) => ToSqlOutput::Owned(Lite::Integer(*i)),
            Self::Float(f) => ToSqlOutput::Owned(Lite::Real(*f)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Json(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Uuid(id) => ToSqlOutput::Borrowed(ValueRef::Blob(id.as_bytes())),
            Self::Instant(at) => ToSqlOutput::Owned(Lite::Integer(at.as_microsecond())),
            Self::Date(date) => ToSqlOutput::Owned(Lite::Text(date.to_string())),
            Self::Array(_, values) => ToSqlOutput::Owned(Lite::Text(json_array(values))),
        })
    }
}

fn json_array(values: &[Value]) -> String {
    let list = values
        .iter()
        .map(|value| match value {
            Value::Bool(b) => serde_json::Value::from(*b),
            Value::Int(i) => serde_json::Value::from(*i),
            Value::Float(f) => serde_json::Value::from(*f),
            Value::Text(text) => serde_json::Value::from(text.as_ref()),
            Value::Json(text) => serde_json::Value::from(text.as_str()),
            // `json_each` has no blobs: statements over UUIDs compare `hex(id)`.
            Value::Uuid(id) => serde_json::Value::from(id.simple().to_string().to_uppercase()),
            Value::Instant(at) => serde_json::Value::from(at.as_microsecond()),
            Value::Date(date) => serde_json::Value::from(date.to_string()),
            Value::Null | Value::Bytes(_) | Value::Array(..) => serde_json::Value::Null,
        })
        .collect::<Vec<_>>();
    serde_json::Value::from(list).to_string()
}
