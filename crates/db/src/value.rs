//! A parameter on its way to either engine.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

/// One bound parameter. Owned, because on SQLite it travels to another thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// `boolean`; 0 or 1 on SQLite.
    Bool(bool),
    /// Any integer type.
    Int(i64),
    /// `double precision`.
    Float(f64),
    /// `text`.
    Text(Cow<'static, str>),
    /// `bytea`.
    Bytes(Vec<u8>),
    /// `uuid`; a 16-byte blob on SQLite.
    Uuid(Uuid),
    /// `timestamptz`; integer microseconds since 1970 UTC on SQLite.
    Instant(Timestamp),
    /// `date`; ISO text on SQLite.
    Date(Date),
    /// `jsonb`; text on SQLite.
    Json(String),
    /// An array for `= ANY($n)`; on SQLite a JSON array for `json_each`.
    Array(Kind, Vec<Value>),
}

/// The type that a parameter or column has on PostgreSQL, and how it is kept on SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `boolean`.
    Bool,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `double precision`.
    Float8,
    /// `text`.
    Text,
    /// `bytea`.
    Bytes,
    /// `uuid`.
    Uuid,
    /// `timestamptz`.
    Instant,
    /// `date`.
    Date,
    /// `jsonb`.
    Json,
    /// `bigint[]`.
    Int8Array,
    /// `text[]`.
    TextArray,
    /// `uuid[]`.
    UuidArray,
}

impl Kind {
    /// The type's name on PostgreSQL.
    pub const fn postgres_name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Float8 => "float8",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Uuid => "uuid",
            Self::Instant => "timestamptz",
            Self::Date => "date",
            Self::Json => "jsonb",
            Self::Int8Array => "int8[]",
            Self::TextArray => "text[]",
            Self::UuidArray => "uuid[]",
        }
    }
}

impl From<sea_query::Value> for Value {
    fn from(value: sea_query::Value) -> Self {
        use sea_query::Value as V;
        match value {
            V::Bool(v) => v.map_or(Self::Null, Self::Bool),
            V::TinyInt(v) => v.map_or(Self::Null, |v| Self::Int(v.into())),
            V::SmallInt(v) => v.map_or(Self::Null, |v| Self::Int(v.into())),
            V::Int(v) => v.map_or(Self::Null, |v| Self::Int(v.into())),
            V::BigInt(v) => v.map_or(Self::Null, Self::Int),
            V::TinyUnsigned(v) => v.map_or(Self::Null, |v| Self::Int(v.into())),
            V::SmallUnsigned(v) => v.map_or(Self::Null, |v| Self::Int(v.into())),
            V::Unsigned(v) => v.map_or(Self::Null, |v| Self::Int(v.into())),
            V::BigUnsigned(v) => v.map_or(Self::Null, |v| {
                Self::Int(i64::try_from(v).unwrap_or(i64::MAX))
            }),
            V::Float(v) => v.map_or(Self::Null, |v| Self::Float(v.into())),
            V::Double(v) => v.map_or(Self::Null, Self::Float),
            V::String(v) => v.map_or(Self::Null, |v| Self::Text(v.into())),
            V::Char(v) => v.map_or(Self::Null, |v| Self::Text(v.to_string().into())),
            V::Bytes(v) => v.map_or(Self::Null, Self::Bytes),
            V::Uuid(v) => v.map_or(Self::Null, Self::Uuid),
            V::JiffTimestamp(v) => v.map_or(Self::Null, |v| Self::Instant(*v)),
            V::JiffDate(v) => v.map_or(Self::Null, Self::Date),
            other => Self::Text(format!("{other:?}").into()),
        }
    }
}
