-- The rows of one statement before and after the change, each as a JSON array of its values: of tenant, key and declared
-- columns, in the order that `layout` names. `new_rows` is left for notes of the outbox's own; nothing writes `old_rows`
-- any more.
ALTER TABLE brisk_outbox ADD COLUMN layout text COLLATE "C";
ALTER TABLE brisk_outbox ADD COLUMN before text[];
ALTER TABLE brisk_outbox ADD COLUMN after text[];
