//! Rows as the triggers of PostgreSQL write them: a JSON array of values each, in the order of a layout.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::change::Cell;
use super::layout::{Image, Layout};

/// The row that `text` holds.
pub(super) fn row(text: &str, layout: &Layout) -> Option<Image> {
    let mut json = serde_json::Deserializer::from_str(text);
    let cells = Row(layout).deserialize(&mut json).ok()?;
    json.end().ok()?;
    layout.image(cells.into_iter())
}

struct Row<'l>(&'l Layout);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = Vec<Cell>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = Vec<Cell>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the values of a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut cells = Vec::with_capacity(self.0.len());
        while let Some(cell) = seq.next_element_seed(Value {
            is_hex: self.0.is_hex(cells.len()),
        })? {
            cells.push(cell);
        }
        Ok(cells)
    }
}

/// One value; bytes come as text in hexadecimal, as `uuid` and `bytea` are written.
struct Value {
    is_hex: bool,
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Cell;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cell, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Value {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a boolean, an integer or text")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Cell, E> {
        Ok(Cell::Int(b.into()))
    }

    fn visit_i64<E: Error>(self, i: i64) -> Result<Cell, E> {
        Ok(Cell::Int(i))
    }

    fn visit_u64<E: Error>(self, i: u64) -> Result<Cell, E> {
        i64::try_from(i).map(Cell::Int).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        if !self.is_hex {
            return Ok(Cell::Text(text.into()));
        }
        let hex = text.strip_prefix("\\x").unwrap_or(text);
        bytes(hex)
            .map(Cell::Bytes)
            .ok_or_else(|| E::custom("these are no bytes"))
    }
}

/// Bytes in hexadecimal, with the hyphens of a UUID or without.
fn bytes(hex: &str) -> Option<Box<[u8]>> {
    let digit = |d: char| d.to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut digits = hex.chars().filter(|c| *c != '-');
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    while let Some(high) = digits.next() {
        bytes.push(digit(high)? << 4 | digit(digits.next()?)?);
    }
    Some(bytes.into())
}
