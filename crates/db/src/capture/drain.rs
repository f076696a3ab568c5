//! SQLite: what a transaction of the writer has changed is told after its commit, before those who wrote are answered.
//!
//! What another program commits is noticed by `PRAGMA data_version`, and told for all captured tables as a whole: our
//! triggers are not in the file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::change::{Change, Commit, ResetReason, What};
use super::declare::Captured;
use super::hub::{Hub, Standing};
use super::notes::Notes;
use super::{Capture, sqlite_triggers, sync};
use crate::column::BoxedError;

/// How often the writer asks whether another program has committed.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The writer's end of the stream.
#[derive(Debug)]
pub(crate) struct Drain {
    hub: Arc<Hub>,
    capture: Capture,
    notes: Notes,
    /// Whether anything is captured.
    active: bool,
    fingerprint: String,
    /// The version of the schema that was followed, and whether the stream was started then.
    seen: Option<(i64, bool)>,
    /// Whether it could not be followed.
    blind: bool,
    /// Whether the triggers were made by the transaction under way, and go when it is undone.
    fresh: bool,
    version: i64,
    looked_at: Option<Instant>,
}

impl Drain {
    pub(crate) fn new(
        conn: &Connection,
        hub: Arc<Hub>,
        capture: Capture,
    ) -> rusqlite::Result<Self> {
        let mut drain = Self {
            notes: Notes::over(conn)?,
            hub,
            capture,
            active: false,
            fingerprint: String::new(),
            seen: None,
            blind: false,
            fresh: false,
            version: 0,
            looked_at: None,
        };
        drain.refresh(conn);
        Ok(drain)
    }

    /// What the writer's statements leave for it.
    pub(crate) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// Follows the schema, which a migration of this or of another program may have changed; whether what is captured
    /// differs.
    ///
    /// Where the triggers cannot be made, writes go on and the stream is not trusted.
    fn refresh(&mut self, conn: &Connection) -> bool {
        match self.follow(conn) {
            Ok(differs) => differs,
            Err(e) => {
                tracing::error!(error = %e, "what is captured cannot be followed; run the migrations");
                self.blind = true;
                false
            }
        }
    }

    fn follow(&mut self, conn: &Connection) -> Result<bool, BoxedError> {
        let version: i64 = conn
            .prepare_cached("PRAGMA schema_version")?
            .query_row([], |row| row.get(0))?;
        let seen = Some((version, self.hub.is_started()));
        if std::mem::replace(&mut self.seen, seen) == seen {
            return Ok(false);
        }
        // A trigger that does not fit its table any more would fail every write.
        sqlite_triggers::install(conn, &[])?;
        self.fresh = !conn.is_autocommit();
        self.active = false;
        let found = sync::look_sqlite(conn)?;
        let (declarations, fingerprint) = found.unwrap_or_default();
        let tables: Vec<&Captured> = match self.capture {
            Capture::Outbox if self.hub.is_started() => declarations.tables().collect(),
            Capture::Outbox | Capture::App | Capture::Off => Vec::new(),
        };
        for table in &tables {
            sync::check(conn, table)?;
        }
        sqlite_triggers::install(conn, &tables)?;
        self.notes.number(&tables);
        self.active = !tables.is_empty();
        self.hub.declare(declarations);
        self.blind = false;
        Ok(std::mem::replace(&mut self.fingerprint, fingerprint) != self.fingerprint)
    }

    /// A transaction has begun.
    pub(crate) fn begun(&mut self, conn: &Connection) {
        // The first who listens starts the stream, and hears a reset after this commit.
        let heard = self.hub.is_started();
        if heard && self.refresh(conn) && self.looked_at.is_some() {
            self.hub.restart(ResetReason::Redeclared, Instant::now());
        }
        self.notes.begin(heard && self.active);
    }

    /// The transaction was committed: what it has changed is told.
    pub(crate) fn committed(&mut self) {
        let changes = self.notes.take();
        self.publish(changes);
    }

    fn publish(&mut self, changes: Vec<Change>) {
        self.fresh = false;
        if self.hub.is_heard() {
            let id = Some(self.hub.next_id());
            self.hub.commit(Commit { changes, id });
        }
        self.hub.counted();
    }

    /// The transaction was undone.
    pub(crate) fn undone(&mut self) {
        self.notes.begin(false);
        if std::mem::take(&mut self.fresh) {
            self.seen = None;
        }
    }

    /// Work outside of the usual transactions begins, such as migrations.
    pub(crate) fn before_exclusive(&mut self) {
        self.notes.begin(self.hub.is_started() && self.active);
    }

    /// It has ended. It had transactions of its own, and what of them was undone is not known.
    pub(crate) fn after_exclusive(&mut self, conn: &Connection) {
        let changes = self.notes.take_coarse();
        if !changes.is_empty() {
            self.publish(changes);
        }
        let before = self.seen;
        self.refresh(conn);
        // A table that was made anew had no triggers meanwhile.
        if self.seen != before && self.looked_at.is_some() {
            self.hub.restart(ResetReason::Redeclared, Instant::now());
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
        let refreshed = self.refresh(conn);
        if self.blind {
            self.hub.lose();
            return;
        }
        let first = self.looked_at.replace(began).is_none();
        let foreign = std::mem::replace(&mut self.version, version) != version;
        let mut reset = first.then_some(ResetReason::Connected);
        if first {
            self.hub.reached(self.hub.count());
        }
        if foreign && !first {
            if refreshed {
                reset = Some(ResetReason::Redeclared);
            }
            let all = self.hub.declarations();
            let changes = all.tables().map(|captured| Change {
                table: Arc::clone(&captured.table),
                tenant: None,
                what: What::Many,
            });
            self.hub.commit(Commit {
                changes: changes.collect(),
                id: Some(self.hub.next_id()),
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
