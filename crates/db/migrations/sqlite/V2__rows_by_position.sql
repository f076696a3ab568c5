-- Triggers of the writer's own connection keep what changed in memory; nothing of it lies in the file.
DROP TABLE brisk_outbox;
