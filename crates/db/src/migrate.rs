//! Migrations: plain SQL files, one history table for each crate, all under one lock.

use refinery::{Migration, Runner};

use crate::capture::{migrated_postgres, migrated_sqlite};
use crate::database::{Db, Engine};
use crate::error::Error;
use crate::postgres::wall;

/// The kit's own tables, before everybody else's: migrations declare in them what is captured.
const OWN: MigrationSet = crate::migrations!("db");

/// The advisory lock that one migrating node holds on PostgreSQL: "brisk" in ASCII.
const LOCK: i64 = 0x62_7269_736b;

/// The migrations of one crate, as made by [`migrations!`](crate::migrations).
#[derive(Clone, Copy, Debug)]
pub struct MigrationSet {
    /// The crate's short name.
    pub name: &'static str,
    /// The table that remembers what was applied.
    pub history: &'static str,
    /// File names without ending, and texts, for PostgreSQL.
    pub postgres: &'static [(&'static str, &'static str)],
    /// The same for SQLite.
    pub sqlite: &'static [(&'static str, &'static str)],
}

impl MigrationSet {
    fn runner(&self, files: &[(&str, &str)]) -> Result<Runner, Error> {
        let migrations = files
            .iter()
            .map(|(name, sql)| Migration::unapplied(name, sql))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| self.failed(e))?;
        let mut runner = Runner::new(&migrations);
        runner.set_migration_table_name(self.history);
        // A node of the previous release, or one that serves fewer services, meets migrations that it does not have.
        // That is no fault; a file that differs from what was applied is.
        Ok(runner.set_abort_missing(false).set_abort_divergent(true))
    }

    fn failed(&self, source: refinery::Error) -> Error {
        Error::Migration {
            set: self.name,
            source: source.into(),
        }
    }
}

impl Db {
    /// Applies what is missing of this crate's own tables and of each set, in order; answers how many migrations ran.
    /// Then the triggers of change capture are made as the sets have declared.
    ///
    /// # Errors
    ///
    /// [`Error::Migration`] with the file that failed; each migration is applied whole or not at all.
    pub async fn migrate(&self, sets: &[MigrationSet]) -> Result<usize, Error> {
        let sets: Vec<_> = std::iter::once(OWN).chain(sets.iter().copied()).collect();
        let capture = self.capture();
        match self.engine() {
            Engine::Sqlite(engine) => {
                engine
                    .exclusively("db.migrate", move |conn| {
                        let mut applied = 0;
                        for set in &sets {
                            let report = set
                                .runner(set.sqlite)?
                                .run(conn)
                                .map_err(|e| set.failed(e))?;
                            applied += report.applied_migrations().len();
                        }
                        migrated_sqlite(conn)?;
                        Ok(applied)
                    })
                    .await
            }
            Engine::Postgres(engine) => {
                // Given up in the middle, the connection is closed, and the lock goes with it.
                let mut client = engine.checkout("db.migrate").await?;
                let fail = |e| crate::postgres::error("db.migrate", e);
                client
                    .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
                    .await
                    .map_err(fail)?;
                // What a migration changes is of all tenants.
                wall::enter(&client).await.map_err(fail)?;
                let mut applied = 0;
                for set in &sets {
                    let report = set
                        .runner(set.postgres)?
                        .run_async(client.connection())
                        .await
                        .map_err(|e| set.failed(e))?;
                    applied += report.applied_migrations().len();
                }
                migrated_postgres(&client, self.hub(), capture).await?;
                wall::migrated(&client, engine.has_walls()).await?;
                wall::leave(&client).await.map_err(fail)?;
                client
                    .execute("SELECT pg_advisory_unlock($1)", &[&LOCK])
                    .await
                    .map_err(fail)?;
                client.clean();
                Ok(applied)
            }
        }
    }
}
