-- Which tables report their changes. A migration adds a row for its table, and the triggers follow from the rows:
--   INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
--   VALUES ('civic_issues', 'tenant_id', 'id', 'status, severity');
CREATE TABLE brisk_captured (
    table_name text COLLATE "C" PRIMARY KEY,
    tenant_column text COLLATE "C",
    key_columns text COLLATE "C" NOT NULL,
    columns text COLLATE "C" NOT NULL DEFAULT '',
    -- For which of these the triggers were made, and by which version of the kit; none where there are no triggers.
    made text COLLATE "C"
);

-- Which part of the outbox is written. A sequence, because reading it sees the newest value in every transaction, and
-- turning it leaves no dead rows behind, however long the oldest transaction is open.
CREATE SEQUENCE brisk_outbox_slot MINVALUE 0 MAXVALUE 3 START 0;

-- What changed, until every node has read it. The parts are emptied in turn with TRUNCATE, which gives the space back
-- also while an old transaction keeps VACUUM from doing so. They are not logged: after a crash each node starts anew.
CREATE TABLE brisk_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    slot bigint NOT NULL,
    table_name text COLLATE "C" NOT NULL,
    op text COLLATE "C" NOT NULL,
    tenant_id bigint,
    old_rows text,
    new_rows text,
    PRIMARY KEY (xid, id, slot)
) PARTITION BY LIST (slot);

CREATE UNLOGGED TABLE brisk_outbox_0 PARTITION OF brisk_outbox FOR VALUES IN (0);
CREATE UNLOGGED TABLE brisk_outbox_1 PARTITION OF brisk_outbox FOR VALUES IN (1);
CREATE UNLOGGED TABLE brisk_outbox_2 PARTITION OF brisk_outbox FOR VALUES IN (2);
CREATE UNLOGGED TABLE brisk_outbox_3 PARTITION OF brisk_outbox FOR VALUES IN (3);
