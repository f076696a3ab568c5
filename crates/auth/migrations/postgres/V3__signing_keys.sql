-- Keys that sign our own tokens. `kid` is the RFC 7638 thumbprint of the public part; the private part is sealed with a
-- key that is derived from the master key, and erased once the key is retired.
CREATE TABLE brisk_signing_keys (
    kid text COLLATE "C" PRIMARY KEY,
    alg text COLLATE "C" NOT NULL CHECK (alg IN ('ES256', 'EdDSA', 'RS256')),
    public_jwk jsonb NOT NULL,
    private_enc bytea,
    state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'retired')),
    created_at timestamptz NOT NULL,
    activate_at timestamptz NOT NULL,
    retire_at timestamptz,
    purge_at timestamptz,
    CHECK ((state = 'retired') = (private_enc IS NULL))
);

CREATE UNIQUE INDEX brisk_signing_keys_active ON brisk_signing_keys (alg) WHERE state = 'active';
CREATE UNIQUE INDEX brisk_signing_keys_pending ON brisk_signing_keys (alg) WHERE state = 'pending';

-- Its key alone: no column of it is told, least of all the private part.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns)
VALUES ('brisk_signing_keys', NULL, 'kid');
