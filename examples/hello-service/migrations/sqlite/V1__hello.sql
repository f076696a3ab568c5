CREATE TABLE hello_notes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  text TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
  created_at INTEGER NOT NULL,
  UNIQUE (tenant_id, id)
) STRICT;

-- Whoever changes a row, kept answers that were made of it end.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
VALUES ('hello_notes', 'tenant_id', 'id', '');
