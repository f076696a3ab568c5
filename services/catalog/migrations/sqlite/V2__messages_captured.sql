-- Messages are told to whoever listens to their channel, also those that another program writes.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
VALUES ('catalog_messages', 'tenant_id', 'id', 'channel');
