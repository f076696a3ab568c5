//! SQLite: the writer empties the outbox inside each of its transactions and tells what was in it after the commit,
//! before those who wrote are answered.
//!
//! What another program commits is noticed by `PRAGMA data_version`. Its rows wait in the outbox and are told, but they
//! need not be all: it may be another process of ours, which empties the outbox itself, or have its triggers off, and
//! without `recursive_triggers` a REPLACE hides the row that it removes. So its commits are told for whole tables too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _};

use super::Capture;
use super::change::{Change, Commit, ResetReason, What};
use super::decode::{Decoder, Entry, Op};
use super::hub::{Hub, Standing};
use super::sync;

/// Rows of one commit that are told one by one; of more, only tables and tenants are.
const NAMED_ROWS: usize = 4_096;

/// How often the writer asks whether another program has committed.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The writer's end of the stream.
#[derive(Debug)]
pub(crate) struct Drain {
    hub: Arc<Hub>,
    capture: Capture,
    /// Whether there are triggers that write to the outbox.
    active: bool,
    fingerprint: String,
    decoder: Decoder,
    version: i64,
    looked_at: Option<Instant>,
}

/// What a transaction changed, to be told once it is committed.
#[derive(Debug, Default)]
pub(crate) struct Taken(Vec<Entry>);

impl Drain {
    pub(crate) fn new(conn: &Connection, hub: Arc<Hub>, capture: Capture) -> Self {
        let mut drain = Self {
            hub,
            capture,
            active: false,
            fingerprint: String::new(),
            decoder: Decoder::default(),
            version: 0,
            looked_at: None,
        };
        drain.refresh(conn);
        drain
    }

    /// Reads anew what is captured; whether it differs.
    fn refresh(&mut self, conn: &Connection) -> bool {
        let found = match sync::look_sqlite(conn) {
            Ok(found) => found,
            Err(e) => {
                tracing::error!(error = %e, "what is captured cannot be read");
                return false;
            }
        };
        let fingerprint = found
            .as_ref()
            .map(|found| found.fingerprint.clone())
            .unwrap_or_default();
        self.active = !fingerprint.is_empty();
        self.hub.set_active(self.active);
        let changed = std::mem::replace(&mut self.fingerprint, fingerprint) != self.fingerprint;
        if let Some(found) = found {
            if self.capture == Capture::Outbox && !found.blind.is_empty() {
                tracing::error!(tables = ?found.blind, "captured tables lack their triggers; run the migrations");
            }
            self.hub.declare(found.declarations);
        }
        changed
    }

    /// Empties the outbox, inside the transaction that is about to be committed.
    pub(crate) fn take(&mut self, conn: &Connection) -> rusqlite::Result<Taken> {
        if !self.active {
            return Ok(Taken::default());
        }
        // The first who listens starts the stream, and hears a reset after this commit.
        if !self.hub.is_started() {
            conn.prepare_cached("DELETE FROM brisk_outbox")?
                .execute([])?;
            return Ok(Taken::default());
        }
        let mut entries = Vec::new();
        let mut many = false;
        {
            let mut statement = conn.prepare_cached(
                "SELECT table_name, op, tenant_id, old_rows, new_rows FROM brisk_outbox ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                many = entries.len() == NAMED_ROWS;
                if many {
                    break;
                }
                let table = self.decoder.name(row.get_ref(0)?.as_str()?);
                entries.push(Entry {
                    op: Op::of(row.get_ref(1)?.as_str()?),
                    table,
                    tenant: row.get(2)?,
                    old: row.get(3)?,
                    new: row.get(4)?,
                });
            }
        }
        if entries.is_empty() {
            return Ok(Taken::default());
        }
        if many {
            entries = self.summary(conn)?;
        }
        // Without a condition SQLite drops all pages at once.
        conn.prepare_cached("DELETE FROM brisk_outbox")?
            .execute([])?;
        Ok(Taken(entries))
    }

    /// Tables and tenants of too many rows.
    fn summary(&mut self, conn: &Connection) -> rusqlite::Result<Vec<Entry>> {
        let mut statement = conn.prepare_cached(
            "SELECT table_name, coalesce(tenant_id, json_extract(new_rows, '$[0][0]')) AS tenant FROM brisk_outbox
              WHERE op <> 'R' OR new_rows IS NOT NULL
              UNION SELECT table_name, json_extract(old_rows, '$[0][0]') FROM brisk_outbox WHERE old_rows IS NOT NULL",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (table, tenant) = row?;
            Ok(Entry {
                op: Op::Many,
                table: self.decoder.name(&table),
                tenant,
                old: None,
                new: None,
            })
        })
        .collect()
    }

    /// Tells what a committed transaction changed.
    pub(crate) fn publish(&mut self, taken: &Taken) {
        if self.hub.is_heard() {
            let mut changes = Vec::with_capacity(taken.0.len());
            for entry in &taken.0 {
                self.decoder.decode(entry, &mut changes);
            }
            self.hub.commit(Commit { changes });
        }
        self.hub.counted();
    }

    /// After work outside of the usual transactions, such as migrations.
    pub(crate) fn after_exclusive(&mut self, conn: &Connection) {
        if self.refresh(conn) && self.looked_at.is_some() {
            self.hub.restart(ResetReason::Redeclared, Instant::now());
        }
        self.sweep(conn);
    }

    /// Tells what lies in the outbox between transactions.
    fn sweep(&mut self, conn: &Connection) {
        if !self.active {
            return;
        }
        let swept = || -> rusqlite::Result<bool> {
            let waiting = "SELECT 1 FROM brisk_outbox LIMIT 1";
            let waiting = conn
                .prepare_cached(waiting)?
                .query_row([], |_| Ok(()))
                .optional()?;
            Ok(waiting.is_some())
        };
        let result = swept().and_then(|waiting| {
            if !waiting {
                return Ok(Taken::default());
            }
            conn.execute_batch("BEGIN IMMEDIATE")?;
            let taken = self.take(conn)?;
            conn.execute_batch("COMMIT")?;
            Ok(taken)
        });
        match result {
            Ok(taken) if taken.0.is_empty() => {}
            Ok(taken) => self.publish(&taken),
            Err(e) => {
                tracing::debug!(error = %e, "the outbox could not be read between two transactions");
                if !conn.is_autocommit() && conn.execute_batch("ROLLBACK").is_err() {
                    tracing::error!("a transaction could not be undone");
                }
            }
        }
    }

    /// Asks, where it is time, whether another program has committed.
    pub(crate) fn look(&mut self, conn: &Connection) {
        if self.capture != Capture::Outbox || !self.hub.is_started() {
            return;
        }
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        let began = Instant::now();
        let look = self.hub.look();
        let asked = conn
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)));
        let version = match asked {
            Ok(version) => version,
            Err(e) => {
                tracing::debug!(error = %e, "whether another program has committed cannot be found out");
                return;
            }
        };
        let first = self.looked_at.replace(began).is_none();
        let foreign = std::mem::replace(&mut self.version, version) != version;
        let mut reset = first.then_some(ResetReason::Connected);
        if first {
            self.refresh(conn);
            self.hub.reached(self.hub.count());
        }
        if foreign && !first {
            if self.refresh(conn) {
                reset = Some(ResetReason::Redeclared);
            }
            self.sweep(conn);
            let all = self.hub.declarations();
            let changes = all.tables().map(|captured| Change {
                table: Arc::clone(&captured.table),
                tenant: None,
                what: What::Many,
            });
            self.hub.commit(Commit {
                changes: changes.collect(),
            });
            self.hub.counted();
        }
        if !self.active {
            self.hub.rest();
            return;
        }
        match self.hub.standing() {
            Standing::Trusted { .. } if reset.is_none() => {}
            Standing::Trusted { .. } | Standing::Off => {
                self.hub
                    .restart(reset.unwrap_or(ResetReason::Connected), began);
            }
            Standing::Lost { .. } => {
                self.hub.lose();
                self.hub
                    .restart(reset.unwrap_or(ResetReason::Connected), began);
            }
        }
        self.hub.looked(look, began);
    }
}
