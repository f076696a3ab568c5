//! Parameters in PostgreSQL's binary forms.

use std::error::Error as StdError;

use bytes::{BufMut, BytesMut};
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};

use crate::column::{POSTGRES_EPOCH_DATE, POSTGRES_EPOCH_SECONDS};
use crate::value::{Kind, Value};

type Encoded = Result<IsNull, Box<dyn StdError + Sync + Send>>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Encoded {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Bool(b) => out.put_u8(u8::from(*b)),
            Self::Int(i) => return integer(*i, ty, out),
            Self::Float(f) if *ty == Type::FLOAT4 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the column has single precision"
                )]
                out.put_f32(*f as f32);
            }
            Self::Float(f) => out.put_f64(*f),
            Self::Text(text) => out.put_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.put_slice(bytes),
            Self::Uuid(id) => out.put_slice(id.as_bytes()),
            Self::Instant(at) => {
                out.put_i64(at.as_microsecond() - POSTGRES_EPOCH_SECONDS * 1_000_000);
            }
            Self::Date(date) => out.put_i32((*date - POSTGRES_EPOCH_DATE).get_days()),
            Self::Json(text) => {
                if *ty == Type::JSONB {
                    out.put_u8(1);
                }
                out.put_slice(text.as_bytes());
            }
            Self::Array(kind, values) => return array(*kind, values, out),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn integer(i: i64, ty: &Type, out: &mut BytesMut) -> Encoded {
    match *ty {
        Type::INT2 => out.put_i16(i.try_into()?),
        Type::INT4 => out.put_i32(i.try_into()?),
        #[expect(
            clippy::cast_precision_loss,
            reason = "the statement compares it with a double"
        )]
        Type::FLOAT8 => out.put_f64(i as f64),
        _ => out.put_i64(i),
    }
    Ok(IsNull::No)
}

/// One dimension, NULLs allowed: the form of the server's `array_recv`.
fn array(kind: Kind, values: &[Value], out: &mut BytesMut) -> Encoded {
    let element = element_type(kind);
    out.put_i32(i32::from(!values.is_empty()));
    out.put_i32(i32::from(values.contains(&Value::Null)));
    out.put_u32(element.oid());
    if values.is_empty() {
        return Ok(IsNull::No);
    }
    out.put_i32(values.len().try_into()?);
    out.put_i32(1);
    for value in values {
        let length_at = out.len();
        out.put_i32(-1);
        if let IsNull::No = value.to_sql(&element, out)? {
            let length = i32::try_from(out.len() - length_at - 4)?;
            out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(IsNull::No)
}

fn element_type(kind: Kind) -> Type {
    match kind {
        Kind::Bool => Type::BOOL,
        Kind::Int4 => Type::INT4,
        Kind::Int8 | Kind::Int8Array => Type::INT8,
        Kind::Float8 => Type::FLOAT8,
        Kind::Text | Kind::TextArray => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
        Kind::Uuid | Kind::UuidArray => Type::UUID,
        Kind::Instant => Type::TIMESTAMPTZ,
        Kind::Date => Type::DATE,
        Kind::Json => Type::JSONB,
    }
}
