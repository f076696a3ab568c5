//! Rows of the outbox on PostgreSQL and the changes that they stand for.
//!
//! An entry holds the rows of one statement before and after, each as a JSON array of its values, and names the layout
//! of these arrays.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::change::{Change, What};
use super::image;
use super::layout::{Image, Layouts, tell};
use brisk_core::TenantId;

/// A row of the outbox.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) op: Op,
    pub(super) table: Arc<str>,
    /// Of a bulk load.
    pub(super) tenant: Option<i64>,
    /// The order of the values in the rows before and after.
    pub(super) layout: Option<String>,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
    /// What a note of the outbox's own says.
    pub(super) note: Option<String>,
}

/// What a row of the outbox says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Rows with their contents.
    Rows,
    /// More rows than are worth naming.
    Many,
    /// Emptied, or changed by a program that does not say more.
    Whole,
    /// A note of the outbox's own: a part of it was emptied. It is the snapshot that says what may be gone.
    Pruned,
    /// A note of the outbox's own: what is captured has changed.
    Redeclared,
}

impl Op {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "R" => Self::Rows,
            "B" => Self::Many,
            "P" => Self::Pruned,
            "D" => Self::Redeclared,
            // An unknown word of a later release must not hide a change.
            _ => Self::Whole,
        }
    }
}

/// Names to remember; tables are few, so more means that something is wrong with us.
const NAMES: usize = 10_000;

/// Names of tables; each is kept once.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// One copy of a name for everybody.
    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        if self.0.len() >= NAMES {
            self.0.clear();
        }
        let name: Arc<str> = name.into();
        self.0.insert(Arc::clone(&name));
        name
    }
}

/// Reads entries.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    names: Names,
    layouts: Layouts,
}

impl Decoder {
    /// One copy of a name for everybody.
    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        self.names.name(name)
    }

    /// Appends the changes of one entry. What cannot be read becomes a change of the whole table.
    pub(super) fn decode(&mut self, entry: &Entry, changes: &mut Vec<Change>) {
        let whole = |tenant| Change {
            table: Arc::clone(&entry.table),
            tenant,
            what: What::Many,
        };
        match entry.op {
            Op::Pruned | Op::Redeclared => {}
            Op::Whole => changes.push(whole(None)),
            Op::Many => changes.push(whole(entry.tenant.map(TenantId))),
            Op::Rows => {
                let layout = entry.layout.as_deref().and_then(|l| self.layouts.get(l));
                let rows = layout.and_then(|layout| {
                    let read = |rows: &[String]| -> Option<Vec<Image>> {
                        rows.iter().map(|row| image::row(row, &layout)).collect()
                    };
                    Some((read(&entry.before)?, read(&entry.after)?))
                });
                if let Some((old, new)) = rows {
                    pair(&entry.table, old, new, changes);
                } else {
                    tracing::error!(table = %entry.table, "a captured change cannot be read");
                    changes.push(whole(None));
                }
            }
        }
    }
}

/// Brings the two states of each row together; what has only one was made or is gone.
fn pair(table: &Arc<str>, mut old: Vec<Image>, new: Vec<Image>, changes: &mut Vec<Change>) {
    if old.len() <= 1 && new.len() <= 1 {
        tell(table, old.pop(), new.into_iter().next(), changes);
        return;
    }
    let mut after: HashMap<_, _> = HashMap::with_capacity(new.len());
    for image in new {
        after.insert((image.tenant, image.key.values().to_vec()), image);
    }
    for image in old {
        let now = after.remove(&(image.tenant, image.key.values().to_vec()));
        tell(table, Some(image), now, changes);
    }
    // Rows of one statement have no order among each other.
    for image in after.into_values() {
        tell(table, None, Some(image), changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::change::{Cell, Cells};

    fn decoded(layout: &str, before: &[&str], after: &[&str]) -> Vec<Change> {
        let rows = |rows: &[&str]| rows.iter().map(|&row| row.to_owned()).collect();
        let entry = Entry {
            op: Op::Rows,
            table: "t".into(),
            tenant: None,
            layout: Some(layout.to_owned()),
            before: rows(before),
            after: rows(after),
            note: None,
        };
        let mut changes = Vec::new();
        Decoder::default().decode(&entry, &mut changes);
        changes
    }

    fn shown(changes: &[Change]) -> Vec<String> {
        let mut all: Vec<String> = changes
            .iter()
            .map(|change| {
                let tenant = change.tenant.map_or(-1, |t| t.0);
                let What::Row { key, old, new } = &change.what else {
                    return format!("{tenant} many");
                };
                let cell = |cells: &Cells| cells.iter().next().map(|(_, c)| c.clone());
                let side = |cells: &Option<Cells>| {
                    cells
                        .as_ref()
                        .and_then(cell)
                        .map_or("-".to_owned(), |c| format!("{c:?}"))
                };
                let key = cell(key).and_then(|c| c.as_int()).unwrap();
                format!("{tenant} {key} {} {}", side(old), side(new))
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn updates_pair_by_tenant_and_key() {
        let old = [r#"[1,1,"a"]"#, "[1,2,null]", "[2,3,4]"];
        let new = [r#"[1,2,"b"]"#, r#"[1,9,"a"]"#, "[5,3,4]"];
        assert_eq!(
            shown(&decoded("t|id|s", &old, &new)),
            [
                "1 1 Text(\"a\") -",
                "1 2 Null Text(\"b\")",
                "1 9 - Text(\"a\")",
                "2 3 Int(4) -",
                "5 3 - Int(4)",
            ]
        );
    }

    #[test]
    fn values_have_one_form() {
        let row = r#"[1,"\\x00fF","x","","0f-1e",true]"#;
        let changes = decoded("|id|a:x,b,c,u:x,f", &[], &[row]);
        let What::Row {
            new: Some(cells), ..
        } = &changes[0].what
        else {
            panic!("{changes:?}");
        };
        assert_eq!(changes[0].tenant, None);
        let bytes = |bytes: &[u8]| Some(Cell::Bytes(bytes.into()));
        assert_eq!(cells.get("a").cloned(), bytes(&[0, 255]));
        assert_eq!(cells.get("b"), Some(&Cell::Text("x".into())));
        assert_eq!(cells.get("c"), Some(&Cell::Text("".into())));
        assert_eq!(cells.get("u").cloned(), bytes(&[15, 30]));
        assert_eq!(cells.get("f"), Some(&Cell::Int(1)));
        assert_eq!(cells.get("d"), None);
    }

    #[test]
    fn what_cannot_be_read_concerns_the_whole_table() {
        for (layout, bad) in [
            ("t|id|s", ""),
            ("t|id|s", "{}"),
            ("t|id|s", "[1]"),
            ("t|id|s", "[1,1,1,1]"),
            ("t|id|s", "[null,1,1]"),
            ("t|id|s:x", r#"[1,1,"q"]"#),
            ("t|id|s:x", r#"[1,1,"abc"]"#),
            ("t|id|s", "[1,1.5,1]"),
            ("t", "[1]"),
        ] {
            let changes = decoded(layout, &[], &[bad]);
            assert_eq!(changes.len(), 1, "{bad}");
            assert_eq!(
                (changes[0].tenant, &changes[0].what),
                (None, &What::Many),
                "{bad}"
            );
        }
    }
}
