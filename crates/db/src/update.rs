//! Many rows changed at once by their keys: one statement, or one hop to the writer, whatever their number.

use crate::bulk::{Record, arrays};
use crate::statement::Params;
use crate::value::{Kind, Value};

/// A bulk update, freed of its row type.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) statement: &'static str,
    pub(crate) table: &'static str,
    columns: &'static [(&'static str, Kind)],
    key: &'static [&'static str],
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Update {
    pub(crate) fn of<T: Record>(rows: Vec<T>, key: &'static [&'static str]) -> Self {
        Self {
            statement: T::UPDATE,
            table: T::TABLE,
            columns: T::COLUMNS,
            key,
            rows: rows.into_iter().map(Params::into_values).collect(),
        }
    }

    /// `column = ` what `value` says of its place, for all columns in the key or for all outside of it.
    fn pairs(&self, in_key: bool, join: &str, pair: impl Fn(usize, &str) -> String) -> String {
        let columns = self.columns.iter().enumerate();
        let wanted = columns.filter(|(_, (column, _))| self.key.contains(column) == in_key);
        let pairs: Vec<_> = wanted.map(|(i, (column, _))| pair(i, column)).collect();
        pairs.join(join)
    }

    /// One row; run once for each.
    pub(crate) fn sqlite_text(&self) -> String {
        let pair = |i: usize, column: &str| format!("{column} = ?{}", i + 1);
        format!(
            "UPDATE {} SET {} WHERE {}",
            self.table,
            self.pairs(false, ", ", pair),
            self.pairs(true, " AND ", pair)
        )
    }

    /// All rows as one array for each column.
    pub(crate) fn postgres_text(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(column, _)| *column).collect();
        let kinds = self.columns.iter().enumerate();
        let arrays: Vec<_> = kinds
            .map(|(i, (_, kind))| format!("${}::{}[]", i + 1, kind.postgres_name()))
            .collect();
        format!(
            "UPDATE {} AS c SET {} FROM unnest({}) AS u ({}) WHERE {}",
            self.table,
            self.pairs(false, ", ", |_, column| format!("{column} = u.{column}")),
            arrays.join(","),
            names.join(", "),
            self.pairs(true, " AND ", |_, column| format!(
                "c.{column} = u.{column}"
            ))
        )
    }

    pub(crate) fn into_arrays(self) -> Vec<Value> {
        arrays(self.columns, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_finds_the_row_and_the_other_columns_change() {
        let update = Update {
            statement: "t.update_many",
            table: "t",
            columns: &[
                ("tenant", Kind::Int8),
                ("n", Kind::Int4),
                ("id", Kind::Int8),
                ("body", Kind::Text),
            ],
            key: &["tenant", "id"],
            rows: Vec::new(),
        };
        assert_eq!(
            update.sqlite_text(),
            "UPDATE t SET n = ?2, body = ?4 WHERE tenant = ?1 AND id = ?3"
        );
        assert_eq!(
            update.postgres_text(),
            "UPDATE t AS c SET n = u.n, body = u.body \
             FROM unnest($1::int8[],$2::int4[],$3::int8[],$4::text[]) AS u (tenant, n, id, body) \
             WHERE c.tenant = u.tenant AND c.id = u.id"
        );
    }
}
