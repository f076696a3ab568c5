//! Rows and how they become values.

use postgres_types::{FromSql, Type};

use crate::column::{BoxedError, Column, Raw};
use crate::error::Error;
use crate::panics::caught;
use crate::witness::{see_postgres, see_sqlite};

/// One row of either engine, read by position.
#[derive(Debug)]
pub struct Row<'a>(pub(crate) Inner<'a>);

#[derive(Debug)]
pub(crate) enum Inner<'a> {
    Postgres(&'a tokio_postgres::Row),
    Sqlite(&'a rusqlite::Row<'a>),
}

/// A stored value that does not fit the Rust type that wants it.
#[derive(Debug, thiserror::Error)]
#[error("column {position} cannot be read")]
pub struct DecodeError {
    position: usize,
    source: BoxedError,
}

struct Decoded<T>(T);

impl<'a, T: Column> FromSql<'a> for Decoded<T> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxedError> {
        T::from_raw(Raw::Postgres(ty, Some(raw))).map(Self)
    }

    fn from_sql_null(ty: &Type) -> Result<Self, BoxedError> {
        T::from_raw(Raw::Postgres(ty, None)).map(Self)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Row<'_> {
    /// The whole row; a decoder that panics fails its statement and nothing else.
    pub(crate) fn read<R: FromRow>(&self, statement: &'static str) -> Result<R, Error> {
        match &self.0 {
            Inner::Postgres(row) => see_postgres(row),
            Inner::Sqlite(row) => see_sqlite(row),
        }
        self.decode(statement)
    }

    /// The same for a row that is a part of one that was read.
    pub(crate) fn decode<R: FromRow>(&self, statement: &'static str) -> Result<R, Error> {
        caught(statement, || {
            R::from_row(self).map_err(|source| Error::Decode { statement, source })
        })
    }

    /// The value at `position`, which counts from 0.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when there is no such column or its value does not fit `T`.
    pub fn get<T: Column>(&self, position: usize) -> Result<T, DecodeError> {
        match &self.0 {
            Inner::Postgres(row) => row
                .try_get::<_, Decoded<T>>(position)
                .map(|d| d.0)
                .map_err(BoxedError::from),
            Inner::Sqlite(row) => row
                .get_ref(position)
                .map_err(BoxedError::from)
                .and_then(|value| T::from_raw(Raw::Sqlite(value))),
        }
        .map_err(|source| DecodeError { position, source })
    }
}

/// A type that can be read from a row by position; derive it.
pub trait FromRow: Sized + Send + 'static {
    /// The columns in order, as the statement must name them.
    const COLUMNS: &'static [&'static str];

    /// Reads one row.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when a value does not fit.
    fn from_row(row: &Row<'_>) -> Result<Self, DecodeError>;

    /// Bytes that the row holds outside of itself; see [`Column::heap_bytes`].
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A row of one column.
macro_rules! scalar {
    ($($ty:ty),*) => {$(
        impl FromRow for $ty {
            const COLUMNS: &'static [&'static str] = &["*"];

            fn from_row(row: &Row<'_>) -> Result<Self, DecodeError> {
                row.get(0)
            }

            fn heap_bytes(&self) -> usize {
                Column::heap_bytes(self)
            }
        }
    )*};
}

scalar!(
    i64,
    bool,
    f64,
    String,
    jiff::Timestamp,
    uuid::Uuid,
    brisk_core::TenantId
);

impl<T: Column> FromRow for Option<T> {
    const COLUMNS: &'static [&'static str] = &["*"];

    fn from_row(row: &Row<'_>) -> Result<Self, DecodeError> {
        row.get(0)
    }

    fn heap_bytes(&self) -> usize {
        Column::heap_bytes(self)
    }
}

impl FromRow for () {
    const COLUMNS: &'static [&'static str] = &[];

    fn from_row(_: &Row<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
}
