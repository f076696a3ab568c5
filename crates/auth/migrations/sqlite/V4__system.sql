-- Those who run the installation are a tenant too, and a tenant may be on its way out. What was allowed stays allowed, so the
-- text of the table is changed in place: https://www.sqlite.org/lang_altertable.html#otheralter
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(sql,
    '''facility'', ''organisation'')', '''facility'', ''organisation'', ''system'')'),
    '(''active'', ''suspended'')', '(''active'', ''suspended'', ''deleting'')')
  WHERE type = 'table' AND name = 'brisk_tenants';
PRAGMA writable_schema = RESET;
ALTER TABLE brisk_tenants ADD COLUMN deleted_at INTEGER;
CREATE UNIQUE INDEX brisk_tenants_system ON brisk_tenants (kind) WHERE kind = 'system';
