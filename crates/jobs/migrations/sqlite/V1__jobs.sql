CREATE TABLE brisk_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    dedup_key TEXT,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 8 CHECK (max_attempts > 0),
    run_at INTEGER NOT NULL,
    lease_until INTEGER,
    lease_owner BLOB,
    state TEXT NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'dead')),
    last_error TEXT,
    created_at INTEGER NOT NULL
) STRICT;

-- The same pending work exists once; a job that runs no longer counts as pending.
CREATE UNIQUE INDEX brisk_jobs_pending ON brisk_jobs (tenant_id, kind, dedup_key)
    WHERE dedup_key IS NOT NULL AND state = 'ready' AND lease_until IS NULL;

CREATE INDEX brisk_jobs_due ON brisk_jobs (kind, priority DESC, run_at, id) WHERE state = 'ready';

CREATE INDEX brisk_jobs_due_tenant ON brisk_jobs (kind, tenant_id, priority DESC, run_at, id) WHERE state = 'ready';

CREATE INDEX brisk_jobs_dead ON brisk_jobs (kind, id) WHERE state = 'dead';

-- Who works for a tenant in a kind that runs one batch of a tenant at a time.
CREATE TABLE brisk_job_turns (
    kind TEXT NOT NULL,
    tenant_id INTEGER NOT NULL,
    owner BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE brisk_leases (
    name TEXT PRIMARY KEY,
    owner BLOB NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE brisk_schedules (
    name TEXT PRIMARY KEY,
    next_run_at INTEGER NOT NULL,
    last_run_at INTEGER
) STRICT, WITHOUT ROWID;
