-- Those who run the installation are a tenant too, and a tenant may be on its way out.
ALTER TABLE brisk_tenants DROP CONSTRAINT brisk_tenants_kind_check;
ALTER TABLE brisk_tenants ADD CONSTRAINT brisk_tenants_kind_check
    CHECK (kind IN ('city', 'building', 'campus', 'hotel', 'facility', 'organisation', 'system'));
ALTER TABLE brisk_tenants DROP CONSTRAINT brisk_tenants_status_check;
ALTER TABLE brisk_tenants ADD CONSTRAINT brisk_tenants_status_check
    CHECK (status IN ('active', 'suspended', 'deleting'));
ALTER TABLE brisk_tenants ADD COLUMN deleted_at timestamptz;
CREATE UNIQUE INDEX brisk_tenants_system ON brisk_tenants (kind) WHERE kind = 'system';
