-- The conditions of indexes in the words that both engines recognise cheaply; SQLite's file says why.
DROP INDEX idx_issues_rank;
DROP INDEX idx_issues_cell;
DROP INDEX idx_issues_place;
CREATE INDEX idx_issues_rank ON civic_issues (tenant_id, priority DESC, id DESC)
  WHERE status <> 'closed' AND status <> 'resolved';
CREATE INDEX idx_issues_cell ON civic_issues (tenant_id, grid_cell) WHERE status <> 'closed';
CREATE INDEX idx_issues_place ON civic_issues (tenant_id, location_norm) WHERE status <> 'closed';
