//! The composite indexes, away and back: what the specification's table of before and after shows.
//!
//! The five single-column indexes that the original had stay, and so do primary keys and unique rules.

use anyhow::{Result, bail};

use crate::engine::Place;

const TABLES: &str = "'civic_reports', 'civic_issues', 'civic_sla_metrics'";

/// The original's own indexes that are no keys.
const ORIGINALS: &str = "'idx_reports_tenant', 'idx_reports_issue', 'idx_issues_status'";

/// Drops them and answers the texts that make them again.
pub(super) fn drop_composites(place: &Place) -> Result<Vec<String>> {
    let found = match place {
        Place::Sqlite(path) => {
            let conn = rusqlite::Connection::open(path)?;
            let mut statement = conn.prepare(&format!(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ({TABLES})
                    AND name NOT IN ({ORIGINALS}) AND sql IS NOT NULL AND sql NOT LIKE 'CREATE UNIQUE %'"
            ))?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(String, String)>>>()?
        }
        Place::Postgres(database) => database
            .psql(&[&format!(
                "SELECT indexname, replace(indexdef, E'\\n', ' ') FROM pg_indexes WHERE tablename IN ({TABLES})
                    AND indexname NOT IN ({ORIGINALS}) AND indexdef NOT LIKE 'CREATE UNIQUE %'"
            )])?
            .lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect(),
    };
    if found.is_empty() {
        bail!("{} has no composite indexes to drop", place.engine());
    }
    let drops: Vec<String> = found
        .iter()
        .map(|(name, _)| format!("DROP INDEX {name}"))
        .collect();
    place.run(&drops.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(found.into_iter().map(|(_, text)| text).collect())
}

/// Makes them again.
pub(super) fn create(place: &Place, texts: &[String]) -> Result<()> {
    place.run(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What the engine does by itself after a while: PostgreSQL's own cleaning and counting, SQLite's log folded in.
pub(super) fn settle(place: &Place) -> Result<()> {
    match place {
        Place::Sqlite(_) => place.run(&["PRAGMA wal_checkpoint(TRUNCATE)"]),
        Place::Postgres(_) => place.run(&["VACUUM (ANALYZE)", "CHECKPOINT"]),
    }
}
