//! Rows of groups whose columns are known when the program runs.

use brisk_db::{BoxedError, Cell, Column, DecodeError, FromRow, Kind, Raw, Row, Value};

/// Columns that totals are filtered by, and columns that are summed up.
pub(crate) const MOST_BY: usize = 6;
pub(crate) const MOST_SUMS: usize = 4;

/// One group: tenant, the columns it is told apart by, its numbers.
#[derive(Debug)]
pub(crate) struct GroupRow {
    pub(crate) tenant: Option<i64>,
    pub(crate) by: [Cell; MOST_BY],
    pub(crate) count: i64,
    pub(crate) sums: [i64; MOST_SUMS],
}

impl FromRow for GroupRow {
    const COLUMNS: &'static [&'static str] = &["*"; 2 + MOST_BY + MOST_SUMS];

    fn from_row(row: &Row<'_>) -> Result<Self, DecodeError> {
        let mut by = [const { Cell::Null }; MOST_BY];
        for (at, cell) in by.iter_mut().enumerate() {
            *cell = row.get::<AnyCell>(1 + at)?.0;
        }
        let mut sums = [0; MOST_SUMS];
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = match row.get::<AnyCell>(2 + MOST_BY + at)?.0 {
                Cell::Int(n) => n,
                _ => 0,
            };
        }
        let tenant = match row.get::<AnyCell>(0)?.0 {
            Cell::Int(tenant) => Some(tenant),
            _ => None,
        };
        Ok(Self {
            tenant,
            by,
            count: row.get(1 + MOST_BY)?,
            sums,
        })
    }
}

/// A column of any kind that can be captured.
struct AnyCell(Cell);

impl Column for AnyCell {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        Value::Null
    }

    fn from_raw(raw: Raw<'_>) -> Result<Self, BoxedError> {
        Cell::read(raw).map(Self)
    }
}
