//! A transaction on a connection of its own.

use std::fmt::Write as _;
use std::time::Duration;

use brisk_core::TenantId;

use super::held::Held;
use super::pipeline;
use super::pool::{again, plain, run};
use super::wall;
use crate::batch::{Batch, Outcome};
use crate::error::Error;
use crate::statement::{Call, Shape};

/// How transactions begin. Behind a pooler they bring the limits along that a session has elsewhere, and with row security
/// they say whose rows they are for.
#[derive(Clone, Debug, Default)]
pub(super) struct Begin {
    limits: String,
    walls: bool,
}

impl Begin {
    /// Each of them with these limits, set for the transaction alone.
    pub(super) fn with_limits(limits: &[(&str, Duration)]) -> Self {
        let mut text = String::new();
        for (setting, limit) in limits {
            // 0 would mean no limit.
            let limit = limit.as_millis().max(1);
            write!(text, "; SET LOCAL {setting} = {limit}")
                .expect("writing to a String cannot fail");
        }
        Self {
            limits: text,
            walls: false,
        }
    }

    /// The same with row security, or without.
    pub(super) fn with_walls(self, walls: bool) -> Self {
        Self { walls, ..self }
    }

    /// Whether each statement needs a transaction, which says whose rows it is for.
    pub(super) const fn has_walls(&self) -> bool {
        self.walls
    }

    pub(super) fn text(&self, begin: &str, tenant: TenantId) -> String {
        let limits = &self.limits;
        if self.walls {
            format!("{begin}{limits}{}", wall::within(tenant))
        } else {
            format!("{begin}{limits}")
        }
    }
}

/// Dropped before its end, the connection is closed, which undoes it.
#[derive(Debug)]
pub(crate) struct PostgresTransaction(Held);

impl PostgresTransaction {
    pub(super) const fn new(connection: Held) -> Self {
        Self(connection)
    }

    pub(crate) async fn run<S: Shape>(&self, call: Call) -> Result<(S::Out, u64), Error> {
        run::<S>(&self.0, &call).await.map_err(again)
    }

    pub(crate) async fn batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        pipeline::run(&self.0, batch, pipeline::Frame::Inside)
            .await
            .map_err(again)
    }

    /// Sets a savepoint.
    pub(crate) async fn savepoint(&self) -> Result<(), Error> {
        self.plain("SAVEPOINT brisk").await
    }

    /// Gives the latest savepoint up, and with `undo` what came after it.
    pub(crate) async fn leave_savepoint(&self, undo: bool) -> Result<(), Error> {
        self.plain(if undo {
            "ROLLBACK TO SAVEPOINT brisk; RELEASE SAVEPOINT brisk"
        } else {
            "RELEASE SAVEPOINT brisk"
        })
        .await
    }

    async fn plain(&self, text: &'static str) -> Result<(), Error> {
        let statement = "db.savepoint";
        if self.0.is_spoiled() {
            return Err(Error::Unavailable {
                statement,
                source: None,
            });
        }
        plain(&self.0, statement, text).await
    }

    pub(crate) async fn commit(&self) -> Result<(), Error> {
        plain(&self.0, "db.commit", "COMMIT").await?;
        self.0.clean();
        Ok(())
    }

    pub(crate) async fn rollback(&self) -> Result<(), Error> {
        if self.0.is_spoiled() {
            // Closing it does the same.
            return Ok(());
        }
        plain(&self.0, "db.rollback", "ROLLBACK").await?;
        self.0.clean();
        Ok(())
    }
}
