-- Results from outside that are worth keeping over restarts of the program.
CREATE TABLE brisk_cache (
    tenant_id INTEGER NOT NULL,
    id BLOB NOT NULL,
    cache TEXT NOT NULL,
    entry BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX brisk_cache_expired ON brisk_cache (expires_at);
