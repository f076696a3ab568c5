//! The triggers of a captured table on SQLite, as text.
//!
//! They run for each row. A bulk load puts a note into the outbox while it runs, and the triggers of its table see the
//! note and leave the outbox alone: one look-up by row number instead of the making of a text.

use std::sync::Arc;

use super::declare::{Captured, trigger_names};

/// The row number of the note with which a bulk load suspends the triggers of its table.
pub(super) const SUSPENDED: i64 = -1;

/// What makes the triggers.
pub(super) fn create(captured: &Captured) -> Vec<String> {
    let table = &captured.table;
    let [insert, update, delete, _] = trigger_names(table);
    let [old, new] = ["OLD", "NEW"].map(|side| row(captured, side));
    let null = "NULL".to_owned();
    [
        (insert, "INSERT", &null, &new),
        (update, "UPDATE", &old, &new),
        (delete, "DELETE", &old, &null),
    ]
    .into_iter()
    .map(|(name, event, old, new)| {
        format!(
            "CREATE TRIGGER {name} AFTER {event} ON {table} \
             WHEN NOT EXISTS (SELECT 1 FROM brisk_outbox WHERE id = {SUSPENDED} AND table_name = '{table}') \
             BEGIN INSERT INTO brisk_outbox (table_name, op, old_rows, new_rows) VALUES ('{table}', 'R', {old}, {new}); END"
        )
    })
    .collect()
}

fn row(captured: &Captured, side: &str) -> String {
    let tenant = captured
        .tenant
        .as_ref()
        .map_or("NULL".to_owned(), |c| format!("{side}.{c}"));
    format!(
        "json_array(json_array({tenant}, {}, {}))",
        cells(&captured.key, side),
        cells(&captured.columns, side)
    )
}

/// A column holds what was put into it, whatever its declaration says, so each value is asked for its type.
fn cells(columns: &[Arc<str>], side: &str) -> String {
    let cells: Vec<String> = columns
        .iter()
        .map(|column| {
            let value = format!("{side}.{column}");
            format!(
                "'{column}', CASE typeof({value}) WHEN 'text' THEN 't' || {value} WHEN 'blob' THEN 'x' || hex({value}) ELSE {value} END"
            )
        })
        .collect();
    format!("json_object({})", cells.join(", "))
}
