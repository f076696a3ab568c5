//! PostgreSQL: reads the outbox and tells what is new in it.
//!
//! What is new is found by the difference of two snapshots: rows that can be seen now and whose transaction could not be
//! seen before. Not by the highest number: a transaction that began early and commits late has a low one. And not only
//! below `pg_snapshot_xmin`: one long transaction anywhere in the cluster would hold back every change.
//!
//! The relay keeps its place in memory alone. A node that starts, or that was cut off, begins with a reset; so no node
//! has to be known to the others, and none that vanished holds the outbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::Capture;
use super::change::{Commit, CommitId, Number, Reached, ResetReason, Ticket};
use super::decode::{Decoder, Entry, Op};
use super::hub::{Hub, WATCHDOG};
use super::position::{At, Position};
use super::rotate::Rotation;
use super::snapshot::Snapshot;
use super::sync;
use crate::column::BoxedError;

/// The wait between two looks while there is something to tell, and when there was nothing for a while.
const BUSY: Duration = Duration::from_millis(2);
const IDLE: Duration = Duration::from_millis(10);

/// The same while many write: a look costs the server as much as ten captured updates, so it should find as many.
const CROWDED: Duration = Duration::from_millis(6);

/// What a look finds at least where many write.
const CROWD: usize = 10;

/// The wait before the second attempt to connect; doubles up to [`BACKOFF_CAP`].
const BACKOFF_START: Duration = Duration::from_millis(20);
const BACKOFF_CAP: Duration = Duration::from_millis(500);

/// How often triggers are looked after, and whether there is anything to capture now.
const CARE_EVERY: Duration = Duration::from_secs(1);

/// How long nothing is looked at while nothing is captured.
const REST: Duration = Duration::from_secs(30);

/// Rows of the outbox that one look takes; past that everything before is void.
const MOST_ROWS: usize = 10_000;

// A dump that was restored into a younger server brings rows of transactions that are yet to come; they mean nothing.
const LOOK: &str = "SELECT s.now, s.outbox, s.pid, o.id, o.xid, o.op, o.table_name, o.tenant_id, o.layout, o.before, o.after, o.new_rows
  FROM (SELECT pg_current_snapshot()::text AS now, 'brisk_outbox'::regclass::oid AS outbox, pg_backend_pid() AS pid) s
  LEFT JOIN LATERAL (
    SELECT id, xid::text, op, table_name, tenant_id, layout, before, after, new_rows FROM brisk_outbox
     WHERE xid >= $1::text::xid8 AND xid < pg_snapshot_xmax(pg_current_snapshot())
    UNION ALL
    SELECT id, xid::text, op, table_name, tenant_id, layout, before, after, new_rows FROM brisk_outbox
     WHERE xid = ANY ($2::text[]::xid8[])
    LIMIT 10001
  ) o ON true";

const PEEK: &str =
    "SELECT pg_current_snapshot()::text, 'brisk_outbox'::regclass::oid, pg_backend_pid()";

// Which life of which server this is. Statistics begin anew when a server recovers from a crash that its first process has
// survived.
const ORIGIN: &str = "SELECT concat_ws('/', pg_postmaster_start_time() AT TIME ZONE 'UTC', stats_reset AT TIME ZONE 'UTC',
    'brisk_outbox'::regclass::oid, current_database()) FROM pg_stat_bgwriter";

type Result<T> = std::result::Result<T, BoxedError>;

/// Runs until the task is aborted.
pub(crate) async fn run(address: Config, hub: Arc<Hub>, capture: Capture) {
    let mut backoff = BACKOFF_START;
    let mut relay = Relay {
        hub,
        capture,
        decoder: Decoder::default(),
    };
    loop {
        let ended = relay.connected(&address, &mut backoff).await;
        if let Err(error) = ended {
            tracing::debug!(%error, wait_ms = backoff.as_millis(), "the change stream is cut off");
            relay.mind_the_watchdog();
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_CAP);
        }
    }
}

struct Relay {
    hub: Arc<Hub>,
    capture: Capture,
    decoder: Decoder,
}

/// Where one connection is.
struct Place {
    client: Client,
    peek: Statement,
    look: Statement,
    snapshot: Snapshot,
    /// Which table and which process of the server we talk to.
    server: (u32, i32),
    /// The same for other nodes.
    origin: u64,
    fingerprint: String,
    cared_at: Instant,
    looked_at: Instant,
    rotation: Rotation,
}

/// What a look found.
struct Seen {
    snapshot: Snapshot,
    server: (u32, i32),
    /// Entries by transaction, in the order to tell them.
    commits: Vec<(CommitId, Vec<Entry>)>,
    rows: usize,
}

impl Relay {
    /// Tells of the loss once it has lasted for too long.
    fn mind_the_watchdog(&self) {
        if matches!(self.hub.standing(), super::Standing::Lost { .. }) {
            self.hub.lose();
        }
    }

    /// One connection, from its beginning to its end.
    async fn connected(&mut self, address: &Config, backoff: &mut Duration) -> Result<()> {
        let (client, connection) = {
            let connecting = address.connect(NoTls);
            let minded = async {
                loop {
                    sleep(WATCHDOG / 10).await;
                    self.mind_the_watchdog();
                }
            };
            tokio::select! {
                made = timeout(WATCHDOG, connecting) => made??,
                () = minded => return Ok(()),
            }
        };
        let _connection = Ending(tokio::spawn(async move { drop(connection.await) }));
        let within = |began: Instant| WATCHDOG.saturating_sub(began.elapsed());
        let mut began = Instant::now();
        let Some(mut place) = timeout(within(began), self.begin(client)).await?? else {
            // A migration of this process wakes us, one of another is noticed in time.
            self.hub.rest();
            *backoff = BACKOFF_START;
            drop(timeout(REST, self.hub.wake.notified()).await);
            return Ok(());
        };
        *backoff = BACKOFF_START;
        let (mut pause, mut gap) = (BUSY, BUSY);
        loop {
            drop(timeout(pause, self.hub.wake.notified()).await);
            sleep(gap.saturating_sub(began.elapsed())).await;
            began = Instant::now();
            let left = WATCHDOG.saturating_sub(place.looked_at.elapsed());
            let Ok(looked) = timeout(left, self.look(&mut place, pause == IDLE)).await else {
                self.hub.lose();
                return Err("the database did not answer in time".into());
            };
            let rows = looked?;
            gap = if rows < CROWD { BUSY } else { CROWDED };
            pause = if rows > 0 { gap } else { (pause * 2).min(IDLE) };
            if place.cared_at.elapsed() >= CARE_EVERY {
                place.cared_at = Instant::now();
                let Ok(cared) = timeout(WATCHDOG / 2, self.care(&mut place)).await else {
                    return Err("the database did not answer in time".into());
                };
                cared?;
            }
        }
    }

    /// Finds the place to begin at; none where nothing is captured.
    async fn begin(&self, client: Client) -> Result<Option<Place>> {
        if self.capture != Capture::Outbox || !sync::is_installed(&client).await? {
            return Ok(None);
        }
        // The outbox is emptied behind the back of the statistics: a plan without the index would read all of it.
        client
            .batch_execute(
                "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off;
                 SET plan_cache_mode = force_generic_plan",
            )
            .await?;
        let found = sync::look_postgres(&client).await?;
        if found.declarations.is_empty() {
            return Ok(None);
        }
        if !found.blind.is_empty() {
            self.hub.lose();
            return Err(format!("captured tables lack their triggers: {:?}", found.blind).into());
        }
        self.hub.declare(found.declarations);
        let look = client.prepare(LOOK).await?;
        let origin = origin(&client).await?;
        let began = Instant::now();
        let ticket = self.hub.look();
        let peek = client.prepare(PEEK).await?;
        let now = client.query_one(&peek, &[]).await?;
        let snapshot: Snapshot = now.get::<_, String>(0).parse()?;
        let place = Place {
            client,
            peek,
            look,
            server: (now.get(1), now.get(2)),
            origin,
            fingerprint: found.fingerprint,
            cared_at: began,
            looked_at: began,
            rotation: Rotation::default(),
            snapshot,
        };
        self.hub.restart(ResetReason::Connected, began);
        self.hub.looked(ticket, began);
        self.hub.reached_with(place.reached(ticket));
        Ok(Some(place))
    }

    /// Reads what is new and tells it; answers how many rows there were.
    ///
    /// Where nothing is expected it first asks for the snapshot alone, which costs the server a third.
    async fn look(&mut self, place: &mut Place, idle: bool) -> Result<usize> {
        let began = Instant::now();
        let ticket = self.hub.look();
        if idle {
            let now = place.client.query_one(&place.peek, &[]).await?;
            let unchanged = now.try_get::<_, &str>(0)? == place.snapshot.to_string()
                && place.server == (now.try_get(1)?, now.try_get(2)?);
            if unchanged {
                place.looked_at = began;
                self.hub.looked(ticket, began);
                self.hub.reached_with(place.reached(ticket));
                return Ok(0);
            }
        }
        let seen = self.read(place).await?;
        let mut reset = None;
        let before = std::mem::replace(&mut place.snapshot, seen.snapshot);
        if std::mem::replace(&mut place.server, seen.server) != seen.server
            || before.xmax() > place.snapshot.xmax()
        {
            reset = Some(ResetReason::Restored);
        }
        if seen.rows > MOST_ROWS {
            reset = Some(ResetReason::Flood);
        }
        for (id, entries) in &seen.commits {
            let mut changes = Vec::with_capacity(entries.len());
            for entry in entries {
                match entry.op {
                    Op::Redeclared => reset = Some(ResetReason::Redeclared),
                    Op::Pruned => {
                        let gone = entry.note.as_deref().unwrap_or_default().parse();
                        if !gone.is_ok_and(|gone| before.includes(&gone)) {
                            reset = Some(ResetReason::Pruned);
                        }
                    }
                    Op::Rows | Op::Many | Op::Whole => {}
                }
                self.decoder.decode(entry, &mut changes);
            }
            if reset.is_none() {
                self.hub.commit(Commit {
                    changes,
                    id: Some(*id),
                });
            }
        }
        if let Some(reason) = reset {
            tracing::info!(reason = reason.as_str(), "the change stream begins anew");
            if reason == ResetReason::Redeclared {
                self.redeclare(place).await?;
            }
            if reason == ResetReason::Restored {
                place.origin = origin(&place.client).await?;
            }
            self.hub.restart(reason, began);
        }
        place.looked_at = began;
        self.hub.looked(ticket, began);
        self.hub.reached_with(place.reached(ticket));
        Ok(seen.rows)
    }

    async fn read(&mut self, place: &Place) -> Result<Seen> {
        let from = place.snapshot.xmax().to_string();
        let running: Vec<String> = place
            .snapshot
            .running()
            .iter()
            .map(u64::to_string)
            .collect();
        let rows = place.client.query(&place.look, &[&from, &running]).await?;
        let first = rows.first().ok_or("the server answered nothing at all")?;
        let mut seen = Seen {
            snapshot: first.try_get::<_, &str>(0)?.parse()?,
            server: (first.try_get(1)?, first.try_get(2)?),
            commits: Vec::new(),
            rows: 0,
        };
        let mut entries: HashMap<&str, Vec<(i64, Entry)>> = HashMap::new();
        for row in &rows {
            let Some(id) = row.try_get::<_, Option<i64>>(3)? else {
                break;
            };
            seen.rows += 1;
            entries.entry(row.try_get(4)?).or_default().push((
                id,
                Entry {
                    op: Op::of(row.try_get(5)?),
                    table: self.decoder.name(row.try_get(6)?),
                    tenant: row.try_get(7)?,
                    layout: row.try_get(8)?,
                    before: row.try_get::<_, Option<_>>(9)?.unwrap_or_default(),
                    after: row.try_get::<_, Option<_>>(10)?.unwrap_or_default(),
                    note: row.try_get(11)?,
                },
            ));
        }
        let mut commits = Vec::with_capacity(entries.len());
        for (xid, mut commit) in entries {
            commit.sort_unstable_by_key(|(id, _)| *id);
            commits.push((CommitId(Number::Transaction(xid.parse()?)), commit));
        }
        // Of two that changed one row, the one that came second waited for the first to commit and wrote its last
        // entry after that.
        commits.sort_unstable_by_key(|(_, commit)| commit.last().map(|(id, _)| *id));
        let plain = |(xid, commit): (CommitId, Vec<(i64, Entry)>)| {
            (xid, commit.into_iter().map(|(_, e)| e).collect())
        };
        seen.commits = commits.into_iter().map(plain).collect();
        Ok(seen)
    }

    /// Looks after the triggers and the size of the outbox.
    async fn care(&mut self, place: &mut Place) -> Result<()> {
        let found = sync::look_postgres(&place.client).await?;
        if found.fingerprint != place.fingerprint {
            self.redeclare(place).await?;
            // Somebody may have written while there were no triggers.
            self.hub.restart(ResetReason::Redeclared, place.looked_at);
        }
        place.rotation.turn(&place.client, &place.snapshot).await
    }

    async fn redeclare(&self, place: &mut Place) -> Result<()> {
        let found = sync::look_postgres(&place.client).await?;
        if found.declarations.is_empty() || !found.blind.is_empty() {
            self.hub.lose();
            return Err(format!("captured tables lack their triggers: {:?}", found.blind).into());
        }
        place.fingerprint = found.fingerprint;
        self.hub.declare(found.declarations);
        Ok(())
    }
}

impl Place {
    fn reached(&self, look: Ticket) -> Reached {
        Reached {
            position: Position(At::Snapshot(self.snapshot.clone())),
            origin: self.origin,
            look,
        }
    }
}

async fn origin(client: &Client) -> Result<u64> {
    let row = client.query_one(ORIGIN, &[]).await?;
    let digest = Sha256::digest(row.try_get::<_, &str>(0)?);
    Ok(u64::from_be_bytes(std::array::from_fn(|i| digest[i])))
}

/// Ends a connection's task with its user.
struct Ending(tokio::task::JoinHandle<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
