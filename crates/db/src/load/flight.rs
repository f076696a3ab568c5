//! The task of one batch: it waits until its callers are in, asks for all of them, and hands the answers out.

use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::{Deadline, TenantId};
use brisk_telemetry::Operation;

use super::answer::{Answer, Keyed, LoadKey};
use super::answers::Answers;
use super::batch::Batch;
use super::declared::Load;
use super::queue::{Place, Queue};
use crate::database::{Db, Engine};
use crate::error::Error;
use crate::observe::Ended;
use crate::session::boxed;
use crate::statement::{Call, Shape};

/// A caller that opened a batch and is not polled again holds the others up for as long as this, once no more come.
/// Longer than the system keeps a thread waiting on a busy machine.
const STUCK: Duration = Duration::from_millis(20);

/// Sees a batch through: waits for its callers, asks, and lets go whose deadline passes meanwhile.
pub(super) async fn drive<K: LoadKey, S: Answer>(
    db: Db,
    load: &'static Load<K, S>,
    place: Place,
    queue: Arc<Queue<K, S>>,
    batch: Arc<Batch<K, S>>,
) {
    let ended = Ending {
        name: load.name(),
        queue: &queue,
        batch: &batch,
    };
    {
        let work = async {
            complete(&batch).await;
            // While others are under way, callers go on coming in.
            let flight = queue.flights.acquire().await;
            queue.close(&batch);
            ask_for(&db, load, place.1, &batch).await;
            drop(flight);
        };
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                () = &mut work => break,
                () = batch.released() => {
                    if queue.close_abandoned(&batch) {
                        break;
                    }
                }
            }
        }
    }
    drop(ended);
    db.loads().tidy(place, &queue);
}

/// Waits until all callers are in, or the one who would tell is stuck.
async fn complete<K: LoadKey, S: Answer>(batch: &Batch<K, S>) {
    let mut before = 0;
    while tokio::time::timeout(STUCK, batch.ticked()).await.is_err() {
        let now = batch.gathered();
        if now == before {
            return;
        }
        before = now;
    }
}

/// Asks for all keys of a batch.
async fn ask_for<K: LoadKey, S: Answer>(
    db: &Db,
    load: &'static Load<K, S>,
    tenant: TenantId,
    batch: &Batch<K, S>,
) {
    let (keys, last) = batch.take();
    let mut answers = Answers::expecting(load, keys.len());
    let of: Vec<_> = keys
        .into_iter()
        .map(|(place, key)| (place, answers.want(key)))
        .collect();
    let deadline = last.map_or(Deadline::NONE, |last| {
        Deadline::after(last.saturating_duration_since(Instant::now()))
    });
    let whole = 0..answers.keys().len();
    let mut parts = vec![whole];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let site = Location::caller();
        let mut call = load.call(tenant, &answers.keys()[part.clone()], deadline, site);
        call.seen = batch.seen();
        match run::<Vec<Keyed<K, S::Row>>>(db, call, tenant).await {
            Ok(rows) => answers.take(rows),
            // One of the keys is at fault; the others need not suffer.
            Err(Error::Statement { .. }) if part.len() > 1 => {
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
            }
            Err(e) => answers.fail(part, e),
        }
    }
    batch.answer(of, answers.into_all());
}

async fn run<S: Shape>(db: &Db, call: Call, tenant: TenantId) -> Result<S::Out, Error> {
    let (name, kinds) = (call.name, call.kinds);
    db.loads().count_statement();
    let began = Instant::now();
    let seen = call.seen.clone();
    let work = async {
        match db.engine() {
            Engine::Sqlite(engine) => engine.run::<S>(call, tenant).await,
            Engine::Postgres(engine) => engine.run::<S>(call, tenant).await,
        }
    };
    let result = match seen {
        Some(seen) => boxed(seen.while_running(work)).await,
        None => work.await,
    };
    let (rows, failure) = match &result {
        Ok((_, rows)) => (*rows, None),
        Err(e) => (0, Some(e)),
    };
    db.meter(&Ended {
        name,
        operation: Operation::Select,
        time: began.elapsed(),
        rows,
        failure,
        kinds,
    });
    result.map(|(out, _)| out)
}

/// However the task of a batch ends, nobody is left waiting.
struct Ending<'a, K: LoadKey, S: Answer> {
    name: &'static str,
    queue: &'a Queue<K, S>,
    batch: &'a Arc<Batch<K, S>>,
}

impl<K: LoadKey, S: Answer> Drop for Ending<'_, K, S> {
    fn drop(&mut self) {
        self.queue.close(self.batch);
        self.batch.fail(|| Error::Unavailable {
            statement: self.name,
            source: None,
        });
    }
}
