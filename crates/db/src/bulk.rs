//! Many rows at once: one statement, or one hop to the writer, whatever their number.

use std::fmt::Write as _;

use crate::statement::Params;
use crate::value::{Kind, Value};

/// A struct whose fields are the columns of a bulk insert; derive it.
pub trait Record: Params {
    /// The table.
    const TABLE: &'static str;
    /// The name of the insert in metrics and logs.
    const STATEMENT: &'static str;
    /// The name of the update by key.
    const UPDATE: &'static str;
    /// Columns and their types, in the order of the values.
    const COLUMNS: &'static [(&'static str, Kind)];
}

/// What to do with a row that breaks a unique rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The whole insert fails.
    Fail,
    /// The row is left out.
    Skip,
    /// The row's other columns, all of them numbers, are added to those of the row that is there. The rows of one insert
    /// must differ in their key.
    Add {
        /// The columns of the unique rule.
        key: &'static [&'static str],
    },
    /// The row's other columns take the place of those of the row that is there. The rows of one insert must differ in
    /// their key.
    Update {
        /// The columns of the unique rule.
        key: &'static [&'static str],
    },
}

/// A bulk insert, freed of its row type.
#[derive(Debug)]
pub(crate) struct Insert {
    pub(crate) statement: &'static str,
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    pub(crate) rows: Vec<Vec<Value>>,
    pub(crate) on_conflict: OnConflict,
    /// A `bigint` column whose values of the inserted rows come back.
    pub(crate) returning: Option<&'static str>,
}

impl Insert {
    /// Which of the values of a row is that of a column.
    pub(crate) fn place_of(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| *name == column)
    }

    pub(crate) fn of<T: Record>(
        rows: Vec<T>,
        on_conflict: OnConflict,
        returning: Option<&'static str>,
    ) -> Self {
        Self {
            statement: T::STATEMENT,
            table: T::TABLE,
            columns: T::COLUMNS,
            rows: rows.into_iter().map(Params::into_values).collect(),
            on_conflict,
            returning,
        }
    }

    fn head(&self) -> String {
        // The second name tells the row that is there from the new one.
        let name = match self.on_conflict {
            OnConflict::Add { .. } => " AS c",
            OnConflict::Fail | OnConflict::Skip | OnConflict::Update { .. } => "",
        };
        format!("INSERT INTO {}{name} ({})", self.table, self.names())
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(column, _)| *column).collect();
        names.join(", ")
    }

    fn tail(&self, text: &mut String) {
        match self.on_conflict {
            OnConflict::Fail => {}
            OnConflict::Skip => text.push_str(" ON CONFLICT DO NOTHING"),
            OnConflict::Add { key } => self.set(key, text, |column| {
                format!("{column} = c.{column} + excluded.{column}")
            }),
            OnConflict::Update { key } => {
                self.set(key, text, |column| format!("{column} = excluded.{column}"));
            }
        }
        if let Some(column) = self.returning {
            write!(text, " RETURNING {column}").expect("writing to a String cannot fail");
        }
    }

    fn set(&self, key: &[&str], text: &mut String, change: impl Fn(&str) -> String) {
        let columns = self.columns.iter().map(|(column, _)| *column);
        let others = columns.filter(|column| !key.contains(column));
        let changes: Vec<_> = others.map(change).collect();
        write!(
            text,
            " ON CONFLICT ({}) DO UPDATE SET {}",
            key.join(", "),
            changes.join(", ")
        )
        .expect("writing to a String cannot fail");
    }

    /// One row; run once for each.
    pub(crate) fn sqlite_text(&self) -> String {
        let mut text = self.head();
        text.push_str(" VALUES (");
        for i in 1..=self.columns.len() {
            let comma = if i == 1 { "" } else { "," };
            write!(text, "{comma}?{i}").expect("writing to a String cannot fail");
        }
        text.push(')');
        self.tail(&mut text);
        text
    }

    /// All rows as one array for each column, so that the text does not depend on their number.
    pub(crate) fn postgres_text(&self) -> String {
        let mut text = self.head();
        text.push_str(" SELECT * FROM unnest(");
        for (i, (_, kind)) in self.columns.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(text, "{comma}${}::{}[]", i + 1, kind.postgres_name())
                .expect("writing to a String cannot fail");
        }
        text.push(')');
        self.tail(&mut text);
        text
    }

    /// One row with a parameter for each column, whose types are then those of the columns.
    pub(crate) fn values_text(&self) -> String {
        let values: Vec<_> = (1..=self.columns.len()).map(|i| format!("${i}")).collect();
        format!("{} VALUES ({})", self.head(), values.join(","))
    }

    /// All rows as a stream of the server's own form.
    pub(crate) fn copy_text(&self) -> String {
        format!("COPY {} ({}) FROM STDIN BINARY", self.table, self.names())
    }

    pub(crate) fn into_arrays(self) -> Vec<Value> {
        arrays(self.columns, self.rows)
    }
}

/// Rows turned into one array for each column.
pub(crate) fn arrays(columns: &[(&'static str, Kind)], rows: Vec<Vec<Value>>) -> Vec<Value> {
    let mut arrays: Vec<Vec<Value>> = columns
        .iter()
        .map(|_| Vec::with_capacity(rows.len()))
        .collect();
    for row in rows {
        for (array, value) in arrays.iter_mut().zip(row) {
            array.push(value);
        }
    }
    arrays
        .into_iter()
        .zip(columns)
        .map(|(values, (_, kind))| Value::Array(*kind, values))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(on_conflict: OnConflict) -> Insert {
        Insert {
            statement: "t.insert_many",
            table: "t",
            columns: &[("id", Kind::Int8), ("body", Kind::Text)],
            rows: vec![
                vec![Value::Int(1), Value::Text("a".into())],
                vec![Value::Int(2), Value::Null],
            ],
            on_conflict,
            returning: Some("id"),
        }
    }

    #[test]
    fn the_text_does_not_depend_on_the_number_of_rows() {
        assert_eq!(
            insert(OnConflict::Skip).postgres_text(),
            "INSERT INTO t (id, body) SELECT * FROM unnest($1::int8[],$2::text[]) ON CONFLICT DO NOTHING RETURNING id"
        );
        assert_eq!(
            insert(OnConflict::Fail).sqlite_text(),
            "INSERT INTO t (id, body) VALUES (?1,?2) RETURNING id"
        );
    }

    #[test]
    fn numbers_are_added_outside_of_the_key() {
        assert_eq!(
            Insert {
                columns: &[("day", Kind::Date), ("n", Kind::Int8), ("m", Kind::Int8)],
                returning: None,
                ..insert(OnConflict::Add { key: &["day"] })
            }
            .sqlite_text(),
            "INSERT INTO t AS c (day, n, m) VALUES (?1,?2,?3) ON CONFLICT (day) DO UPDATE SET \
             n = c.n + excluded.n, m = c.m + excluded.m"
        );
    }

    #[test]
    fn the_new_row_takes_the_place_of_the_old_one_outside_of_the_key() {
        assert_eq!(
            Insert {
                returning: None,
                ..insert(OnConflict::Update { key: &["id"] })
            }
            .sqlite_text(),
            "INSERT INTO t (id, body) VALUES (?1,?2) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
        );
    }

    #[test]
    fn rows_become_columns() {
        let arrays = insert(OnConflict::Fail).into_arrays();
        assert_eq!(
            arrays[0],
            Value::Array(Kind::Int8, vec![Value::Int(1), Value::Int(2)])
        );
        assert_eq!(
            arrays[1],
            Value::Array(Kind::Text, vec![Value::Text("a".into()), Value::Null])
        );
    }
}
