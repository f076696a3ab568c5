CREATE TABLE brisk_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    dedup_key text COLLATE "C",
    payload jsonb NOT NULL,
    priority integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 8 CHECK (max_attempts > 0),
    run_at timestamptz NOT NULL,
    lease_until timestamptz,
    lease_owner uuid,
    state text COLLATE "C" NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'dead')),
    last_error text,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- The same pending work exists once; a job that runs no longer counts as pending.
CREATE UNIQUE INDEX brisk_jobs_pending ON brisk_jobs (tenant_id, kind, dedup_key)
    WHERE dedup_key IS NOT NULL AND state = 'ready' AND lease_until IS NULL;

CREATE INDEX brisk_jobs_due ON brisk_jobs (kind, priority DESC, run_at, id) WHERE state = 'ready';

CREATE INDEX brisk_jobs_due_tenant ON brisk_jobs (kind, tenant_id, priority DESC, run_at, id) WHERE state = 'ready';

CREATE INDEX brisk_jobs_dead ON brisk_jobs (kind, id) WHERE state = 'dead';

-- Who works for a tenant in a kind that runs one batch of a tenant at a time.
CREATE TABLE brisk_job_turns (
    kind text COLLATE "C" NOT NULL,
    tenant_id bigint NOT NULL,
    owner uuid NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (kind, tenant_id)
);

CREATE TABLE brisk_leases (
    name text COLLATE "C" PRIMARY KEY,
    owner uuid NOT NULL,
    until timestamptz NOT NULL
);

CREATE TABLE brisk_schedules (
    name text COLLATE "C" PRIMARY KEY,
    next_run_at timestamptz NOT NULL,
    last_run_at timestamptz
);
