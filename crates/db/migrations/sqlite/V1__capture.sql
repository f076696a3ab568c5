-- Which tables report their changes. A migration adds a row for its table, and the triggers follow from the rows:
--   INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
--   VALUES ('civic_issues', 'tenant_id', 'id', 'status, severity');
CREATE TABLE brisk_captured (
    table_name TEXT PRIMARY KEY,
    tenant_column TEXT,
    key_columns TEXT NOT NULL,
    columns TEXT NOT NULL DEFAULT '',
    -- For which of these the triggers were made, and by which version of the kit; none where there are no triggers.
    made TEXT
) STRICT, WITHOUT ROWID;

-- What changed in the transaction under way. The writer empties it before each of its commits, so what is found in it
-- otherwise was written by another program. `xid` and `slot` have a meaning on PostgreSQL only.
CREATE TABLE brisk_outbox (
    id INTEGER PRIMARY KEY,
    xid INTEGER,
    slot INTEGER,
    table_name TEXT NOT NULL,
    op TEXT NOT NULL,
    tenant_id INTEGER,
    old_rows TEXT,
    new_rows TEXT
) STRICT;
