-- The settings of a tenant are kept in memory until they change.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns)
VALUES ('civic_tenant_config', 'tenant_id', 'tenant_id'),
       ('civic_areas', 'tenant_id', 'id'),
       ('civic_categories', 'tenant_id', 'id'),
       ('civic_calendars', 'tenant_id', 'id'),
       ('civic_sla_policies', 'tenant_id', 'id');
