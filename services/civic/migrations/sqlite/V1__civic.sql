-- Ids of reports and issues are handed out in blocks, so that an id exists before its row does.
CREATE TABLE civic_id_blocks (
  name TEXT PRIMARY KEY,
  next_value INTEGER NOT NULL
) STRICT;
INSERT INTO civic_id_blocks (name, next_value) VALUES ('report', 1), ('issue', 1);

CREATE TABLE civic_tenant_config (
  tenant_id INTEGER PRIMARY KEY REFERENCES brisk_tenants (id),
  version INTEGER NOT NULL,
  data TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE civic_areas (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  name TEXT NOT NULL,
  code TEXT,
  parent_id INTEGER,
  boundary TEXT,
  min_lat REAL, max_lat REAL, min_lon REAL, max_lon REAL,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, parent_id) REFERENCES civic_areas (tenant_id, id)
) STRICT;
CREATE INDEX idx_areas_tenant ON civic_areas (tenant_id);

CREATE TABLE civic_categories (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  base_category TEXT NOT NULL CHECK (base_category IN ('safety', 'infrastructure', 'sanitation', 'maintenance', 'noise', 'other')),
  description TEXT,
  keywords TEXT,
  service_group TEXT,
  metadata INTEGER NOT NULL DEFAULT false,
  active INTEGER NOT NULL DEFAULT true,
  public INTEGER NOT NULL DEFAULT true,
  default_severity TEXT CHECK (default_severity IN ('low', 'medium', 'high', 'critical')),
  dedup_radius_m INTEGER,
  dedup_window_days INTEGER,
  attributes TEXT,
  sort INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant_id, code)
) STRICT;
CREATE INDEX idx_categories ON civic_categories (tenant_id, active);

CREATE TABLE civic_calendars (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  name TEXT NOT NULL,
  timezone TEXT NOT NULL,
  weekly TEXT NOT NULL,
  holidays TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id)
) STRICT;

CREATE TABLE civic_sla_policies (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  category TEXT CHECK (category IN ('safety', 'infrastructure', 'sanitation', 'maintenance', 'noise', 'other')),
  severity TEXT CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  ack_minutes INTEGER NOT NULL CHECK (ack_minutes > 0),
  resolve_minutes INTEGER NOT NULL CHECK (resolve_minutes > 0),
  calendar_id INTEGER,
  effective_from INTEGER NOT NULL,
  effective_to INTEGER,
  FOREIGN KEY (tenant_id, calendar_id) REFERENCES civic_calendars (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX ux_sla_policies
  ON civic_sla_policies (tenant_id, coalesce(category, ''), coalesce(severity, ''), effective_from);

-- Contact data lives here only, encrypted; look-ups go by keyed hash.
CREATE TABLE civic_reporters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  subject TEXT,
  contact_enc BLOB,
  contact_hash BLOB,
  trust INTEGER NOT NULL DEFAULT 0 CHECK (trust BETWEEN -100 AND 100),
  banned_until INTEGER,
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  erased_at INTEGER,
  UNIQUE (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX ux_reporters_contact ON civic_reporters (tenant_id, contact_hash) WHERE contact_hash IS NOT NULL;
CREATE UNIQUE INDEX ux_reporters_subject ON civic_reporters (tenant_id, subject) WHERE subject IS NOT NULL;

CREATE TABLE civic_issues (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  area_id INTEGER,
  category TEXT NOT NULL CHECK (category IN ('safety', 'infrastructure', 'sanitation', 'maintenance', 'noise', 'other')),
  severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  status TEXT NOT NULL CHECK (status IN ('open', 'acknowledged', 'in-progress', 'on-hold', 'resolved', 'closed')),
  title TEXT NOT NULL,
  summary TEXT,
  anchor TEXT,
  lat REAL,
  lon REAL,
  grid_cell INTEGER,
  location TEXT,
  location_norm TEXT,
  report_count INTEGER NOT NULL DEFAULT 0,
  reporter_count INTEGER NOT NULL DEFAULT 0,
  last_report_at INTEGER NOT NULL,
  assignee TEXT,
  priority REAL NOT NULL DEFAULT 0,
  priority_at INTEGER NOT NULL,
  sensitive INTEGER NOT NULL DEFAULT false,
  public INTEGER NOT NULL DEFAULT true,
  close_reason TEXT,
  hold_reason TEXT,
  merged_into_id INTEGER,
  merged_at INTEGER,
  reopened_count INTEGER NOT NULL DEFAULT 0,
  severity_locked INTEGER NOT NULL DEFAULT false,
  category_locked INTEGER NOT NULL DEFAULT false,
  archived INTEGER NOT NULL DEFAULT false,
  -- The first report's text and the three latest: what new reports are compared with.
  texts TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  acknowledged_at INTEGER,
  resolved_at INTEGER,
  closed_at INTEGER,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  FOREIGN KEY (tenant_id, area_id) REFERENCES civic_areas (tenant_id, id),
  FOREIGN KEY (merged_into_id) REFERENCES civic_issues (id)
) STRICT;
-- Unique, so that children can refer to an issue together with its tenant.
CREATE UNIQUE INDEX idx_issues_tenant ON civic_issues (tenant_id, id);
CREATE INDEX idx_issues_status ON civic_issues (status);
CREATE INDEX idx_issues_tenant_status ON civic_issues (tenant_id, status);
CREATE INDEX idx_issues_tenant_created ON civic_issues (tenant_id, created_at DESC, id DESC);
CREATE INDEX idx_issues_list ON civic_issues (tenant_id, status, created_at DESC, id DESC);
CREATE INDEX idx_issues_rank ON civic_issues (tenant_id, priority DESC, id DESC) WHERE status IN ('open', 'acknowledged', 'in-progress', 'on-hold');
CREATE INDEX idx_issues_cell ON civic_issues (tenant_id, grid_cell) WHERE status IN ('open', 'acknowledged', 'in-progress', 'on-hold', 'resolved');
CREATE INDEX idx_issues_place ON civic_issues (tenant_id, location_norm) WHERE status IN ('open', 'acknowledged', 'in-progress', 'on-hold', 'resolved');
CREATE INDEX idx_issues_area ON civic_issues (tenant_id, area_id, status);
CREATE INDEX idx_issues_updated ON civic_issues (tenant_id, updated_at, id);
CREATE INDEX idx_issues_box ON civic_issues (tenant_id, lat, lon);

CREATE TABLE civic_reports (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  issue_id INTEGER,
  reporter_id INTEGER,
  area_id INTEGER,
  description TEXT NOT NULL,
  description_public TEXT,
  location TEXT,
  location_norm TEXT,
  lat REAL,
  lon REAL,
  location_accuracy_m INTEGER,
  grid_cell INTEGER,
  category TEXT CHECK (category IN ('safety', 'infrastructure', 'sanitation', 'maintenance', 'noise', 'other')),
  severity TEXT CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  summary TEXT,
  suggested_area TEXT,
  anchor TEXT,
  sensitive INTEGER NOT NULL DEFAULT false,
  classified_by TEXT CHECK (classified_by IN ('llm', 'rules', 'reporter', 'staff', 'import')),
  confidence REAL,
  service_code TEXT,
  attributes TEXT,
  media TEXT,
  channel TEXT NOT NULL CHECK (channel IN ('web', 'api', 'open311', 'import', 'email', 'phone', 'sms')),
  client_ref TEXT,
  external_id TEXT,
  external_status TEXT,
  lang TEXT,
  status TEXT NOT NULL DEFAULT 'received'
    CHECK (status IN ('received', 'classified', 'linked', 'held', 'rejected')),
  processed INTEGER NOT NULL DEFAULT false,
  spam_score INTEGER NOT NULL DEFAULT 0,
  public INTEGER NOT NULL DEFAULT true,
  tracking_hash BLOB,
  submitted_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  processed_at INTEGER,
  import_id INTEGER,
  FOREIGN KEY (tenant_id, issue_id) REFERENCES civic_issues (tenant_id, id),
  FOREIGN KEY (tenant_id, reporter_id) REFERENCES civic_reporters (tenant_id, id),
  FOREIGN KEY (tenant_id, area_id) REFERENCES civic_areas (tenant_id, id)
) STRICT;
-- The next two are superseded by the composites below; `brisk civic prune-indexes` drops them.
CREATE INDEX idx_reports_tenant ON civic_reports (tenant_id);
CREATE INDEX idx_reports_issue ON civic_reports (issue_id);
CREATE INDEX idx_reports_tenant_time ON civic_reports (tenant_id, submitted_at DESC, id DESC);
CREATE INDEX idx_reports_issue_time ON civic_reports (issue_id, submitted_at DESC, id DESC);
CREATE INDEX idx_reports_unprocessed ON civic_reports (received_at, id) WHERE NOT processed;
CREATE UNIQUE INDEX ux_reports_client_ref ON civic_reports (tenant_id, client_ref) WHERE client_ref IS NOT NULL;
CREATE UNIQUE INDEX ux_reports_external
  ON civic_reports (tenant_id, channel, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX ux_reports_tracking ON civic_reports (tracking_hash) WHERE tracking_hash IS NOT NULL;
CREATE INDEX idx_reports_reporter ON civic_reports (reporter_id, submitted_at DESC) WHERE reporter_id IS NOT NULL;
CREATE INDEX idx_reports_held ON civic_reports (tenant_id, received_at) WHERE status = 'held';

CREATE TABLE civic_issue_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL,
  issue_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('created', 'report_linked', 'acknowledged', 'status_changed', 'severity_changed',
    'category_changed', 'area_changed', 'assigned', 'note', 'public_update', 'merged', 'unmerged', 'split', 'reopened',
    'sla_breached', 'sla_paused', 'sla_resumed', 'moderated')),
  actor TEXT NOT NULL,
  actor_role TEXT,
  from_value TEXT,
  to_value TEXT,
  body TEXT,
  public INTEGER NOT NULL DEFAULT false,
  data TEXT,
  at INTEGER NOT NULL,
  FOREIGN KEY (tenant_id, issue_id) REFERENCES civic_issues (tenant_id, id)
) STRICT;
CREATE INDEX idx_events_issue ON civic_issue_events (issue_id, at, id);
CREATE INDEX idx_events_tenant ON civic_issue_events (tenant_id, at DESC, id DESC);

-- One row for each issue. `stops` are the spans in which its clock stood.
CREATE TABLE civic_sla_metrics (
  issue_id INTEGER NOT NULL,
  tenant_id INTEGER NOT NULL,
  area_id INTEGER,
  category TEXT NOT NULL,
  severity TEXT NOT NULL,
  policy_id INTEGER,
  policy_snapshot TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  stops TEXT NOT NULL,
  ack_due_at INTEGER,
  resolve_due_at INTEGER,
  acknowledged_at INTEGER,
  resolved_at INTEGER,
  ack_minutes_used REAL,
  resolution_time_hours REAL,
  business_hours_used REAL,
  paused_seconds INTEGER NOT NULL DEFAULT 0,
  paused_since INTEGER,
  met_ack INTEGER,
  met_sla INTEGER,
  ack_breached_at INTEGER,
  breached_at INTEGER,
  excluded INTEGER NOT NULL DEFAULT false,
  state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'done')),
  calculated_at INTEGER NOT NULL,
  CONSTRAINT idx_sla_issue PRIMARY KEY (issue_id),
  FOREIGN KEY (tenant_id, issue_id) REFERENCES civic_issues (tenant_id, id)
) STRICT;
CREATE INDEX idx_sla_tenant_time ON civic_sla_metrics
  (tenant_id, calculated_at DESC, met_sla, resolution_time_hours, area_id, category, severity, excluded);
CREATE INDEX idx_sla_due ON civic_sla_metrics (resolve_due_at) WHERE state = 'running' AND breached_at IS NULL;
CREATE INDEX idx_sla_ack_due ON civic_sla_metrics (ack_due_at)
  WHERE state = 'running' AND acknowledged_at IS NULL AND ack_breached_at IS NULL;
-- What of a tenant is overdue or due today.
CREATE INDEX idx_sla_tenant_due ON civic_sla_metrics (tenant_id, resolve_due_at) WHERE state <> 'done';

CREATE TABLE civic_performance_scores (
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  area_id INTEGER NOT NULL DEFAULT 0,
  metric_type TEXT NOT NULL,
  period TEXT NOT NULL,
  score REAL,
  detail TEXT NOT NULL,
  calculated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, area_id, metric_type, period)
) STRICT;
CREATE INDEX idx_scores_lookup ON civic_performance_scores (tenant_id, period, metric_type);
CREATE INDEX idx_scores_leaders ON civic_performance_scores (metric_type, period, score DESC);

CREATE TABLE civic_score_daily (
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  day TEXT NOT NULL,
  area_id INTEGER NOT NULL,
  category TEXT NOT NULL,
  severity TEXT NOT NULL,
  reports INTEGER NOT NULL DEFAULT 0,
  opened INTEGER NOT NULL DEFAULT 0,
  acknowledged INTEGER NOT NULL DEFAULT 0,
  resolved INTEGER NOT NULL DEFAULT 0,
  closed INTEGER NOT NULL DEFAULT 0,
  reopened INTEGER NOT NULL DEFAULT 0,
  breached INTEGER NOT NULL DEFAULT 0,
  sla_met INTEGER NOT NULL DEFAULT 0,
  sla_missed INTEGER NOT NULL DEFAULT 0,
  ack_met INTEGER NOT NULL DEFAULT 0,
  ack_missed INTEGER NOT NULL DEFAULT 0,
  merged INTEGER NOT NULL DEFAULT 0,
  resolution_seconds INTEGER NOT NULL DEFAULT 0,
  ack_seconds INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, day, area_id, category, severity)
) STRICT, WITHOUT ROWID;

-- Times to resolution, a row for each bucket in use, so that a change is one addition on either engine.
CREATE TABLE civic_score_hist (
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  day TEXT NOT NULL,
  area_id INTEGER NOT NULL,
  category TEXT NOT NULL,
  severity TEXT NOT NULL,
  bucket INTEGER NOT NULL CHECK (bucket BETWEEN 0 AND 23),
  n INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, day, area_id, category, severity, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE civic_tenant_counters (
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  area_id INTEGER NOT NULL,
  category TEXT NOT NULL,
  severity TEXT NOT NULL,
  status TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, area_id, category, severity, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE civic_dedup_candidates (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL,
  report_id INTEGER NOT NULL REFERENCES civic_reports (id),
  issue_id INTEGER NOT NULL,
  score REAL NOT NULL,
  text_sim REAL NOT NULL,
  geo_sim REAL,
  time_sim REAL NOT NULL,
  distance_m REAL,
  source TEXT NOT NULL CHECK (source IN ('rules', 'llm', 'sweep', 'split')),
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'confirmed', 'rejected')),
  decided_by TEXT,
  decided_at INTEGER,
  created_at INTEGER NOT NULL,
  UNIQUE (report_id, issue_id),
  FOREIGN KEY (tenant_id, issue_id) REFERENCES civic_issues (tenant_id, id)
) STRICT;
CREATE INDEX idx_dedup_pending ON civic_dedup_candidates (tenant_id, created_at) WHERE state = 'pending';

-- One support for each person and issue, beside their reports.
CREATE TABLE civic_supports (
  tenant_id INTEGER NOT NULL,
  issue_id INTEGER NOT NULL,
  person BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (issue_id, person),
  FOREIGN KEY (tenant_id, issue_id) REFERENCES civic_issues (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE civic_imports (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  file_name TEXT NOT NULL,
  preset TEXT,
  options TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
  checkpoint TEXT,
  rows_read INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  started_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  finished_at INTEGER
) STRICT;
CREATE INDEX idx_imports_tenant ON civic_imports (tenant_id, id DESC);

CREATE TABLE civic_import_errors (
  import_id INTEGER NOT NULL REFERENCES civic_imports (id),
  row_no INTEGER NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  raw TEXT,
  PRIMARY KEY (import_id, row_no)
) STRICT, WITHOUT ROWID;
