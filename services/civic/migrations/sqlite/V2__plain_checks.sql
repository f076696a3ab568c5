-- What SQLite checks at each written row.
--
-- For a list of more than two words SQLite builds a small table in memory, at each row and for each list; a chain of
-- comparisons needs none. That took a fifth of the time of an import. What is checked stays the same, so the rows need not
-- be looked at, and the texts of the tables are changed in place:
-- https://www.sqlite.org/lang_altertable.html#otheralter
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(sql,
    'category IN (''safety'', ''infrastructure'', ''sanitation'', ''maintenance'', ''noise'', ''other'')',
    'category = ''safety'' OR category = ''infrastructure'' OR category = ''sanitation'' OR category = ''maintenance'' OR category = ''noise'' OR category = ''other'''),
    'severity IN (''low'', ''medium'', ''high'', ''critical'')',
    'severity = ''low'' OR severity = ''medium'' OR severity = ''high'' OR severity = ''critical'''),
    'status IN (''open'', ''acknowledged'', ''in-progress'', ''on-hold'', ''resolved'', ''closed'')',
    'status = ''open'' OR status = ''acknowledged'' OR status = ''in-progress'' OR status = ''on-hold'' OR status = ''resolved'' OR status = ''closed''')
  WHERE type = 'table' AND name IN ('civic_issues');
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(replace(sql,
    'category IN (''safety'', ''infrastructure'', ''sanitation'', ''maintenance'', ''noise'', ''other'')',
    'category = ''safety'' OR category = ''infrastructure'' OR category = ''sanitation'' OR category = ''maintenance'' OR category = ''noise'' OR category = ''other'''),
    'severity IN (''low'', ''medium'', ''high'', ''critical'')',
    'severity = ''low'' OR severity = ''medium'' OR severity = ''high'' OR severity = ''critical'''),
    'status IN (''received'', ''classified'', ''linked'', ''held'', ''rejected'')',
    'status = ''received'' OR status = ''classified'' OR status = ''linked'' OR status = ''held'' OR status = ''rejected'''),
    'classified_by IN (''llm'', ''rules'', ''reporter'', ''staff'', ''import'')',
    'classified_by = ''llm'' OR classified_by = ''rules'' OR classified_by = ''reporter'' OR classified_by = ''staff'' OR classified_by = ''import'''),
    'channel IN (''web'', ''api'', ''open311'', ''import'', ''email'', ''phone'', ''sms'')',
    'channel = ''web'' OR channel = ''api'' OR channel = ''open311'' OR channel = ''import'' OR channel = ''email'' OR channel = ''phone'' OR channel = ''sms''')
  WHERE type = 'table' AND name IN ('civic_reports');
UPDATE sqlite_schema SET sql = replace(sql,
    'state IN (''running'', ''paused'', ''done'')',
    'state = ''running'' OR state = ''paused'' OR state = ''done''')
  WHERE type = 'table' AND name IN ('civic_sla_metrics');
UPDATE sqlite_schema SET sql = replace(sql,
    'kind IN (''created'', ''report_linked'', ''acknowledged'', ''status_changed'', ''severity_changed'',
    ''category_changed'', ''area_changed'', ''assigned'', ''note'', ''public_update'', ''merged'', ''unmerged'', ''split'', ''reopened'',
    ''sla_breached'', ''sla_paused'', ''sla_resumed'', ''moderated'')',
    'kind = ''created'' OR kind = ''report_linked'' OR kind = ''acknowledged''
    OR kind = ''status_changed'' OR kind = ''severity_changed'' OR kind = ''category_changed''
    OR kind = ''area_changed'' OR kind = ''assigned'' OR kind = ''note'' OR kind = ''public_update''
    OR kind = ''merged'' OR kind = ''unmerged'' OR kind = ''split'' OR kind = ''reopened''
    OR kind = ''sla_breached'' OR kind = ''sla_paused'' OR kind = ''sla_resumed''
    OR kind = ''moderated''')
  WHERE type = 'table' AND name IN ('civic_issue_events');
PRAGMA writable_schema = RESET;

-- The same of the conditions of indexes.
DROP INDEX idx_issues_rank;
DROP INDEX idx_issues_cell;
DROP INDEX idx_issues_place;
CREATE INDEX idx_issues_rank ON civic_issues (tenant_id, priority DESC, id DESC)
  WHERE status <> 'closed' AND status <> 'resolved';
CREATE INDEX idx_issues_cell ON civic_issues (tenant_id, grid_cell) WHERE status <> 'closed';
CREATE INDEX idx_issues_place ON civic_issues (tenant_id, location_norm) WHERE status <> 'closed';
