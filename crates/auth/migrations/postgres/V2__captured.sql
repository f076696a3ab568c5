-- What is looked up for each request is kept in memory until it changes.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns)
VALUES ('brisk_tenants', 'id', 'id'), ('brisk_api_keys', NULL, 'id');
