//! Many rows by `COPY ... FROM STDIN BINARY`: no plan, no arrays, and the table is written a page at a time.

use std::pin::pin;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::SinkExt as _;
use postgres_types::{IsNull, ToSql as _, Type};
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;

use super::execute;
use super::held::Held;
use crate::bulk::{Insert, OnConflict};
use crate::error::Error;
use crate::value::{Kind, Value};

/// From how many rows on it is worth its own round trips, which an array for each column does not have. On a local
/// socket both take 0.7 ms for 200 rows of ten columns; for 5,000 rows a copy takes 9 ms and arrays 16 ms.
const WORTH_ROWS: usize = 200;

/// Bytes sent at a time. The driver holds two of them at most, so that a large insert takes no memory twice.
const BLOCK_BYTES: usize = 64 * 1024;

/// What every copy in this form begins with: the mark, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// An insert that can be copied.
#[derive(Debug)]
pub(super) struct Plan {
    insert: Insert,
    statement: Statement,
    /// The types of its columns in the table, which the binary form must match exactly.
    types: Vec<Type>,
}

/// The insert as a copy, or as it was when it is too small, may not fail as a whole, answers rows, or has a column that
/// only a cast can fill.
pub(super) async fn plan(client: &Held, insert: Insert) -> Result<Result<Plan, Insert>, Error> {
    let plain = insert.on_conflict == OnConflict::Fail && insert.returning.is_none();
    // A copy needs a name for its statement, which a pooler does not keep, and is refused where there is row security.
    if !plain || insert.rows.len() < WORTH_ROWS || client.is_pooled() || client.is_walled {
        return Ok(Err(insert));
    }
    let fail = |e| execute::error(insert.statement, e);
    // Never run: the server tells the types of the columns as those of the parameters.
    let values = client.named(&insert.values_text()).await.map_err(fail)?;
    let types = values.params().to_vec();
    let fits = |((_, kind), ty): (&(_, Kind), &Type)| is_own_form(*kind, ty);
    if types.len() != insert.columns.len() || !insert.columns.iter().zip(&types).all(fits) {
        return Ok(Err(insert));
    }
    let statement = client.named(&insert.copy_text()).await.map_err(fail)?;
    Ok(Ok(Plan {
        insert,
        statement,
        types,
    }))
}

/// Whether a value of `kind` is sent in the binary form of `ty`.
fn is_own_form(kind: Kind, ty: &Type) -> bool {
    match kind {
        Kind::Bool => *ty == Type::BOOL,
        Kind::Int4 | Kind::Int8 => [Type::INT2, Type::INT4, Type::INT8].contains(ty),
        Kind::Float8 => [Type::FLOAT4, Type::FLOAT8].contains(ty),
        Kind::Text => [Type::TEXT, Type::VARCHAR].contains(ty),
        Kind::Bytes => *ty == Type::BYTEA,
        Kind::Uuid => *ty == Type::UUID,
        Kind::Instant => *ty == Type::TIMESTAMPTZ,
        Kind::Date => *ty == Type::DATE,
        Kind::Json => [Type::JSON, Type::JSONB].contains(ty),
        Kind::Int8Array | Kind::TextArray | Kind::UuidArray => false,
    }
}

impl Plan {
    pub(super) const fn name(&self) -> &'static str {
        self.insert.statement
    }

    /// Copies all rows; answers how many. Nothing else may be under way on the connection.
    pub(super) async fn run(&self, client: &Held) -> Result<u64, Error> {
        let fail = |e| self.error(client, e);
        let opened = client.copy_in::<_, Bytes>(&self.statement).await;
        let mut sink = pin!(opened.map_err(|e| {
            // The driver has announced data that the server never asked for: their answers are out of step now.
            client.spoil();
            fail(e)
        })?);
        let mut block = BytesMut::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8);
        block.put_slice(HEADER);
        for row in &self.insert.rows {
            // Dropping the sink tells the server that the copy is off.
            self.encode(row, &mut block)?;
            if block.len() >= BLOCK_BYTES {
                // Only a lost connection takes no more, and `finish` says so.
                if sink.feed(block.split().freeze()).await.is_err() {
                    break;
                }
                block.reserve(BLOCK_BYTES + BLOCK_BYTES / 8);
            }
        }
        block.put_i16(-1);
        drop(sink.feed(block.freeze()).await);
        sink.finish().await.map_err(fail)
    }

    fn encode(&self, row: &[Value], out: &mut BytesMut) -> Result<(), Error> {
        let fail = |source| Error::Statement {
            statement: self.name(),
            source,
        };
        out.put_i16(i16::try_from(row.len()).map_err(|e| fail(e.into()))?);
        for (value, ty) in row.iter().zip(&self.types) {
            let length_at = out.len();
            out.put_i32(-1);
            if let IsNull::No = value.to_sql(ty, out).map_err(fail)? {
                let length =
                    i32::try_from(out.len() - length_at - 4).map_err(|e| fail(e.into()))?;
                out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }

    /// A column whose type has changed since it was looked up refuses our form of it. The next try looks again.
    fn error(&self, client: &Held, source: tokio_postgres::Error) -> Error {
        let old = source.as_db_error().is_some_and(|refusal| {
            [
                SqlState::INVALID_BINARY_REPRESENTATION,
                SqlState::PROTOCOL_VIOLATION,
            ]
            .contains(refusal.code())
        });
        if !old {
            return execute::error(self.name(), source);
        }
        client.forget_all();
        Error::Serialization {
            statement: self.name(),
            source: source.into(),
        }
    }
}
