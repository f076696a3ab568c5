//! What runs beside the database while it is open, and what follows a migration.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use rusqlite::Connection;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::{Client, Config};

use super::change::ResetReason;
use super::drain::LOOK_EVERY;
use super::hub::{Hub, Standing};
use super::{Capture, relay, sync};
use crate::error::Error;

/// The task of one database; ends with it.
#[derive(Debug, Default)]
pub(crate) struct Task(Mutex<Option<JoinHandle<()>>>);

impl Task {
    /// Starts the relay of PostgreSQL.
    pub(crate) fn start_postgres(&self, address: Config, hub: &Arc<Hub>, capture: Capture) {
        match capture {
            Capture::Outbox => {
                let relay = relay::run(address, Arc::clone(hub), capture);
                self.keep(tokio::spawn(relay));
            }
            Capture::App => self.start_app(hub),
            Capture::Off => {}
        }
    }

    /// Makes the writer of SQLite look for the commits of other programs: `knock` must not wait.
    pub(crate) fn start_sqlite(
        &self,
        hub: &Arc<Hub>,
        capture: Capture,
        knock: impl Fn() + Send + 'static,
    ) {
        match capture {
            Capture::Outbox => {}
            Capture::App => return self.start_app(hub),
            Capture::Off => return,
        }
        let hub = Arc::clone(hub);
        self.keep(tokio::spawn(async move {
            let mut ticks = interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                knock();
                if matches!(hub.standing(), Standing::Lost { .. }) {
                    hub.lose();
                }
            }
        }));
    }

    /// There is nothing to look at: what this process does not write it does not hear of.
    fn start_app(&self, hub: &Arc<Hub>) {
        let hub = Arc::clone(hub);
        hub.restart(ResetReason::Connected, Instant::now());
        hub.reached(hub.count());
        self.keep(tokio::spawn(async move {
            let mut ticks = interval(LOOK_EVERY * 10);
            loop {
                ticks.tick().await;
                let look = hub.look();
                hub.looked(look, Instant::now());
            }
        }));
    }

    fn keep(&self, task: JoinHandle<()>) {
        *self.0.lock().expect("no holder of this lock can panic") = Some(task);
    }

    /// Ends it.
    pub(crate) fn stop(&self) {
        let task = self
            .0
            .lock()
            .expect("no holder of this lock can panic")
            .take();
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.stop();
    }
}

fn failed(source: crate::column::BoxedError) -> Error {
    Error::Migration { set: "db", source }
}

/// After the migrations, under their lock: the triggers follow the declarations.
pub(crate) async fn migrated_postgres(
    client: &Client,
    hub: &Hub,
    capture: Capture,
) -> Result<(), Error> {
    hub.declare(sync::sync_postgres(client, capture).await.map_err(failed)?);
    hub.wake.notify_one();
    Ok(())
}

/// The same on SQLite, where the writer makes its triggers by itself: only what cannot be captured is refused.
pub(crate) fn migrated_sqlite(conn: &Connection) -> Result<(), Error> {
    sync::check_sqlite(conn).map_err(failed)
}
