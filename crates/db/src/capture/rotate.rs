//! Keeps the outbox on PostgreSQL small: its parts are filled in turn and emptied with TRUNCATE.
//!
//! TRUNCATE gives the space back whatever old transactions are open, which VACUUM cannot. Any node does it, one at a
//! time. A part is emptied when all its rows were committed well before: every relay reads many times a second, and one
//! that did not is lost and begins anew. That is only the rule for when; that no change is lost does not depend on it:
//! whoever empties a part leaves in it the snapshot that says what may be gone, and a relay that had not seen all of
//! that begins anew.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::metrics;
use super::snapshot::Snapshot;
use crate::column::BoxedError;

/// How long a committed row stays at least.
const KEEP: Duration = Duration::from_secs(5);

/// A part that is larger is not written any more, so that it can be emptied.
const FULL_BYTES: i64 = 4 << 20;

/// A part that is smaller holds little more than its note: table, overflow table and their indexes have a page or two.
const EMPTY_BYTES: i64 = 64 << 10;

/// The advisory lock of the node that does it: "outbox" in ASCII.
const LOCK: i64 = 0x6f75_7462_6f78;

/// The parts, as the migration makes them.
const PARTS: i64 = 4;

/// What one relay remembers of its snapshots.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    taken: VecDeque<(Instant, Snapshot)>,
}

type Result<T> = std::result::Result<T, BoxedError>;

impl Rotation {
    /// Empties what can be emptied, and turns to an empty part when the one in use is full. Never waits for a lock.
    pub(super) async fn turn(&mut self, client: &Client, now: &Snapshot) -> Result<()> {
        self.taken.push_back((Instant::now(), now.clone()));
        let mut old = None;
        while self
            .taken
            .front()
            .is_some_and(|(at, _)| at.elapsed() >= KEEP)
        {
            old = self.taken.pop_front().map(|(_, snapshot)| snapshot);
        }
        let rows = client
            .query(
                "SELECT p.part, s.last_value, pg_total_relation_size('brisk_outbox_' || p.part)
                   FROM generate_series(0, $1::bigint - 1) AS p (part), brisk_outbox_slot s ORDER BY p.part",
                &[&PARTS],
            )
            .await?;
        let mut sizes = Vec::with_capacity(rows.len());
        let mut current = 0;
        for row in &rows {
            current = row.try_get::<_, i64>(1)?;
            sizes.push((row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(2)?));
        }
        metrics::outbox(sizes.iter().map(|(_, bytes)| bytes).sum());
        let is_empty = |bytes: i64| bytes <= EMPTY_BYTES;
        let in_use = sizes.iter().find(|(part, _)| *part == current);
        let full = in_use.is_some_and(|(_, bytes)| *bytes > FULL_BYTES);
        let others = sizes.iter().filter(|(part, _)| *part != current);
        for (part, bytes) in others {
            if is_empty(*bytes) && full {
                client
                    .execute("SELECT setval('brisk_outbox_slot', $1)", &[part])
                    .await?;
                break;
            }
            if let Some(old) = &old
                && !is_empty(*bytes)
                && !empty(client, *part, old).await?
            {
                tracing::debug!(part, bytes, "a part of the outbox cannot be emptied yet");
            }
        }
        Ok(())
    }
}

/// Empties one part, unless somebody uses it or it holds what not everybody has read; says whether.
async fn empty(client: &Client, part: i64, old: &Snapshot) -> Result<bool> {
    client.batch_execute("BEGIN").await?;
    let result = emptied(client, part, old).await;
    let end = match result {
        Ok(true) => "COMMIT",
        Ok(false) | Err(_) => "ROLLBACK",
    };
    client.batch_execute(end).await?;
    match result {
        Err(e) if e.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
        result => Ok(result?),
    }
}

async fn emptied(
    client: &Client,
    part: i64,
    old: &Snapshot,
) -> std::result::Result<bool, tokio_postgres::Error> {
    let turn = client
        .query_one("SELECT pg_try_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    if !turn.get::<_, bool>(0) {
        return Ok(false);
    }
    // From here on nobody has uncommitted rows in it, and nobody adds any.
    client
        .batch_execute(&format!(
            "LOCK TABLE brisk_outbox_{part} IN ACCESS EXCLUSIVE MODE NOWAIT"
        ))
        .await?;
    let running: Vec<String> = old.running().iter().map(u64::to_string).collect();
    let unread = client
        .query_one(
            &format!(
                "SELECT EXISTS (SELECT FROM brisk_outbox_{part}
                                 WHERE xid >= $1::text::xid8 AND xid < pg_snapshot_xmax(pg_current_snapshot()))
                     OR EXISTS (SELECT FROM brisk_outbox_{part} WHERE xid = ANY ($2::text[]::xid8[]))"
            ),
            &[&old.xmax().to_string(), &running],
        )
        .await?;
    if unread.get::<_, bool>(0) {
        return Ok(false);
    }
    client
        .batch_execute(&format!(
            "TRUNCATE brisk_outbox_{part};
             INSERT INTO brisk_outbox (slot, table_name, op, new_rows) VALUES ({part}, '', 'P', '{old}')"
        ))
        .await?;
    Ok(true)
}
