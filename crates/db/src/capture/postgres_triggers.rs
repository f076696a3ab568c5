//! The triggers of a captured table on PostgreSQL, as text.
//!
//! They run once for each statement, on its transition tables, and write one row of the outbox. They run with their
//! owner's rights, so that whoever may write the table needs no right to the outbox. Whoever writes also chooses where
//! names are looked up, so every function, operator and table here is qualified; that costs less than a search path of
//! the function's own, which is set and taken back at each call.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::declare::{Captured, EVENTS, trigger_name};
use super::layout::Layout;

/// A statement that changes more rows than this is told as a change of the table and tenant: nobody gains from
/// thousands of single evictions, and building their texts would slow bulk loads down.
const NAMED_ROWS: u32 = 128;

/// The types of a table's columns, as in `pg_type.typname`.
pub(super) type Types = HashMap<String, String>;

/// What makes functions and triggers anew.
///
/// # Errors
///
/// Which column is missing or has a type that cannot be captured.
pub(super) fn create(schema: &str, captured: &Captured, types: &Types) -> Result<String, String> {
    let table = &captured.table;
    let mut text = drop(schema, table);
    let bodies = bodies(schema, captured, types)?;
    let referencing = [
        "REFERENCING NEW TABLE AS new_rows",
        "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "REFERENCING OLD TABLE AS old_rows",
        "",
    ];
    for ((event, tables), body) in EVENTS.iter().zip(referencing).zip(bodies) {
        let name = trigger_name(table, event);
        // Always: also while somebody replays a log with `session_replication_role = replica`.
        write!(
            text,
            "CREATE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
             AS $brisk$ BEGIN {body} RETURN NULL; END; $brisk$;\n\
             CREATE TRIGGER {name} AFTER {event} ON {schema}.{table} {tables} \
             FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{name}();\n\
             ALTER TABLE {schema}.{table} ENABLE ALWAYS TRIGGER {name};\n"
        )
        .expect("writing to a String cannot fail");
    }
    Ok(text)
}

/// What takes them away, and those that one function made for all events.
pub(super) fn drop(schema: &str, table: &str) -> String {
    let mut text = format!("DROP FUNCTION IF EXISTS {schema}.brisk_capture_{table}() CASCADE;\n");
    for event in EVENTS {
        let name = trigger_name(table, event);
        writeln!(text, "DROP FUNCTION IF EXISTS {schema}.{name}() CASCADE;")
            .expect("writing to a String cannot fail");
    }
    text
}

/// What the functions do, in the order of [`EVENTS`].
fn bodies(schema: &str, captured: &Captured, types: &Types) -> Result<[String; 4], String> {
    let table = &captured.table;
    let row = row(captured, types)?;
    let tenant = match &captured.tenant {
        Some(column) if types.get(&**column).is_some_and(|t| t == "int8") => format!("r.{column}"),
        Some(column) => return Err(format!("{table}.{column} is no bigint, as a tenant is")),
        None => "NULL::pg_catalog.int8".to_owned(),
    };
    let layout = Layout::text(captured, |column| {
        types.get(column).is_some_and(|ty| is_bytes(ty))
    });
    let outbox = format!("INSERT INTO {schema}.brisk_outbox (slot, table_name, op");
    let slot = format!("{schema}.brisk_outbox_slot s");
    let more = NAMED_ROWS + 1;
    let rows = |from: Option<&str>| {
        from.map_or("NULL::pg_catalog.text[]".to_owned(), |from| {
            format!("ARRAY(SELECT {row} FROM {from} r LIMIT {more})")
        })
    };
    // A statement that changed nothing finds no tenant in the end.
    let changed = |old: Option<&str>, new: Option<&str>, all: &str| {
        let counted = if new.is_some() { "c.after" } else { "c.before" };
        format!(
            "{outbox}, layout, before, after) SELECT s.last_value, '{table}', 'R', '{layout}', c.before, c.after \
             FROM (SELECT {} AS before, {} AS after OFFSET 0) c, {slot} \
             WHERE pg_catalog.cardinality({counted}) OPERATOR(pg_catalog.>=) 1 \
             AND pg_catalog.cardinality({counted}) OPERATOR(pg_catalog.<=) {NAMED_ROWS}; \
             IF NOT FOUND THEN {outbox}, tenant_id) SELECT s.last_value, '{table}', 'B', d.tenant \
             FROM {slot}, (SELECT DISTINCT {tenant} AS tenant FROM {all} r) d; END IF;",
            rows(old),
            rows(new),
        )
    };
    let (old, new) = (Some("old_rows"), Some("new_rows"));
    Ok([
        changed(None, new, "new_rows"),
        changed(old, new, "(TABLE old_rows UNION ALL TABLE new_rows)"),
        changed(old, None, "old_rows"),
        format!("{outbox}) SELECT s.last_value, '{table}', 'T' FROM {slot};"),
    ])
}

/// One row as a JSON array; `r` is the row.
fn row(captured: &Captured, types: &Types) -> Result<String, String> {
    let tenant = captured.tenant.iter().map(|column| format!("r.{column}"));
    let columns = captured.key.iter().chain(&captured.columns);
    let cells = columns.map(|column: &Arc<str>| {
        let place = format!("{}.{column}", captured.table);
        let ty = types
            .get(&**column)
            .ok_or_else(|| format!("there is no {place}"))?;
        cell(column, ty).ok_or_else(|| format!("{place} is of type {ty}, which cannot be captured"))
    });
    let values: Vec<String> = tenant.map(Ok).chain(cells).collect::<Result<_, String>>()?;
    Ok(format!(
        "pg_catalog.json_build_array({})::pg_catalog.text",
        values.join(", ")
    ))
}

/// One value in the form that [`image`](super::image) reads.
fn cell(column: &str, ty: &str) -> Option<String> {
    Some(match ty {
        "int2" | "int4" | "int8" | "bool" | "text" | "varchar" | "date" => format!("r.{column}"),
        "uuid" | "bytea" => format!("r.{column}::pg_catalog.text"),
        "timestamptz" => format!(
            "(pg_catalog.extract('epoch', r.{column}) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8"
        ),
        _ => return None,
    })
}

/// Whether values of this type are told as bytes, in hexadecimal.
fn is_bytes(ty: &str) -> bool {
    matches!(ty, "uuid" | "bytea")
}
