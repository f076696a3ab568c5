CREATE TABLE brisk_tenants (
    -- AUTOINCREMENT: the number of a deleted tenant never comes back.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('city', 'building', 'campus', 'hotel', 'facility', 'organisation')),
    timezone TEXT NOT NULL DEFAULT 'UTC',
    locale TEXT NOT NULL DEFAULT 'en',
    jurisdiction_id TEXT UNIQUE,
    status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    settings TEXT NOT NULL DEFAULT '{}',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE brisk_api_keys (
    id BLOB PRIMARY KEY,
    tenant_id INTEGER REFERENCES brisk_tenants (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN
        ('reporter', 'agent', 'manager', 'admin', 'importer', 'auditor', 'platform_admin')),
    key_hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    rate_per_min INTEGER CHECK (rate_per_min > 0),
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER,
    created_at INTEGER NOT NULL,
    CHECK ((role = 'platform_admin') = (tenant_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX brisk_api_keys_tenant ON brisk_api_keys (tenant_id, id);
