//! Rows of the outbox and the changes that they stand for.
//!
//! A row as triggers write it is a JSON array of tenant, key columns and declared columns:
//! `[7, {"id": 12}, {"status": "topen"}]`. It names its columns, so that rows written under an older declaration are
//! read right. Texts begin with `t`, bytes in hexadecimal with `x`; numbers are numbers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::change::{Cell, Cells, Change, What};
use super::image::{self, Image};
use brisk_core::TenantId;

/// A row of the outbox.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) op: Op,
    pub(super) table: Arc<str>,
    /// Of a bulk load.
    pub(super) tenant: Option<i64>,
    /// JSON arrays of rows before and after.
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
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
    /// A note of the outbox's own: a part of it was emptied. `new` is the snapshot that says what may be gone.
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

/// Names to remember; columns are few, so more means that something is wrong with us.
const NAMES: usize = 10_000;

/// Names of tables and columns; each is kept once.
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
                let mut read = |text: &Option<String>| {
                    text.as_ref()
                        .map_or_else(|| Some(Vec::new()), |t| self.rows(t))
                };
                if let (Some(old), Some(new)) = (read(&entry.old), read(&entry.new)) {
                    pair(&entry.table, old, new, changes);
                } else {
                    tracing::error!(table = %entry.table, "a captured change cannot be read");
                    changes.push(whole(None));
                }
            }
        }
    }

    fn rows(&mut self, text: &str) -> Option<Vec<Image>> {
        image::rows(text, &mut self.names).ok()
    }
}

/// Brings the two states of each row together; what has only one was made or is gone.
fn pair(table: &Arc<str>, old: Vec<Image>, new: Vec<Image>, changes: &mut Vec<Change>) {
    let mut change = |tenant, key, old, new| {
        changes.push(Change {
            table: Arc::clone(table),
            tenant,
            what: What::Row { key, old, new },
        });
    };
    if old.len() == 1
        && new.len() == 1
        && old[0].tenant == new[0].tenant
        && old[0].key == new[0].key
    {
        for (old, new) in old.into_iter().zip(new) {
            change(new.tenant, new.key, Some(old.columns), Some(new.columns));
        }
        return;
    }
    let mut after: HashMap<_, _> = HashMap::with_capacity(new.len());
    for image in new {
        after.insert((image.tenant, plain(&image.key)), image);
    }
    for image in old {
        let now = after.remove(&(image.tenant, plain(&image.key)));
        change(
            image.tenant,
            image.key,
            Some(image.columns),
            now.map(|now| now.columns),
        );
    }
    // Rows of one statement have no order among each other.
    for ((tenant, _), image) in after {
        change(tenant, image.key, None, Some(image.columns));
    }
}

fn plain(key: &Cells) -> Vec<Cell> {
    key.0.iter().map(|(_, cell)| cell.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(old: Option<&str>, new: Option<&str>) -> Vec<Change> {
        let entry = Entry {
            op: Op::Rows,
            table: "t".into(),
            tenant: None,
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
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
        let old = r#"[[1,{"id":1},{"s":"ta"}],[1,{"id":2},{"s":null}],[2,{"id":3},{"s":4}]]"#;
        let new = r#"[[1,{"id":2},{"s":"tb"}],[1,{"id":9},{"s":"ta"}],[5,{"id":3},{"s":4}]]"#;
        assert_eq!(
            shown(&decoded(Some(old), Some(new))),
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
        let changes = decoded(
            None,
            Some(r#"[[null,{"id":1},{"a":"x00fF","b":"tx","c":"t"}]]"#),
        );
        let What::Row {
            new: Some(cells), ..
        } = &changes[0].what
        else {
            panic!("{changes:?}");
        };
        assert_eq!(changes[0].tenant, None);
        assert_eq!(
            cells.get("a"),
            Some(&Cell::Bytes([0, 255].as_slice().into()))
        );
        assert_eq!(cells.get("b"), Some(&Cell::Text("x".into())));
        assert_eq!(cells.get("c"), Some(&Cell::Text("".into())));
        assert_eq!(cells.get("d"), None);
    }

    #[test]
    fn what_cannot_be_read_concerns_the_whole_table() {
        for bad in [
            "",
            "{}",
            "[1]",
            "[[1,{}]]",
            r#"[[1,{"id":1},{"s":"q"}]]"#,
            r#"[[1,{"id":1.5},{}]]"#,
        ] {
            let changes = decoded(None, Some(bad));
            assert_eq!(changes.len(), 1, "{bad}");
            assert_eq!(
                (changes[0].tenant, &changes[0].what),
                (None, &What::Many),
                "{bad}"
            );
        }
    }
}
