//! Tags that mean the same on every node.
//!
//! A tag names places of a table's board. Which place a tenant or a row has is the same everywhere, because the hash is,
//! so a tag travels as the names of its table and columns with the numbers of its places: small, whatever values the
//! statement had. Where the table is not captured, or not as it was where the tag comes from, there is no such tag.

use std::sync::Arc;

use crate::board::Tag;
use crate::envelope::{Reader, length, put};
use crate::sync::{ROWS, TENANTS};
use crate::trail::Ground;

/// A tag for another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortableTag {
    pub(crate) table: String,
    /// What was captured of the table, as a number.
    pub(crate) declared: u64,
    pub(crate) which: Which,
}

/// How much of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Table,
    Tenant(u32),
    Rows {
        tenant: u32,
        columns: Vec<String>,
        row: u32,
    },
}

impl PortableTag {
    pub(crate) fn of(tag: &Tag) -> Self {
        let number = |place: usize| u32::try_from(place).expect("boards have few places");
        let (board, which) = match tag {
            Tag::Table(board) => (board, Which::Table),
            Tag::Tenant(board, tenant) => (board, Which::Tenant(number(*tenant))),
            Tag::Rows(board, tenant, set, row) => {
                let columns = set.columns.iter().map(ToString::to_string).collect();
                let rows = Which::Rows {
                    tenant: number(*tenant),
                    columns,
                    row: number(*row),
                };
                (board, rows)
            }
        };
        Self {
            table: board.table.to_string(),
            declared: board.declared,
            which,
        }
    }

    /// The same tag here.
    pub(crate) fn tag(&self, ground: &Ground) -> Option<Tag> {
        let captured = ground.watch.captured(&self.table)?;
        let board = ground.boards.of(&captured);
        if board.declared != self.declared {
            return None;
        }
        let place = |number: u32, places: usize| {
            usize::try_from(number).ok().filter(|place| *place < places)
        };
        // A table that belongs to no tenant has one place for all.
        let tenants = if board.owned { TENANTS } else { 1 };
        Some(match &self.which {
            Which::Table => Tag::Table(board),
            Which::Tenant(tenant) => Tag::Tenant(board, place(*tenant, tenants)?),
            Which::Rows {
                tenant,
                columns,
                row,
            } => {
                let told = || captured.key.iter().chain(&captured.columns);
                let columns: Vec<Arc<str>> = columns
                    .iter()
                    .map(|name| told().find(|column| ***column == **name).cloned())
                    .collect::<Option<_>>()?;
                let set = board.set(&columns).filter(|_| !columns.is_empty())?;
                Tag::Rows(board, place(*tenant, tenants)?, set, place(*row, ROWS)?)
            }
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put(out, self.table.as_bytes());
        out.extend_from_slice(&self.declared.to_le_bytes());
        match &self.which {
            Which::Table => out.push(0),
            Which::Tenant(tenant) => {
                out.push(1);
                out.extend_from_slice(&tenant.to_le_bytes());
            }
            Which::Rows {
                tenant,
                columns,
                row,
            } => {
                out.push(2);
                out.extend_from_slice(&tenant.to_le_bytes());
                out.extend_from_slice(&row.to_le_bytes());
                out.extend_from_slice(&length(columns.len()));
                for column in columns {
                    put(out, column.as_bytes());
                }
            }
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let number = |from: &mut Reader<'_>| from.chunk().map(|b| u32::from_le_bytes(*b));
        Some(Self {
            table: from.text()?.to_owned(),
            declared: from.number()?,
            which: match from.chunk::<1>()?[0] {
                0 => Which::Table,
                1 => Which::Tenant(number(from)?),
                2 => Which::Rows {
                    tenant: number(from)?,
                    row: number(from)?,
                    columns: {
                        let columns = from.length()?;
                        (0..columns)
                            .map(|_| from.text().map(str::to_owned))
                            .collect::<Option<_>>()?
                    },
                },
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::TenantId;
    use brisk_db::{Captured, Cell};

    use crate::board::Boards;

    /// Other numbers than these need another format: nodes of two releases would not mean the same by a place.
    #[test]
    fn places_are_the_same_in_every_release() {
        let boards = Boards::default();
        let board = boards.of(&Captured {
            table: "things".into(),
            tenant: Some("tenant_id".into()),
            key: vec!["id".into(), "kind".into()],
            columns: vec!["size".into()],
        });
        let set = board.set(&["id".into(), "kind".into()]).unwrap();
        let place = |cells: &[Cell]| set.place_of(Some(TenantId(7)), cells);
        let text = Cell::Text("a".into());
        let bytes = Cell::Bytes(vec![1, 2].into());
        assert_eq!(
            (
                board.declared,
                board.tenant(TenantId(7)),
                place(&[Cell::Int(1), text]),
                place(&[Cell::Null, bytes])
            ),
            (15_942_782_054_730_322_464, 687, 18_202, 31_055)
        );
    }
}
