-- Results from outside that are worth keeping over restarts of the program. They can be had again, so no change of them is
-- logged: after a crash of the server the table is empty.
CREATE UNLOGGED TABLE brisk_cache (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    cache text COLLATE "C" NOT NULL,
    entry bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX brisk_cache_expired ON brisk_cache (expires_at);
