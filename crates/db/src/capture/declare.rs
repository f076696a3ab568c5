//! What is captured: the rows of `brisk_captured`, and the triggers that follow from them.
//!
//! A migration declares a table by adding a row, in the same words on both engines. So what is captured changes at one
//! moment for all nodes, whatever release they are, and a node of an older release makes the triggers that the newer
//! declaration asks for. The triggers are generated and not part of the migrations' text, because those of the two engines
//! have nothing in common and because a better generator must reach tables that were declared long ago.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::postgres_triggers;

/// The version of what the generator for PostgreSQL makes; raised with each change of it.
const GENERATOR: u32 = 2;

/// Columns of one table; a function of PostgreSQL takes a hundred arguments.
const MOST_COLUMNS: usize = 90;

/// A declared table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The table.
    pub table: Arc<str>,
    /// The column that holds the tenant; none for a table that belongs to no tenant.
    pub tenant: Option<Arc<str>>,
    /// The columns that name a row.
    pub key: Vec<Arc<str>>,
    /// The columns whose values before and after are told.
    pub columns: Vec<Arc<str>>,
}

/// All that is captured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declarations {
    tables: HashMap<Arc<str>, Captured>,
    /// Captured tables that a write of a table may change by itself, along foreign keys.
    reach: HashMap<Arc<str>, Arc<[Arc<str>]>>,
}

/// A row of `brisk_captured`.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) captured: Captured,
    made: Option<String>,
    wanted: String,
}

impl Declared {
    /// Reads a row.
    ///
    /// # Errors
    ///
    /// Which of its words is no plain name.
    pub(super) fn new(
        table: &str,
        tenant: Option<&str>,
        key: &str,
        columns: &str,
        made: Option<String>,
    ) -> Result<Self, String> {
        let list = |text: &str| -> Result<Vec<Arc<str>>, String> {
            let names = text
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            names.map(|name| plain(name).map(Arc::from)).collect()
        };
        let captured = Captured {
            table: plain(table)?.into(),
            tenant: tenant.map(plain).transpose()?.map(Arc::from),
            key: list(key)?,
            columns: list(columns)?,
        };
        if captured.key.is_empty() {
            return Err(format!("{table} is captured without a key"));
        }
        if captured.key.len() + captured.columns.len() > MOST_COLUMNS {
            return Err(format!(
                "{table} has more than {MOST_COLUMNS} captured columns"
            ));
        }
        let wanted = format!(
            "{}|{}|{}",
            captured.tenant.as_deref().unwrap_or_default(),
            captured.key.join(","),
            captured.columns.join(",")
        );
        Ok(Self {
            captured,
            made,
            wanted,
        })
    }

    /// Whether its triggers are those that we would make, or newer ones.
    pub(super) fn is_made(&self) -> bool {
        let made = self.made.as_deref().and_then(|made| made.split_once('|'));
        made.is_some_and(|(version, definition)| {
            definition == self.wanted && version.parse::<u32>().is_ok_and(|v| v >= GENERATOR)
        })
    }

    /// What to write into `made`.
    pub(super) fn mark(&self) -> String {
        format!("{GENERATOR}|{}", self.wanted)
    }
}

/// Names are put into SQL, so they are plain ones.
fn plain(name: &str) -> Result<&str, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    // The triggers' names, which add to it, must not be cut off.
    if name.is_empty()
        || name.len() > 40
        || !name.chars().all(fits)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(format!(
            "{name:?} in brisk_captured is no plain name of at most 40 letters"
        ));
    }
    Ok(name)
}

impl Declarations {
    /// From the declared tables and the foreign keys `(parent, child)` along which a write spreads.
    pub(super) fn new(tables: Vec<Captured>, spread: &[(String, String)]) -> Self {
        let tables: HashMap<_, _> = tables
            .into_iter()
            .map(|t| (Arc::clone(&t.table), t))
            .collect();
        let roots: BTreeSet<&str> = tables
            .keys()
            .map(|t| &**t)
            .chain(spread.iter().map(|(parent, _)| parent.as_str()))
            .collect();
        let reach = roots
            .into_iter()
            .map(|root| {
                let mut found = vec![root];
                let mut next = 0;
                while let Some(&table) = found.get(next) {
                    next += 1;
                    let children = spread.iter().filter(|(parent, _)| parent == table);
                    for (_, child) in children {
                        if !found.contains(&child.as_str()) {
                            found.push(child);
                        }
                    }
                }
                let found = found.into_iter().filter_map(|t| tables.get_key_value(t));
                (
                    Arc::from(root),
                    found.map(|(name, _)| Arc::clone(name)).collect(),
                )
            })
            .collect();
        Self { tables, reach }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub(crate) fn get(&self, table: &str) -> Option<&Captured> {
        self.tables.get(table)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Captured> {
        self.tables.values()
    }

    /// The captured tables that a write of `table` may change.
    pub(crate) fn reach(&self, table: &str) -> &[Arc<str>] {
        self.reach.get(table).map_or(&[], |tables| tables)
    }
}

/// What fires triggers on PostgreSQL.
pub(super) const EVENTS: [&str; 4] = ["insert", "update", "delete", "truncate"];

/// The name of a table's trigger for one of them, and of its function.
pub(super) fn trigger_name(table: &str, event: &str) -> String {
    format!("brisk_capture_{table}_{event}")
}

pub(super) use postgres_triggers::Types;

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(table: &str) -> Captured {
        Declared::new(table, Some("tenant_id"), "id", "", None)
            .unwrap()
            .captured
    }

    #[test]
    fn writes_spread_along_foreign_keys_to_captured_tables() {
        let key = |parent: &str, child: &str| (parent.to_owned(), child.to_owned());
        let declarations = Declarations::new(
            vec![captured("a"), captured("c"), captured("d")],
            // b is not captured and passes it on; c and a form a ring.
            &[key("a", "b"), key("b", "c"), key("c", "a")],
        );
        let reach = |table: &str| {
            let mut names: Vec<String> = declarations
                .reach(table)
                .iter()
                .map(ToString::to_string)
                .collect();
            names.sort();
            names
        };
        assert_eq!(reach("a"), ["a", "c"]);
        assert_eq!(reach("b"), ["a", "c"]);
        assert_eq!(reach("d"), ["d"]);
        assert!(reach("e").is_empty());
    }

    #[test]
    fn only_plain_names_reach_sql() {
        for bad in ["", "a b", "a;drop", "A", "1a", "a\"b", &"a".repeat(41)] {
            assert!(Declared::new(bad, None, "id", "", None).is_err(), "{bad}");
            assert!(
                Declared::new("t", Some(bad), "id", "", None).is_err(),
                "{bad}"
            );
        }
        assert!(Declared::new("t", None, "", "", None).is_err());
        assert!(Declared::new("t", None, "id", "a, b c", None).is_err());
        let fine = Declared::new("t", None, "id, at", " a,b ", None).unwrap();
        assert_eq!(fine.captured.key.len() + fine.captured.columns.len(), 4);
    }

    #[test]
    fn newer_triggers_of_the_same_declaration_stay() {
        let at = |made: Option<&str>| {
            Declared::new("t", Some("tenant_id"), "id", "a", made.map(str::to_owned)).unwrap()
        };
        assert!(!at(None).is_made());
        let mark = at(None).mark();
        assert!(at(Some(&mark)).is_made());
        assert!(at(Some("99|tenant_id|id|a")).is_made());
        assert!(!at(Some("0|tenant_id|id|a")).is_made());
        assert!(!at(Some("99|tenant_id|id|a,b")).is_made());
    }
}
