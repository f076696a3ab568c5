//! SQLite: bulk inserts suspend the triggers of their table and leave one row for each tenant.

use rusqlite::Connection;

use super::hub::Hub;
use super::sqlite_triggers::SUSPENDED;
use crate::bulk::Insert;
use crate::value::Value;

/// A bulk insert of fewer rows has each of them told.
const SUSPEND_FROM: usize = 64;

/// What ends the suspension of a table's triggers.
#[derive(Debug)]
pub(crate) struct Suspended {
    table: &'static str,
    tenants: Vec<Option<i64>>,
}

impl Suspended {
    /// Suspends the triggers of the table that `insert` fills, where that is worth it.
    pub(crate) fn begin(
        hub: &Hub,
        conn: &Connection,
        insert: &Insert,
    ) -> rusqlite::Result<Option<Self>> {
        if insert.rows.len() < SUSPEND_FROM || !hub.is_active() {
            return Ok(None);
        }
        let declarations = hub.declarations();
        let Some(captured) = declarations.get(insert.table) else {
            return Ok(None);
        };
        let place = captured.tenant.as_deref().and_then(|tenant| {
            insert
                .columns
                .iter()
                .position(|(column, _)| *column == tenant)
        });
        let tenant = |row: &Vec<Value>| match place.and_then(|place| row.get(place)) {
            Some(Value::Int(tenant)) => Some(*tenant),
            _ => None,
        };
        let mut tenants: Vec<_> = insert.rows.iter().map(tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        conn.prepare_cached("INSERT INTO brisk_outbox (id, table_name, op) VALUES (?1, ?2, 'S')")?
            .execute((SUSPENDED, insert.table))?;
        Ok(Some(Self {
            table: insert.table,
            tenants,
        }))
    }

    /// Leaves one row for each tenant. After a failed insert this is not called: its savepoint or transaction is undone,
    /// and the suspension with it.
    pub(crate) fn end(self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached("DELETE FROM brisk_outbox WHERE id = ?1")?
            .execute([SUSPENDED])?;
        let mut note = conn.prepare_cached(
            "INSERT INTO brisk_outbox (table_name, op, tenant_id) VALUES (?1, 'B', ?2)",
        )?;
        for tenant in self.tenants {
            note.execute((self.table, tenant))?;
        }
        Ok(())
    }
}
