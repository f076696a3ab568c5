//! How the values of a captured row follow each other: the tenant, the key, the declared columns.
//!
//! A row is told without the names of its columns. Whoever wrote it named its layout, so that rows which were written
//! under an older declaration are read right, and the names are kept once and not with each row.

use std::collections::HashMap;
use std::sync::Arc;

use brisk_core::TenantId;

use super::change::{Cell, Cells, Change, What};
use super::declare::Captured;

/// Layouts to remember; tables are few, so more means that something is wrong with us.
const LAYOUTS: usize = 10_000;

/// The order of a row's values.
#[derive(Debug)]
pub(super) struct Layout {
    tenant: bool,
    key: Arc<[Arc<str>]>,
    columns: Arc<[Arc<str>]>,
    /// Which of key and columns, in this order, hold bytes that are written as hexadecimal text.
    bytes: Box<[bool]>,
}

/// A row before or after.
#[derive(Debug, PartialEq)]
pub(super) struct Image {
    pub(super) tenant: Option<TenantId>,
    pub(super) key: Cells,
    pub(super) columns: Cells,
}

impl Layout {
    /// That of a declared table whose bytes come as bytes.
    pub(super) fn of(captured: &Captured) -> Self {
        Self {
            tenant: captured.tenant.is_some(),
            key: captured.key.iter().cloned().collect(),
            columns: captured.columns.iter().cloned().collect(),
            bytes: Box::new([]),
        }
    }

    /// Reads `t|id|status,photo:x`: whether there is a tenant, key, columns; `:x` marks bytes in hexadecimal.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let (tenant, key, columns) = (parts.next()?, parts.next()?, parts.next()?);
        let mut bytes = Vec::new();
        let mut names = |list: &str| -> Arc<[Arc<str>]> {
            let names = list.split(',').filter(|name| !name.is_empty());
            let name = |name: &str| {
                let plain = name.strip_suffix(":x");
                bytes.push(plain.is_some());
                Arc::from(plain.unwrap_or(name))
            };
            names.map(name).collect()
        };
        Some(Self {
            tenant: tenant == "t",
            key: names(key),
            columns: names(columns),
            bytes: bytes.into(),
        })
    }

    /// The text that [`parse`](Self::parse) reads.
    pub(super) fn text(captured: &Captured, is_bytes: impl Fn(&str) -> bool) -> String {
        let list = |names: &[Arc<str>]| {
            let name = |name: &Arc<str>| {
                let mark = if is_bytes(name) { ":x" } else { "" };
                format!("{name}{mark}")
            };
            names.iter().map(name).collect::<Vec<_>>().join(",")
        };
        let tenant = if captured.tenant.is_some() { "t" } else { "" };
        format!(
            "{tenant}|{}|{}",
            list(&captured.key),
            list(&captured.columns)
        )
    }

    /// How many values a row has.
    pub(super) fn len(&self) -> usize {
        usize::from(self.tenant) + self.key.len() + self.columns.len()
    }

    /// Whether the value at this place is bytes in hexadecimal.
    pub(super) fn is_hex(&self, place: usize) -> bool {
        let place = place.checked_sub(self.tenant.into());
        place.is_some_and(|place| self.bytes.get(place).copied().unwrap_or(false))
    }

    /// The row with these values; none where their number or the tenant's type is wrong.
    pub(super) fn image(&self, mut values: impl Iterator<Item = Cell>) -> Option<Image> {
        let tenant = if self.tenant {
            match values.next()? {
                Cell::Int(tenant) => Some(TenantId(tenant)),
                _ => return None,
            }
        } else {
            None
        };
        let mut cells = |names: &Arc<[Arc<str>]>| {
            let cells: Box<[Cell]> = values.by_ref().take(names.len()).collect();
            (cells.len() == names.len()).then(|| Cells::new(names, cells))
        };
        let image = Image {
            tenant,
            key: cells(&self.key)?,
            columns: cells(&self.columns)?,
        };
        values.next().is_none().then_some(image)
    }
}

/// Layouts by their text; each is read once.
#[derive(Debug, Default)]
pub(super) struct Layouts(HashMap<Box<str>, Option<Arc<Layout>>>);

impl Layouts {
    pub(super) fn get(&mut self, text: &str) -> Option<Arc<Layout>> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        if self.0.len() >= LAYOUTS {
            self.0.clear();
        }
        let layout = Layout::parse(text).map(Arc::new);
        self.0.insert(text.into(), layout.clone());
        layout
    }
}

/// The change from `old` to `new` of one row; two where it got another key or tenant.
pub(super) fn tell(
    table: &Arc<str>,
    old: Option<Image>,
    new: Option<Image>,
    changes: &mut Vec<Change>,
) {
    let mut change = |tenant, key, old, new| {
        changes.push(Change {
            table: Arc::clone(table),
            tenant,
            what: What::Row { key, old, new },
        });
    };
    match (old, new) {
        (Some(old), Some(new)) if old.tenant == new.tenant && old.key == new.key => {
            change(new.tenant, new.key, Some(old.columns), Some(new.columns));
        }
        (old, new) => {
            if let Some(old) = old {
                change(old.tenant, old.key, Some(old.columns), None);
            }
            if let Some(new) = new {
                change(new.tenant, new.key, None, Some(new.columns));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_survives_as_text() {
        let captured = Captured {
            table: "t".into(),
            tenant: Some("tenant_id".into()),
            key: vec!["id".into()],
            columns: vec!["status".into(), "photo".into()],
        };
        let text = Layout::text(&captured, |name| name == "photo");
        assert_eq!(text, "t|id|status,photo:x");
        let mut layouts = Layouts::default();
        let layout = layouts.get(&text).unwrap();
        assert_eq!(layout.len(), 4);
        assert_eq!(
            [0, 1, 2, 3].map(|i| layout.is_hex(i)),
            [false, false, false, true]
        );
        let whole = layouts.get("|id|").unwrap();
        assert_eq!((whole.len(), whole.tenant), (1, false));
        assert!(layouts.get("t").is_none());
    }

    #[test]
    fn a_row_has_as_many_values_as_its_layout() {
        let layout = Layout::parse("t|id|n").unwrap();
        let row = |values: &[i64]| layout.image(values.iter().map(|v| Cell::Int(*v)));
        let image = row(&[7, 1, 2]).unwrap();
        assert_eq!(image.tenant, Some(TenantId(7)));
        assert_eq!(image.key.get("id"), Some(&Cell::Int(1)));
        assert_eq!(image.columns.get("n"), Some(&Cell::Int(2)));
        assert!(row(&[7, 1]).is_none() && row(&[7, 1, 2, 3]).is_none());
        assert!(
            layout
                .image([Cell::Null, Cell::Int(1), Cell::Null].into_iter())
                .is_none()
        );
    }
}
