-- Keys that sign our own tokens. `kid` is the RFC 7638 thumbprint of the public part; the private part is sealed with a
-- key that is derived from the master key, and erased once the key is retired.
CREATE TABLE brisk_signing_keys (
    kid TEXT PRIMARY KEY,
    alg TEXT NOT NULL CHECK (alg IN ('ES256', 'EdDSA', 'RS256')),
    public_jwk TEXT NOT NULL,
    private_enc BLOB,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'retired')),
    created_at INTEGER NOT NULL,
    activate_at INTEGER NOT NULL,
    retire_at INTEGER,
    purge_at INTEGER,
    CHECK ((state = 'retired') = (private_enc IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX brisk_signing_keys_active ON brisk_signing_keys (alg) WHERE state = 'active';
CREATE UNIQUE INDEX brisk_signing_keys_pending ON brisk_signing_keys (alg) WHERE state = 'pending';

-- Its key alone: no column of it is told, least of all the private part.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns)
VALUES ('brisk_signing_keys', NULL, 'kid');
