//! Every statement is counted: in the request's ledger and in the slow log.

use std::time::Duration;

use brisk_core::Scope;

use crate::database::Db;
use crate::error::Error;
use crate::value::Kind;

impl Db {
    /// Notes one statement that ended.
    pub(crate) fn observe(
        &self,
        scope: &Scope,
        name: &'static str,
        time: Duration,
        rows: u64,
        failure: Option<&Error>,
        kinds: fn() -> Vec<Kind>,
    ) {
        scope.ledger().statement(name, rows, time);
        if time >= self.slow_threshold() {
            tracing::warn!(
                statement = name,
                elapsed_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
                rows,
                parameters = ?kinds(),
                failed = failure.is_some(),
                "a statement was slow"
            );
        }
    }
}
