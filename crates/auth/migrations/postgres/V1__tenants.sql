CREATE TABLE brisk_tenants (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('city', 'building', 'campus', 'hotel', 'facility', 'organisation')),
    timezone text COLLATE "C" NOT NULL DEFAULT 'UTC',
    locale text COLLATE "C" NOT NULL DEFAULT 'en',
    jurisdiction_id text COLLATE "C" UNIQUE,
    status text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE brisk_api_keys (
    id uuid PRIMARY KEY,
    tenant_id bigint REFERENCES brisk_tenants (id),
    name text NOT NULL,
    role text COLLATE "C" NOT NULL CHECK (role IN
        ('reporter', 'agent', 'manager', 'admin', 'importer', 'auditor', 'platform_admin')),
    key_hash bytea NOT NULL UNIQUE,
    prefix text COLLATE "C" NOT NULL,
    rate_per_min integer CHECK (rate_per_min > 0),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL,
    CHECK ((role = 'platform_admin') = (tenant_id IS NULL))
);

CREATE INDEX brisk_api_keys_tenant ON brisk_api_keys (tenant_id, id);
