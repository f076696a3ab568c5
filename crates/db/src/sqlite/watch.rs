//! Stops a statement that nobody waits for any more.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use rusqlite::Connection;

/// SQLite asks after this many of its instructions; well under a millisecond of work.
const PROGRESS_OPS: i32 = 20_000;

/// What is asked while a statement runs; shared by a connection's thread and SQLite's progress handler.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Until>>);

/// When the running statement must stop.
#[derive(Default)]
struct Until {
    end: Option<Instant>,
    gone: Option<Box<dyn Fn() -> bool + Send>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    /// Watches the statements of `conn`.
    pub(super) fn over(conn: &mut Connection) -> Self {
        let watch = Self::default();
        let asked = watch.clone();
        if conn
            .progress_handler(PROGRESS_OPS, Some(move || asked.is_over()))
            .is_err()
        {
            tracing::warn!("statements on this connection cannot be interrupted at their deadline");
        }
        watch
    }

    /// From now on statements stop at `end`, and as soon as `gone` says that their caller left.
    pub(super) fn start(&self, end: Option<Instant>, gone: impl Fn() -> bool + Send + 'static) {
        *self.until() = Until {
            end,
            gone: Some(Box::new(gone)),
        };
    }

    /// From now on statements may take as long as they take.
    pub(super) fn stop(&self) {
        *self.until() = Until::default();
    }

    fn is_over(&self) -> bool {
        let until = self.until();
        until.end.is_some_and(|end| Instant::now() > end)
            || until.gone.as_ref().is_some_and(|gone| gone())
    }

    fn until(&self) -> MutexGuard<'_, Until> {
        self.0.lock().expect("no holder of this lock can panic")
    }
}
