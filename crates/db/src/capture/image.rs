//! Rows as triggers write them, read straight into cells: the writer of SQLite does this between two commits.

use std::fmt;

use brisk_core::TenantId;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::change::{Cell, Cells};
use super::decode::Names;

/// A row before or after.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) tenant: Option<TenantId>,
    pub(super) key: Cells,
    pub(super) columns: Cells,
}

/// The rows of a JSON array.
pub(super) fn rows(text: &str, names: &mut Names) -> serde_json::Result<Vec<Image>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let rows = Rows(names).deserialize(&mut json)?;
    json.end()?;
    Ok(rows)
}

struct Rows<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = Vec<Image>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Vec<Image>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = seq.next_element_seed(Row(self.0))? {
            rows.push(row);
        }
        Ok(rows)
    }
}

struct Row<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = Image;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Image, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = Image;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tenant, key and columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Image, A::Error> {
        let short = || A::Error::custom("a row has three parts");
        let tenant: Option<i64> = seq.next_element()?.ok_or_else(short)?;
        let key = seq.next_element_seed(Named(self.0))?.ok_or_else(short)?;
        let columns = seq.next_element_seed(Named(self.0))?.ok_or_else(short)?;
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(short());
        }
        Ok(Image {
            tenant: tenant.map(TenantId),
            key,
            columns,
        })
    }
}

struct Named<'n>(&'n mut Names);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = Cells;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cells, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Cells;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("named values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
        let mut cells = Vec::new();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let value: Stored = map.next_value()?;
            cells.push((self.0.name(&name), value.0));
        }
        Ok(Cells(cells))
    }
}

/// One value: texts begin with `t`, bytes in hexadecimal with `x`.
struct Stored(Cell);

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Value)
    }
}

struct Value;

impl Visitor<'_> for Value {
    type Value = Stored;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, an integer, or text with its mark")
    }

    fn visit_unit<E: Error>(self) -> Result<Stored, E> {
        Ok(Stored(Cell::Null))
    }

    fn visit_i64<E: Error>(self, i: i64) -> Result<Stored, E> {
        Ok(Stored(Cell::Int(i)))
    }

    fn visit_u64<E: Error>(self, i: u64) -> Result<Stored, E> {
        i64::try_from(i)
            .map(|i| Stored(Cell::Int(i)))
            .map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Stored, E> {
        let cell = match text.split_at_checked(1) {
            Some(("t", text)) => Some(Cell::Text(text.into())),
            Some(("x", hex)) => bytes(hex).map(Cell::Bytes),
            _ => None,
        };
        cell.map(Stored)
            .ok_or_else(|| E::custom("the text has no mark"))
    }
}

fn bytes(hex: &str) -> Option<Box<[u8]>> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |d: u8| {
        char::from(d)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    digits
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}
