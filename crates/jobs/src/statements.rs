//! Every statement of this crate.

use brisk_core::TenantId;
use brisk_db::{Affected, FromRow, One, statements};
use jiff::Timestamp;
use uuid::Uuid;

use crate::job::{DeadJob, JobId, JobRow};

/// Jobs of one kind in one state.
#[derive(Debug, FromRow)]
pub(crate) struct CountRow {
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) n: i64,
}

statements! {
    prefix "jobs";

    /// Takes up to `limit` due jobs. `ARRAY(...)` is evaluated once; an `IN` might be evaluated for each row.
    pub(crate) CLAIM(kind: String, now: Timestamp, until: Timestamp, owner: Uuid, limit: i64) -> Vec<JobRow>
        = "UPDATE brisk_jobs SET lease_until = $3, lease_owner = $4, attempts = attempts + 1
           WHERE id = ANY(ARRAY(
               SELECT id FROM brisk_jobs
               WHERE kind = $1 AND state = 'ready' AND run_at <= $2 AND (lease_until IS NULL OR lease_until <= $2)
               ORDER BY priority DESC, run_at, id LIMIT $5 FOR UPDATE SKIP LOCKED))
           RETURNING id, tenant_id, payload, priority, attempts, max_attempts, run_at, created_at",
        sqlite "UPDATE brisk_jobs SET lease_until = $3, lease_owner = $4, attempts = attempts + 1
           WHERE id IN (
               SELECT id FROM brisk_jobs
               WHERE kind = $1 AND state = 'ready' AND run_at <= $2 AND (lease_until IS NULL OR lease_until <= $2)
               ORDER BY priority DESC, run_at, id LIMIT $5)
           RETURNING id, tenant_id, payload, priority, attempts, max_attempts, run_at, created_at";

    /// As `CLAIM`, of one tenant.
    pub(crate) CLAIM_OF_TENANT(
        kind: String, now: Timestamp, until: Timestamp, owner: Uuid, limit: i64, tenant: TenantId
    ) -> Vec<JobRow>
        = "UPDATE brisk_jobs SET lease_until = $3, lease_owner = $4, attempts = attempts + 1
           WHERE id = ANY(ARRAY(
               SELECT id FROM brisk_jobs
               WHERE kind = $1 AND tenant_id = $6 AND state = 'ready' AND run_at <= $2
                 AND (lease_until IS NULL OR lease_until <= $2)
               ORDER BY priority DESC, run_at, id LIMIT $5 FOR UPDATE SKIP LOCKED))
           RETURNING id, tenant_id, payload, priority, attempts, max_attempts, run_at, created_at",
        sqlite "UPDATE brisk_jobs SET lease_until = $3, lease_owner = $4, attempts = attempts + 1
           WHERE id IN (
               SELECT id FROM brisk_jobs
               WHERE kind = $1 AND tenant_id = $6 AND state = 'ready' AND run_at <= $2
                 AND (lease_until IS NULL OR lease_until <= $2)
               ORDER BY priority DESC, run_at, id LIMIT $5)
           RETURNING id, tenant_id, payload, priority, attempts, max_attempts, run_at, created_at";

    /// Takes the turn of the tenant whose job is next, among those whose turn nobody has. Of two nodes that choose
    /// the same tenant the second waits for the first one's row, finds its condition false and gets nothing.
    pub(crate) TAKE_TURN(kind: String, now: Timestamp, until: Timestamp, owner: Uuid) -> Option<TenantId>
        = "INSERT INTO brisk_job_turns (kind, tenant_id, owner, until)
           SELECT j.kind, j.tenant_id, $4, $3 FROM brisk_jobs j
           WHERE j.kind = $1 AND j.state = 'ready' AND j.run_at <= $2
             AND (j.lease_until IS NULL OR j.lease_until <= $2)
             AND j.tenant_id NOT IN (SELECT t.tenant_id FROM brisk_job_turns t WHERE t.kind = $1 AND t.until > $2)
           ORDER BY j.priority DESC, j.run_at, j.id LIMIT 1
           ON CONFLICT (kind, tenant_id) DO UPDATE SET owner = excluded.owner, until = excluded.until
           WHERE brisk_job_turns.until <= $2
           RETURNING tenant_id";

    /// Locks our turn until the transaction ends, so that nobody takes it over meanwhile.
    pub(crate) HOLD_TURN(kind: String, tenant: TenantId, owner: Uuid) -> Affected
        = "UPDATE brisk_job_turns SET until = until WHERE kind = $1 AND tenant_id = $2 AND owner = $3";

    /// Gives the turn back.
    pub(crate) FREE_TURN(kind: String, tenant: TenantId, owner: Uuid) -> Affected
        = "DELETE FROM brisk_job_turns WHERE kind = $1 AND tenant_id = $2 AND owner = $3";

    /// Prolongs the turn.
    pub(crate) RENEW_TURN(kind: String, tenant: TenantId, owner: Uuid, until: Timestamp) -> Affected
        = "UPDATE brisk_job_turns SET until = $4 WHERE kind = $1 AND tenant_id = $2 AND owner = $3";

    /// Prolongs the leases.
    pub(crate) RENEW(ids: Vec<i64>, owner: Uuid, until: Timestamp) -> Affected
        = "UPDATE brisk_jobs SET lease_until = $3 WHERE id = ANY($1) AND lease_owner = $2",
        sqlite "UPDATE brisk_jobs SET lease_until = $3
           WHERE id IN (SELECT value FROM json_each($1)) AND lease_owner = $2";

    /// Done jobs go.
    pub(crate) DONE(ids: Vec<i64>, owner: Uuid) -> Affected
        = "DELETE FROM brisk_jobs WHERE id = ANY($1) AND lease_owner = $2",
        sqlite "DELETE FROM brisk_jobs WHERE id IN (SELECT value FROM json_each($1)) AND lease_owner = $2";

    /// Puts a failed job back, unless the same work waits already.
    pub(crate) RETRY(id: JobId, owner: Uuid, run_at: Timestamp, error: String) -> Affected
        = "UPDATE brisk_jobs SET lease_until = NULL, lease_owner = NULL, run_at = $3, last_error = $4
           WHERE id = $1 AND lease_owner = $2 AND NOT EXISTS (
               SELECT 1 FROM brisk_jobs twin
               WHERE twin.tenant_id = brisk_jobs.tenant_id AND twin.kind = brisk_jobs.kind
                 AND twin.dedup_key = brisk_jobs.dedup_key AND twin.state = 'ready' AND twin.lease_until IS NULL)";

    /// Puts back a job that was not started, and takes its attempt back, unless the same work waits already.
    pub(crate) RELEASE(id: JobId, owner: Uuid, attempts: i32) -> Affected
        = "UPDATE brisk_jobs SET lease_until = NULL, lease_owner = NULL, attempts = attempts - $3
           WHERE id = $1 AND lease_owner = $2 AND NOT EXISTS (
               SELECT 1 FROM brisk_jobs twin
               WHERE twin.tenant_id = brisk_jobs.tenant_id AND twin.kind = brisk_jobs.kind
                 AND twin.dedup_key = brisk_jobs.dedup_key AND twin.state = 'ready' AND twin.lease_until IS NULL)";

    /// Drops a job that `RETRY` or `RELEASE` left with us because its twin waits.
    pub(crate) DROP_TWIN(id: JobId, owner: Uuid) -> Affected
        = "DELETE FROM brisk_jobs
           WHERE id = $1 AND lease_owner = $2 AND EXISTS (
               SELECT 1 FROM brisk_jobs twin
               WHERE twin.tenant_id = brisk_jobs.tenant_id AND twin.kind = brisk_jobs.kind
                 AND twin.dedup_key = brisk_jobs.dedup_key AND twin.state = 'ready' AND twin.lease_until IS NULL)";

    /// Gives a job up.
    pub(crate) BURY(id: JobId, owner: Uuid, error: String) -> Affected
        = "UPDATE brisk_jobs SET state = 'dead', lease_until = NULL, lease_owner = NULL, last_error = $3
           WHERE id = $1 AND lease_owner = $2";

    /// A page of dead jobs, oldest first.
    pub(crate) DEAD(kind: String, after: JobId, limit: i64) -> Vec<DeadJob>
        = "SELECT id, tenant_id, kind, payload, attempts, last_error, created_at FROM brisk_jobs
           WHERE state = 'dead' AND kind = $1 AND id > $2 ORDER BY id LIMIT $3";

    /// Gives a dead job all its attempts again, unless the same work waits already.
    pub(crate) REVIVE(id: JobId, run_at: Timestamp) -> Affected
        = "UPDATE brisk_jobs SET state = 'ready', attempts = 0, run_at = $2
           WHERE id = $1 AND state = 'dead' AND NOT EXISTS (
               SELECT 1 FROM brisk_jobs twin
               WHERE twin.tenant_id = brisk_jobs.tenant_id AND twin.kind = brisk_jobs.kind
                 AND twin.dedup_key = brisk_jobs.dedup_key AND twin.state = 'ready' AND twin.lease_until IS NULL)";

    /// Drops dead jobs.
    pub(crate) DROP_DEAD(ids: Vec<i64>) -> Affected
        = "DELETE FROM brisk_jobs WHERE id = ANY($1) AND state = 'dead'",
        sqlite "DELETE FROM brisk_jobs WHERE id IN (SELECT value FROM json_each($1)) AND state = 'dead'";

    /// How many jobs there are; reads the whole index.
    #[slow]
    pub(crate) COUNT() -> Vec<CountRow>
        = "SELECT kind, state, count(*) AS n FROM brisk_jobs GROUP BY kind, state";

    /// How many jobs are not dead.
    #[slow]
    pub(crate) COUNT_OPEN() -> One<i64>
        = "SELECT count(*) FROM brisk_jobs WHERE state = 'ready'";

    /// Takes or keeps a lease.
    pub(crate) LEASE(name: String, owner: Uuid, until: Timestamp, now: Timestamp) -> Affected
        = "INSERT INTO brisk_leases (name, owner, until) VALUES ($1, $2, $3)
           ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
           WHERE brisk_leases.owner = $2 OR brisk_leases.until <= $4";

    /// Gives a lease back.
    pub(crate) FREE_LEASE(name: String, owner: Uuid) -> Affected
        = "DELETE FROM brisk_leases WHERE name = $1 AND owner = $2";

    /// Makes a schedule known.
    pub(crate) SCHEDULE(name: String, next: Timestamp) -> Affected
        = "INSERT INTO brisk_schedules (name, next_run_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

    /// When a schedule is due.
    pub(crate) SCHEDULED(name: String) -> Option<Timestamp>
        = "SELECT next_run_at FROM brisk_schedules WHERE name = $1";

    /// Takes one tick; only one node finds the instant that all of them read.
    pub(crate) TICK(name: String, due: Timestamp, next: Timestamp, now: Timestamp) -> Affected
        = "UPDATE brisk_schedules SET next_run_at = $3, last_run_at = $4 WHERE name = $1 AND next_run_at = $2";
}
