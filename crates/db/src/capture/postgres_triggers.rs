//! The triggers of a captured table on PostgreSQL, as text.
//!
//! They run once for each statement, on its transition tables, and write one row of the outbox. They run with their
//! owner's rights, so that whoever may write the table needs no right to the outbox, and look up nothing but what is
//! qualified.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::declare::{Captured, trigger_names};

/// A statement that changes more rows than this is told as a change of the table and tenant: nobody gains from
/// thousands of single evictions, and building their texts would slow bulk loads down.
const NAMED_ROWS: u32 = 128;

/// The types of a table's columns, as in `pg_type.typname`.
pub(super) type Types = HashMap<String, String>;

/// What makes function and triggers anew.
///
/// # Errors
///
/// Which column is missing or has a type that cannot be captured.
pub(super) fn create(schema: &str, captured: &Captured, types: &Types) -> Result<String, String> {
    let table = &captured.table;
    let body = body(schema, captured, types)?;
    let mut text = format!(
        "CREATE OR REPLACE FUNCTION {schema}.brisk_capture_{table}() RETURNS trigger LANGUAGE plpgsql \
         SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $brisk${body}$brisk$;\n"
    );
    let events = [
        ("INSERT", "REFERENCING NEW TABLE AS new_rows"),
        (
            "UPDATE",
            "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
        ),
        ("DELETE", "REFERENCING OLD TABLE AS old_rows"),
        ("TRUNCATE", ""),
    ];
    for ((event, tables), name) in events.iter().zip(trigger_names(table)) {
        // Always: also while somebody replays a log with `session_replication_role = replica`.
        write!(
            text,
            "DROP TRIGGER IF EXISTS {name} ON {schema}.{table};\n\
             CREATE TRIGGER {name} AFTER {event} ON {schema}.{table} {tables} \
             FOR EACH STATEMENT EXECUTE FUNCTION {schema}.brisk_capture_{table}();\n\
             ALTER TABLE {schema}.{table} ENABLE ALWAYS TRIGGER {name};\n"
        )
        .expect("writing to a String cannot fail");
    }
    Ok(text)
}

/// What takes them away.
pub(super) fn drop(schema: &str, table: &str) -> String {
    format!("DROP FUNCTION IF EXISTS {schema}.brisk_capture_{table}() CASCADE")
}

fn body(schema: &str, captured: &Captured, types: &Types) -> Result<String, String> {
    let table = &captured.table;
    let rows = rows(captured, types)?;
    let tenant = match &captured.tenant {
        Some(column) if types.get(&**column).is_some_and(|t| t == "int8") => format!("r.{column}"),
        Some(column) => return Err(format!("{table}.{column} is no bigint, as a tenant is")),
        None => "NULL::bigint".to_owned(),
    };
    let into = format!(
        "INSERT INTO {schema}.brisk_outbox (slot, table_name, op, tenant_id, old_rows, new_rows) SELECT s.last_value, '{table}'"
    );
    let slot = format!("FROM {schema}.brisk_outbox_slot s");
    let more = NAMED_ROWS + 1;
    let named = |from: &str| {
        format!(
            "(SELECT count(*) AS n, json_agg({rows})::text AS rows FROM (SELECT * FROM {from} LIMIT {more}) r)"
        )
    };
    let fits = |side: &str| format!("{side}.n BETWEEN 1 AND {NAMED_ROWS}");
    let many = |from: &str| {
        format!(
            "IF NOT FOUND THEN {into}, 'B', d.tenant, NULL, NULL {slot}, (SELECT DISTINCT {tenant} AS tenant FROM {from} r) d; END IF;"
        )
    };
    let one_side = |from: &str, columns: &str| {
        format!(
            "{into}, 'R', NULL, {columns} {slot}, {} c WHERE {}; {}",
            named(from),
            fits("c"),
            many(from)
        )
    };
    let update = format!(
        "{into}, 'R', NULL, o.rows, n.rows {slot}, {} o, {} n WHERE {} AND {}; {}",
        named("old_rows"),
        named("new_rows"),
        fits("o"),
        fits("n"),
        many("(TABLE old_rows UNION ALL TABLE new_rows)"),
    );
    Ok(format!(
        "\nBEGIN\n\
         IF TG_OP = 'UPDATE' THEN {update}\n\
         ELSIF TG_OP = 'INSERT' THEN {insert}\n\
         ELSIF TG_OP = 'DELETE' THEN {delete}\n\
         ELSE {into}, 'T', NULL, NULL, NULL {slot};\n\
         END IF;\n\
         RETURN NULL;\n\
         END;\n",
        insert = one_side("new_rows", "NULL, c.rows"),
        delete = one_side("old_rows", "c.rows, NULL"),
    ))
}

/// One row as JSON; `r` is the row.
fn rows(captured: &Captured, types: &Types) -> Result<String, String> {
    let cells = |columns: &[std::sync::Arc<str>]| -> Result<String, String> {
        let cells: Result<Vec<String>, String> = columns
            .iter()
            .map(|column| {
                let place = format!("{}.{column}", captured.table);
                let ty = types
                    .get(&**column)
                    .ok_or_else(|| format!("there is no {place}"))?;
                let cell = cell(column, ty)
                    .ok_or_else(|| format!("{place} is of type {ty}, which cannot be captured"))?;
                Ok(format!("'{column}', {cell}"))
            })
            .collect();
        Ok(format!("json_build_object({})", cells?.join(", ")))
    };
    let tenant = captured
        .tenant
        .as_ref()
        .map_or("NULL".to_owned(), |c| format!("r.{c}"));
    Ok(format!(
        "json_build_array({tenant}, {}, {})",
        cells(&captured.key)?,
        cells(&captured.columns)?
    ))
}

/// One value in the form that [`Cell`](super::change::Cell) reads.
fn cell(column: &str, ty: &str) -> Option<String> {
    Some(match ty {
        "int2" | "int4" | "int8" => format!("r.{column}"),
        "bool" => format!("r.{column}::int"),
        "text" | "varchar" => format!("'t' || r.{column}"),
        "uuid" => format!("'x' || replace(r.{column}::text, '-', '')"),
        "bytea" => format!("'x' || encode(r.{column}, 'hex')"),
        "date" => format!("'t' || to_char(r.{column}, 'YYYY-MM-DD')"),
        "timestamptz" => format!("(extract(epoch FROM r.{column}) * 1000000)::bigint"),
        _ => return None,
    })
}
