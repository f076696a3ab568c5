//! Makes the triggers follow the declarations, and reads what is declared.

use std::collections::HashMap;

use rusqlite::Connection;
use tokio_postgres::Client;

use super::declare::{Captured, Declarations, Declared, Types};
use super::{Capture, postgres_triggers};
use crate::column::BoxedError;

type Result<T> = std::result::Result<T, BoxedError>;

/// What a database says about its capture.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) declarations: Declarations,
    /// Declared tables without their triggers; their changes are not told.
    pub(super) blind: Vec<String>,
    /// Differs when a trigger was touched.
    pub(super) fingerprint: String,
}

fn declared(rows: Vec<[Option<String>; 5]>) -> Result<Vec<Declared>> {
    let word = |text: &Option<String>| text.clone().unwrap_or_default();
    let read = |[table, tenant, key, columns, made]: [Option<String>; 5]| {
        Declared::new(
            &word(&table),
            tenant.as_deref(),
            &word(&key),
            &word(&columns),
            made,
        )
    };
    Ok(rows
        .into_iter()
        .map(read)
        .collect::<std::result::Result<_, String>>()?)
}

const DECLARED: &str = "SELECT table_name, tenant_column, key_columns, columns, made FROM brisk_captured ORDER BY table_name";

/// Whether the tables of capture are there.
pub(super) async fn is_installed(
    client: &Client,
) -> std::result::Result<bool, tokio_postgres::Error> {
    let row = client
        .query_one("SELECT to_regclass('brisk_outbox') IS NOT NULL", &[])
        .await?;
    Ok(row.get(0))
}

/// What is captured on PostgreSQL.
pub(super) async fn look_postgres(client: &Client) -> Result<Found> {
    let rows = client.query(DECLARED, &[]).await?;
    let declared = declared(
        rows.iter()
            .map(|r| std::array::from_fn(|i| r.get(i)))
            .collect(),
    )?;
    let triggers = client
        .query(
            "SELECT c.relname::text, count(*) FILTER (WHERE t.tgenabled = 'A'),
                    string_agg(t.oid::text || t.tgenabled::text, ' ' ORDER BY t.oid)
               FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
              WHERE t.tgname LIKE 'brisk\\_capture\\_%' AND c.relnamespace = current_schema()::regnamespace
              GROUP BY 1 ORDER BY 1",
            &[],
        )
        .await?;
    let mut fingerprint = String::new();
    let mut active: HashMap<String, i64> = HashMap::new();
    for row in &triggers {
        let (table, on, ids): (String, i64, String) = (row.get(0), row.get(1), row.get(2));
        fingerprint.push_str(&ids);
        fingerprint.push(';');
        active.insert(table, on);
    }
    let spread = client
        .query(
            "SELECT p.relname::text, c.relname::text
               FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid JOIN pg_class c ON c.oid = k.conrelid
              WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))",
            &[],
        )
        .await?;
    let spread: Vec<_> = spread.iter().map(|r| (r.get(0), r.get(1))).collect();
    Ok(found(declared, &active, 4, &spread, fingerprint))
}

fn found(
    declared: Vec<Declared>,
    active: &HashMap<String, i64>,
    wanted: i64,
    spread: &[(String, String)],
    fingerprint: String,
) -> Found {
    let blind = declared
        .iter()
        .filter(|d| !d.is_made() || active.get(&*d.captured.table) != Some(&wanted))
        .map(|d| d.captured.table.to_string())
        .collect();
    let tables = declared.into_iter().map(|d| d.captured).collect();
    Found {
        declarations: Declarations::new(tables, spread),
        blind,
        fingerprint,
    }
}

/// Makes what is missing on PostgreSQL, or takes all away where triggers are not wanted.
pub(super) async fn sync_postgres(client: &Client, capture: Capture) -> Result<Declarations> {
    let before = look_postgres(client).await?;
    let schema: String = client
        .query_one("SELECT quote_ident(current_schema())", &[])
        .await?
        .get(0);
    let note = format!(
        "INSERT INTO {schema}.brisk_outbox (slot, table_name, op) SELECT last_value, '', 'D' FROM {schema}.brisk_outbox_slot"
    );
    let kept: Vec<&str> = match capture {
        Capture::Outbox => before.declarations.tables().map(|t| &*t.table).collect(),
        Capture::App | Capture::Off => Vec::new(),
    };
    let functions = client
        .query(
            "SELECT DISTINCT regexp_replace(proname::text, '^brisk_capture_(.*?)(_insert|_update|_delete|_truncate)?$', '\\1')
               FROM pg_proc
              WHERE proname LIKE 'brisk\\_capture\\_%' AND pronamespace = current_schema()::regnamespace",
            &[],
        )
        .await?;
    for row in &functions {
        let table: String = row.get(0);
        if !kept.contains(&table.as_str()) {
            let text = postgres_triggers::drop(&schema, &table);
            // Each table by itself, so that we never hold the lock of one while we wait for another.
            client
                .batch_execute(&format!(
                    "BEGIN; {text} UPDATE {schema}.brisk_captured SET made = NULL WHERE table_name = '{table}'; {note}; COMMIT"
                ))
                .await?;
        }
    }
    if capture == Capture::Outbox {
        let rows = client.query(DECLARED, &[]).await?;
        for declared in declared(
            rows.iter()
                .map(|r| std::array::from_fn(|i| r.get(i)))
                .collect(),
        )? {
            let table = &declared.captured.table;
            if !before.blind.iter().any(|blind| **blind == **table) {
                continue;
            }
            let types = types(client, &declared.captured).await?;
            let text = postgres_triggers::create(&schema, &declared.captured, &types)?;
            let mark = declared.mark();
            client
                .batch_execute(&format!(
                    "BEGIN; {text} UPDATE {schema}.brisk_captured SET made = '{mark}' WHERE table_name = '{table}'; {note}; COMMIT"
                ))
                .await?;
        }
    }
    Ok(look_postgres(client).await?.declarations)
}

async fn types(client: &Client, captured: &Captured) -> Result<Types> {
    let rows = client
        .query(
            "SELECT a.attname::text, t.typname::text
               FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
              WHERE c.relname = $1 AND c.relnamespace = current_schema()::regnamespace
                AND a.attnum > 0 AND NOT a.attisdropped",
            &[&captured.table.to_string()],
        )
        .await?;
    if rows.is_empty() {
        return Err(format!("{} is captured and does not exist", captured.table).into());
    }
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// What is captured on SQLite, and a text that differs when that does; nothing where the table of declarations is
/// missing.
pub(super) fn look_sqlite(conn: &Connection) -> Result<Option<(Declarations, String)>> {
    let known =
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'brisk_captured'";
    if conn.query_row(known, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let mut spread = conn.prepare(
        "SELECT f.\"table\", m.name FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
          WHERE m.type = 'table' AND (f.on_delete NOT IN ('NO ACTION', 'RESTRICT')
                                   OR f.on_update NOT IN ('NO ACTION', 'RESTRICT'))",
    )?;
    let spread = spread.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let spread = spread.collect::<rusqlite::Result<Vec<_>>>()?;
    let declared = declared_sqlite(conn)?;
    let mut fingerprint = String::new();
    for declared in &declared {
        fingerprint.push_str(&declared.mark());
        fingerprint.push(';');
    }
    let tables = declared.into_iter().map(|d| d.captured).collect();
    Ok(Some((Declarations::new(tables, &spread), fingerprint)))
}

fn declared_sqlite(conn: &Connection) -> Result<Vec<Declared>> {
    let mut statement = conn.prepare(DECLARED)?;
    let rows = statement.query_map([], |row| {
        Ok([
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        ])
    })?;
    declared(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether what is declared can be captured on SQLite, where each process makes its own triggers. Those that earlier
/// versions left in the file are taken away.
pub(super) fn check_sqlite(conn: &Connection) -> Result<()> {
    for declared in declared_sqlite(conn)? {
        check(conn, &declared.captured)?;
    }
    let mut left = conn.prepare(
        "SELECT name FROM main.sqlite_master WHERE type = 'trigger' AND name LIKE 'brisk\\_capture\\_%' ESCAPE '\\'",
    )?;
    let left = left.query_map([], |row| row.get::<_, String>(0))?;
    for name in left.collect::<rusqlite::Result<Vec<_>>>()? {
        conn.execute_batch(&format!("DROP TRIGGER main.\"{name}\""))?;
    }
    Ok(())
}

/// The same types can be captured as on PostgreSQL.
pub(super) fn check(conn: &Connection, captured: &Captured) -> Result<()> {
    let mut statement = conn.prepare("SELECT name, upper(type) FROM pragma_table_info(?1)")?;
    let types = statement
        .query_map([&*captured.table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<HashMap<String, String>>>()?;
    if types.is_empty() {
        return Err(format!("{} is captured and does not exist", captured.table).into());
    }
    let columns = captured
        .tenant
        .iter()
        .chain(&captured.key)
        .chain(&captured.columns);
    for column in columns {
        let place = format!("{}.{column}", captured.table);
        match types.get(&**column).map(String::as_str) {
            None => return Err(format!("there is no {place}").into()),
            Some(ty @ ("REAL" | "FLOAT" | "DOUBLE" | "NUMERIC")) => {
                return Err(format!("{place} is of type {ty}, which cannot be captured").into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}
