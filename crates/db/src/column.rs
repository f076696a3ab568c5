//! Rust types that can stand in a column, on both engines.

use std::borrow::Cow;
use std::error::Error as StdError;

use brisk_core::TenantId;
use jiff::Timestamp;
use jiff::civil::Date;
use postgres_types::{FromSql, Type};
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::capture::Cell;
use crate::value::{Kind, Value};

/// A value as one engine hands it out.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    /// PostgreSQL's binary form; `None` is NULL.
    Postgres(&'a Type, Option<&'a [u8]>),
    /// SQLite's value.
    Sqlite(ValueRef<'a>),
}

impl Raw<'_> {
    /// Whether it is NULL.
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Postgres(_, None) | Self::Sqlite(ValueRef::Null))
    }
}

impl Cell {
    /// A value of any type that can be captured, as the change stream tells it.
    ///
    /// # Errors
    ///
    /// When its type cannot be.
    pub fn read(raw: Raw<'_>) -> Result<Self, BoxedError> {
        let value = match raw {
            _ if raw.is_null() => Value::Null,
            Raw::Sqlite(ValueRef::Integer(_)) => i64::from_raw(raw)?.into_value(),
            Raw::Sqlite(ValueRef::Text(_)) => String::from_raw(raw)?.into_value(),
            Raw::Sqlite(ValueRef::Blob(_)) => Vec::<u8>::from_raw(raw)?.into_value(),
            Raw::Postgres(ty, _) => match *ty {
                Type::INT2 | Type::INT4 | Type::INT8 => i64::from_raw(raw)?.into_value(),
                Type::BOOL => bool::from_raw(raw)?.into_value(),
                Type::TEXT | Type::VARCHAR => String::from_raw(raw)?.into_value(),
                Type::UUID => Uuid::from_raw(raw)?.into_value(),
                Type::BYTEA => Vec::<u8>::from_raw(raw)?.into_value(),
                Type::DATE => Date::from_raw(raw)?.into_value(),
                Type::TIMESTAMPTZ => Timestamp::from_raw(raw)?.into_value(),
                _ => return Err(unexpected(raw, "a type that can be captured")),
            },
            Raw::Sqlite(_) => return Err(unexpected(raw, "a value that can be captured")),
        };
        Self::of(&value).ok_or_else(|| unexpected(raw, "a value that can be captured"))
    }
}

/// Why a value does not fit its Rust type.
pub type BoxedError = Box<dyn StdError + Send + Sync>;

/// A type that both engines can store.
pub trait Column: Sized + Send + 'static {
    /// The type of its column.
    const KIND: Kind;

    /// The parameter that carries it.
    fn into_value(self) -> Value;

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// When the stored value is NULL or not of this type.
    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError>;

    /// Bytes that the value holds outside of itself, for whoever keeps it within a bound; about, and 0 for plain values.
    fn heap_bytes(&self) -> usize {
        0
    }
}

fn pg<'a, T: FromSql<'a>>(ty: &Type, bytes: Option<&'a [u8]>) -> Result<T, BoxedError> {
    T::from_sql_nullable(ty, bytes)
}

fn unexpected(raw: Raw<'_>, wanted: &str) -> BoxedError {
    match raw {
        Raw::Sqlite(value) => format!("found {}, wanted {wanted}", value.data_type()).into(),
        Raw::Postgres(ty, _) => format!("found {ty}, wanted {wanted}").into(),
    }
}

impl Column for bool {
    const KIND: Kind = Kind::Bool;

    fn into_value(self) -> Value {
        Value::Bool(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        match raw {
            Raw::Postgres(ty, bytes) => pg(ty, bytes),
            Raw::Sqlite(ValueRef::Integer(i)) => Ok(i != 0),
            Raw::Sqlite(_) => Err(unexpected(raw, "a boolean")),
        }
    }
}

impl Column for i64 {
    const KIND: Kind = Kind::Int8;

    fn into_value(self) -> Value {
        Value::Int(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        match raw {
            Raw::Postgres(ty, bytes) if *ty == Type::INT4 => pg::<i32>(ty, bytes).map(Self::from),
            Raw::Postgres(ty, bytes) if *ty == Type::INT2 => pg::<i16>(ty, bytes).map(Self::from),
            Raw::Postgres(ty, bytes) => pg(ty, bytes),
            Raw::Sqlite(ValueRef::Integer(i)) => Ok(i),
            Raw::Sqlite(_) => Err(unexpected(raw, "an integer")),
        }
    }
}

impl Column for i32 {
    const KIND: Kind = Kind::Int4;

    fn into_value(self) -> Value {
        Value::Int(self.into())
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        Ok(Self::try_from(i64::from_raw(raw)?)?)
    }
}

impl Column for f64 {
    const KIND: Kind = Kind::Float8;

    fn into_value(self) -> Value {
        Value::Float(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        match raw {
            Raw::Postgres(ty, bytes) => pg(ty, bytes),
            Raw::Sqlite(ValueRef::Real(f)) => Ok(f),
            #[expect(
                clippy::cast_precision_loss,
                reason = "SQLite keeps a whole double as an integer"
            )]
            Raw::Sqlite(ValueRef::Integer(i)) => Ok(i as Self),
            Raw::Sqlite(_) => Err(unexpected(raw, "a number")),
        }
    }
}

impl Column for String {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        Value::Text(Cow::Owned(self))
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        match raw {
            Raw::Postgres(ty, bytes) => pg(ty, bytes),
            Raw::Sqlite(ValueRef::Text(text)) => Ok(std::str::from_utf8(text)?.to_owned()),
            Raw::Sqlite(_) => Err(unexpected(raw, "text")),
        }
    }

    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl Column for Cow<'static, str> {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        Value::Text(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        String::from_raw(raw).map(Cow::Owned)
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Borrowed(_) => 0,
            Self::Owned(text) => text.capacity(),
        }
    }
}

/// A parameter only.
impl Column for &'static str {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        Value::Text(Cow::Borrowed(self))
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        Err(unexpected(raw, "a text that is only ever a parameter"))
    }
}

impl Column for Vec<u8> {
    const KIND: Kind = Kind::Bytes;

    fn into_value(self) -> Value {
        Value::Bytes(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        match raw {
            Raw::Postgres(ty, bytes) => pg(ty, bytes),
            Raw::Sqlite(ValueRef::Blob(bytes)) => Ok(bytes.to_vec()),
            Raw::Sqlite(_) => Err(unexpected(raw, "bytes")),
        }
    }

    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl Column for Uuid {
    const KIND: Kind = Kind::Uuid;

    fn into_value(self) -> Value {
        Value::Uuid(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        match raw {
            Raw::Postgres(_, Some(bytes)) | Raw::Sqlite(ValueRef::Blob(bytes)) => {
                Ok(Self::from_slice(bytes)?)
            }
            _ => Err(unexpected(raw, "a UUID")),
        }
    }
}

/// Seconds from 1970-01-01 to 2000-01-01, where PostgreSQL's own count of microseconds begins.
pub(crate) const POSTGRES_EPOCH_SECONDS: i64 = 946_684_800;

impl Column for Timestamp {
    const KIND: Kind = Kind::Instant;

    fn into_value(self) -> Value {
        Value::Instant(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        let micros = match raw {
            Raw::Postgres(_, Some(bytes)) => {
                // The server's `infinity` is the largest number.
                i64::from_be_bytes(bytes.try_into()?)
                    .checked_add(POSTGRES_EPOCH_SECONDS * 1_000_000)
                    .ok_or("found an infinite instant")?
            }
            Raw::Sqlite(ValueRef::Integer(micros)) => micros,
            _ => return Err(unexpected(raw, "an instant")),
        };
        Ok(Self::from_microsecond(micros)?)
    }
}

/// 2000-01-01, day 0 of PostgreSQL's `date`.
pub(crate) const POSTGRES_EPOCH_DATE: Date = jiff::civil::date(2000, 1, 1);

impl Column for Date {
    const KIND: Kind = Kind::Date;

    fn into_value(self) -> Value {
        Value::Date(self)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        match raw {
            Raw::Postgres(_, Some(bytes)) => {
                let days = i32::from_be_bytes(bytes.try_into()?);
                Ok(POSTGRES_EPOCH_DATE.checked_add(jiff::Span::new().try_days(days)?)?)
            }
            Raw::Sqlite(ValueRef::Text(text)) => Ok(std::str::from_utf8(text)?.parse()?),
            _ => Err(unexpected(raw, "a date")),
        }
    }
}

impl<T: Column> Column for Option<T> {
    const KIND: Kind = T::KIND;

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        if raw.is_null() {
            Ok(None)
        } else {
            T::from_raw(raw).map(Some)
        }
    }

    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, Column::heap_bytes)
    }
}

/// A value kept as JSON: `jsonb` on PostgreSQL, text on SQLite. Serialised it is the value itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Column for Json<T> {
    const KIND: Kind = Kind::Json;

    fn into_value(self) -> Value {
        Value::Json(
            serde_json::to_string(&self.0).expect("a stored type has string keys and finite depth"),
        )
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        let text = match raw {
            Raw::Postgres(ty, Some(bytes)) if *ty == Type::JSONB => {
                bytes.get(1..).unwrap_or_default()
            }
            Raw::Postgres(_, Some(bytes)) | Raw::Sqlite(ValueRef::Text(bytes)) => bytes,
            _ => return Err(unexpected(raw, "JSON")),
        };
        Ok(Self(serde_json::from_slice(text)?))
    }

    fn heap_bytes(&self) -> usize {
        // Parsed, it holds about twice its text.
        let mut length = Length(0);
        match serde_json::to_writer(&mut length, &self.0) {
            Ok(()) => 2 * length.0,
            Err(_) => size_of::<T>(),
        }
    }
}

/// Parameters only: arrays are for `= ANY($n)` and are never read back.
macro_rules! array {
    ($($ty:ty => $kind:ident),*) => {$(
        impl Column for Vec<$ty> {
            const KIND: Kind = Kind::$kind;

            fn into_value(self) -> Value {
                Value::Array(<$ty as Column>::KIND, self.into_iter().map(Column::into_value).collect())
            }

            fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
                match raw {
                    Raw::Postgres(ty, bytes) => pg(ty, bytes),
                    Raw::Sqlite(ValueRef::Text(text)) => Ok(serde_json::from_slice(text)?),
                    Raw::Sqlite(_) => Err(unexpected(raw, "an array")),
                }
            }
        }
    )*};
}

array!(i64 => Int8Array, String => TextArray);

impl Column for Vec<Uuid> {
    const KIND: Kind = Kind::UuidArray;

    fn into_value(self) -> Value {
        Value::Array(Kind::Uuid, self.into_iter().map(Value::Uuid).collect())
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        Err(unexpected(raw, "an array that is only ever a parameter"))
    }
}

/// Makes an id newtype of [`brisk_core::int_id!`] a [`Column`].
#[macro_export]
macro_rules! id_column {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::Column for $name {
            const KIND: $crate::Kind = $crate::Kind::Int8;

            fn into_value(self) -> $crate::Value {
                $crate::Value::Int(self.0)
            }

            fn from_raw(raw: $crate::Raw<'_>) -> Result<Self, $crate::BoxedError> {
                <i64 as $crate::Column>::from_raw(raw).map(Self)
            }
        }
    )*};
}

/// Makes an enum with `as_str` and `parse` a text [`Column`].
#[macro_export]
macro_rules! text_column {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::Column for $name {
            const KIND: $crate::Kind = $crate::Kind::Text;

            fn into_value(self) -> $crate::Value {
                $crate::Value::Text(::std::borrow::Cow::Borrowed(self.as_str()))
            }

            fn from_raw(raw: $crate::Raw<'_>) -> Result<Self, $crate::BoxedError> {
                let word = <String as $crate::Column>::from_raw(raw)?;
                Self::parse(&word).ok_or_else(|| format!("{word:?} is not one of the stored words").into())
            }
        }
    )*};
}

id_column!(TenantId);
text_column!(brisk_core::Role);
