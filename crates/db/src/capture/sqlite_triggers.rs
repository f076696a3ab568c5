//! The triggers of the captured tables on SQLite.
//!
//! They are TEMP triggers of the writer's connection: they are in no file, other programs do not run them, and each
//! process makes those of its own release. They write nothing; they call a function that keeps [notes](super::notes).

use rusqlite::Connection;

use super::declare::Captured;
use super::notes::{NOTE, Sides};

/// Replaces the triggers of this connection by those of `tables`, which are numbered in this order.
pub(super) fn install(conn: &Connection, tables: &[&Captured]) -> rusqlite::Result<()> {
    let known = "SELECT name FROM temp.sqlite_master WHERE type = 'trigger' AND name LIKE 'brisk\\_capture\\_%' ESCAPE '\\'";
    let mut statement = conn.prepare(known)?;
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    drop(statement);
    for name in names {
        conn.execute_batch(&format!("DROP TRIGGER temp.{name}"))?;
    }
    for (number, table) in tables.iter().enumerate() {
        for text in create(number, table) {
            conn.execute_batch(&text)?;
        }
    }
    Ok(())
}

fn create(number: usize, captured: &Captured) -> [String; 3] {
    let table = &captured.table;
    let [old, new] = ["OLD", "NEW"].map(|side| row(captured, side));
    [
        ("insert", Sides::New, new.clone()),
        ("delete", Sides::Old, old.clone()),
        ("update", Sides::Both, format!("{old}, {new}")),
    ]
    .map(|(event, sides, values)| {
        let sides = sides as i64;
        format!(
            "CREATE TEMP TRIGGER brisk_capture_{table}_{event} AFTER {event} ON main.{table} \
             BEGIN SELECT {NOTE}({number}, {sides}, {values}); END"
        )
    })
}

fn row(captured: &Captured, side: &str) -> String {
    let columns = captured.tenant.iter().chain(&captured.key);
    let columns = columns.chain(&captured.columns);
    let values: Vec<String> = columns.map(|column| format!("{side}.{column}")).collect();
    values.join(", ")
}
