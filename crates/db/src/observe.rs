//! Every statement is counted: in the request's ledger, in the metrics and, where it was slow, in the log.

use std::sync::Arc;
use std::time::Duration;

use brisk_core::Scope;
use brisk_telemetry::{Operation, PerfStats};

use crate::database::{Db, Engine};
use crate::error::Error;
use crate::value::Kind;

/// One statement that ended.
pub(crate) struct Ended<'a> {
    pub(crate) name: &'static str,
    pub(crate) operation: Operation,
    pub(crate) time: Duration,
    pub(crate) rows: u64,
    pub(crate) failure: Option<&'a Error>,
    /// The parameters' types; the log never shows their values.
    pub(crate) kinds: fn() -> Vec<Kind>,
}

impl Db {
    /// Measures every statement from now on with `perf`; without it only requests' ledgers are kept. Once for each
    /// database: a second call changes nothing.
    pub fn measure(&self, perf: Arc<PerfStats>) {
        if let Engine::Postgres(engine) = self.engine() {
            engine.write_aliases(perf.seed_aliases());
            let db = self.downgrade();
            perf.show_pools(move || {
                let pools = db.upgrade()?.pools();
                serde_json::to_value(pools).ok()
            });
        }
        if self.perf().set(perf).is_err() {
            tracing::debug!("the database is measured already");
        }
    }

    /// Who measures it, once somebody does.
    pub fn measured(&self) -> Option<&Arc<PerfStats>> {
        self.perf().get()
    }

    /// Counts a transaction that lost against another one and is tried again, as `db.retry` with the time lost.
    pub(crate) fn retried(&self, lost: Duration) {
        if let Some(perf) = self.perf().get() {
            let meter = perf.statement("db.retry", self.system().as_str(), Operation::Other);
            meter.observe(lost, 0, false);
        }
    }

    /// Notes one statement that ended.
    pub(crate) fn observe(&self, scope: &Scope, ended: &Ended<'_>) {
        scope.ledger().statement(ended.name, ended.rows, ended.time);
        self.meter(ended);
    }

    /// The same for a statement that several requests share: their ledgers are kept by themselves.
    pub(crate) fn meter(&self, ended: &Ended<'_>) {
        let ok = ended.failure.is_none();
        if let Some(perf) = self.perf().get() {
            let meter = perf.statement(ended.name, self.system().as_str(), ended.operation);
            meter.observe(ended.time, ended.rows, ok);
        }
        if ended.time >= self.slow_threshold() {
            tracing::warn!(
                statement = ended.name,
                elapsed_ms = u64::try_from(ended.time.as_millis()).unwrap_or(u64::MAX),
                rows = ended.rows,
                parameters = ?(ended.kinds)(),
                failed = !ok,
                "a statement was slow"
            );
        }
    }
}
