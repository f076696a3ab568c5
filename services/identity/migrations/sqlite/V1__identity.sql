-- Every table of a tenant has the tenant in its foreign keys, so that no row can refer to another tenant's.
CREATE TABLE identity_users (
  id BLOB PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  email TEXT NOT NULL,
  email_norm TEXT NOT NULL,
  email_verified_at INTEGER,
  password_hash TEXT,
  password_changed_at INTEGER,
  full_name TEXT NOT NULL,
  name_norm TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status = 'active' OR status = 'invited' OR status = 'disabled'),
  is_superuser INTEGER NOT NULL DEFAULT false,
  token_epoch INTEGER NOT NULL DEFAULT 1,
  locale TEXT,
  metadata TEXT NOT NULL DEFAULT '{}',
  last_login_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  UNIQUE (tenant_id, id)
) STRICT;
-- E-mail first, so that looking somebody up without a tenant uses it too.
CREATE UNIQUE INDEX identity_users_email ON identity_users (email_norm, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX identity_users_newest ON identity_users (tenant_id, created_at DESC, id DESC);
CREATE INDEX identity_users_status ON identity_users (tenant_id, status);
-- People who were deleted and are not forgotten yet.
CREATE INDEX identity_users_deleted ON identity_users (deleted_at) WHERE deleted_at IS NOT NULL AND email <> '';
CREATE INDEX identity_users_email_prefix ON identity_users (tenant_id, email_norm);
CREATE INDEX identity_users_name_prefix ON identity_users (tenant_id, name_norm);

CREATE TABLE identity_user_identities (
  id BLOB PRIMARY KEY,
  tenant_id INTEGER NOT NULL,
  user_id BLOB NOT NULL,
  provider_key TEXT NOT NULL,
  subject TEXT NOT NULL,
  email TEXT,
  email_verified INTEGER NOT NULL DEFAULT false,
  profile TEXT NOT NULL DEFAULT '{}',
  linked_at INTEGER NOT NULL,
  last_used_at INTEGER,
  UNIQUE (tenant_id, provider_key, subject),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX identity_user_identities_subject ON identity_user_identities (provider_key, subject);
CREATE INDEX identity_user_identities_user ON identity_user_identities (tenant_id, user_id);

-- The same for all tenants; filled from the program's own list.
CREATE TABLE identity_permissions (
  id BLOB PRIMARY KEY,
  resource TEXT NOT NULL,
  action TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  UNIQUE (resource, action)
) STRICT;

CREATE TABLE identity_roles (
  id BLOB PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  is_default INTEGER NOT NULL DEFAULT false,
  is_builtin INTEGER NOT NULL DEFAULT false,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id)
) STRICT;

CREATE TABLE identity_role_permissions (
  tenant_id INTEGER NOT NULL,
  role_id BLOB NOT NULL,
  permission_id BLOB NOT NULL REFERENCES identity_permissions (id),
  PRIMARY KEY (tenant_id, role_id, permission_id),
  FOREIGN KEY (tenant_id, role_id) REFERENCES identity_roles (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE identity_user_roles (
  tenant_id INTEGER NOT NULL,
  user_id BLOB NOT NULL,
  role_id BLOB NOT NULL,
  granted_by BLOB,
  granted_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, user_id, role_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, role_id) REFERENCES identity_roles (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX identity_user_roles_role ON identity_user_roles (tenant_id, role_id);

-- A session is a family of refresh tokens.
CREATE TABLE identity_sessions (
  id BLOB PRIMARY KEY,
  tenant_id INTEGER NOT NULL,
  user_id BLOB NOT NULL,
  client_id TEXT,
  generation INTEGER NOT NULL DEFAULT 1,
  auth_time INTEGER NOT NULL,
  amr TEXT NOT NULL,
  user_agent TEXT,
  ip TEXT,
  device_label TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  idle_expires_at INTEGER NOT NULL,
  absolute_expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  revoke_reason TEXT CHECK (revoke_reason = 'logout' OR revoke_reason = 'logout_all' OR revoke_reason = 'reuse' OR revoke_reason = 'admin' OR revoke_reason = 'limit' OR revoke_reason = 'password_change' OR revoke_reason = 'user_disabled' OR revoke_reason = 'expired'),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX identity_sessions_user ON identity_sessions (tenant_id, user_id, revoked_at);
CREATE INDEX identity_sessions_end ON identity_sessions (absolute_expires_at);

-- Rows stay after they were used: without them a stolen token could not be told from an unknown one.
CREATE TABLE identity_refresh_tokens (
  id BLOB PRIMARY KEY,
  tenant_id INTEGER NOT NULL,
  session_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  token_hash BLOB NOT NULL UNIQUE,
  generation INTEGER NOT NULL,
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  consumed_at INTEGER,
  UNIQUE (session_id, generation),
  FOREIGN KEY (tenant_id, session_id) REFERENCES identity_sessions (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX identity_refresh_tokens_user ON identity_refresh_tokens (user_id, consumed_at);
CREATE INDEX identity_refresh_tokens_end ON identity_refresh_tokens (expires_at);

CREATE TABLE identity_revoked_access_tokens (
  jti BLOB PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX identity_revoked_access_tokens_end ON identity_revoked_access_tokens (expires_at);

CREATE TABLE identity_oauth_states (
  id BLOB PRIMARY KEY,
  state_hash BLOB NOT NULL UNIQUE,
  binding_hash BLOB NOT NULL,
  provider_key TEXT NOT NULL,
  tenant_id INTEGER REFERENCES brisk_tenants (id),
  intent TEXT NOT NULL CHECK (intent = 'login' OR intent = 'link'),
  user_id BLOB REFERENCES identity_users (id) ON DELETE CASCADE,
  nonce_hash BLOB,
  pkce_verifier_enc BLOB NOT NULL,
  redirect_uri TEXT NOT NULL,
  return_to TEXT,
  response_mode TEXT NOT NULL CHECK (response_mode = 'json' OR response_mode = 'redirect'),
  invite_hash BLOB,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX identity_oauth_states_provider ON identity_oauth_states (provider_key);
CREATE INDEX identity_oauth_states_end ON identity_oauth_states (expires_at);

CREATE TABLE identity_one_time_tokens (
  id BLOB PRIMARY KEY,
  tenant_id INTEGER NOT NULL,
  user_id BLOB NOT NULL,
  purpose TEXT NOT NULL CHECK (purpose = 'password_reset' OR purpose = 'email_verify' OR purpose = 'email_change' OR purpose = 'invite' OR purpose = 'login_exchange' OR purpose = 'mfa_challenge' OR purpose = 'tenant_choice'),
  token_hash BLOB NOT NULL UNIQUE,
  payload TEXT NOT NULL DEFAULT '{}',
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  consumed_at INTEGER,
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX identity_one_time_tokens_user ON identity_one_time_tokens (tenant_id, user_id, purpose);
CREATE INDEX identity_one_time_tokens_end ON identity_one_time_tokens (expires_at);

-- Before there is anybody: the right to make the first administrator.
CREATE TABLE identity_setup_tokens (
  id BLOB PRIMARY KEY,
  token_hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE identity_oauth_clients (
  client_id TEXT PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id),
  name TEXT NOT NULL,
  secret_hash BLOB,
  secret2_hash BLOB,
  grant_types TEXT NOT NULL,
  scopes TEXT NOT NULL,
  redirect_uris TEXT NOT NULL DEFAULT '[]',
  token_ttl_s INTEGER NOT NULL DEFAULT 900 CHECK (token_ttl_s BETWEEN 60 AND 86400),
  status TEXT NOT NULL CHECK (status = 'active' OR status = 'disabled'),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (tenant_id, client_id)
) STRICT;
CREATE INDEX identity_oauth_clients_tenant ON identity_oauth_clients (tenant_id, created_at);

CREATE TABLE identity_oauth_providers (
  id BLOB PRIMARY KEY,
  tenant_id INTEGER REFERENCES brisk_tenants (id),
  slug TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind = 'oidc' OR kind = 'oauth2'),
  preset TEXT,
  issuer TEXT,
  authorize_url TEXT,
  token_url TEXT,
  userinfo_url TEXT,
  emails_url TEXT,
  jwks_url TEXT,
  client_id TEXT NOT NULL,
  client_secret_enc BLOB,
  scopes TEXT NOT NULL,
  extra_params TEXT NOT NULL DEFAULT '{}',
  claim_map TEXT NOT NULL DEFAULT '{}',
  pkce INTEGER NOT NULL DEFAULT true,
  token_auth TEXT NOT NULL CHECK (token_auth = 'basic' OR token_auth = 'post'),
  trust_email INTEGER NOT NULL DEFAULT false,
  auto_link TEXT NOT NULL CHECK (auto_link = 'never' OR auto_link = 'verified_both'),
  provisioning TEXT NOT NULL CHECK (provisioning = 'none' OR provisioning = 'create_in_tenant' OR provisioning = 'create_tenant'),
  allowed_domains TEXT NOT NULL DEFAULT '[]',
  enabled INTEGER NOT NULL DEFAULT true,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX identity_oauth_providers_slug ON identity_oauth_providers (tenant_id, slug) WHERE tenant_id IS NOT NULL;
CREATE UNIQUE INDEX identity_oauth_providers_global ON identity_oauth_providers (slug) WHERE tenant_id IS NULL;

CREATE TABLE identity_totp (
  tenant_id INTEGER NOT NULL,
  user_id BLOB NOT NULL,
  secret_enc BLOB NOT NULL,
  confirmed_at INTEGER,
  last_step INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE identity_recovery_codes (
  tenant_id INTEGER NOT NULL,
  user_id BLOB NOT NULL,
  code_hash BLOB NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (tenant_id, user_id, code_hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE identity_login_throttle (
  scope TEXT NOT NULL CHECK (scope = 'account' OR scope = 'email' OR scope = 'ip' OR scope = 'device' OR scope = 'mfa' OR scope = 'mail'),
  key_hash BLOB NOT NULL,
  failures INTEGER NOT NULL,
  window_started_at INTEGER NOT NULL,
  last_try_at INTEGER NOT NULL,
  last_try_id BLOB NOT NULL,
  locked_until INTEGER,
  PRIMARY KEY (scope, key_hash)
) STRICT;
CREATE INDEX identity_login_throttle_end ON identity_login_throttle (last_try_at);

CREATE TABLE identity_audit_log (
  id BLOB PRIMARY KEY,
  at INTEGER NOT NULL,
  tenant_id INTEGER,
  actor_user_id BLOB,
  actor_client_id TEXT,
  session_id BLOB,
  action TEXT NOT NULL,
  resource_type TEXT NOT NULL DEFAULT '',
  resource_id TEXT NOT NULL DEFAULT '',
  ip TEXT,
  user_agent TEXT,
  request_id TEXT,
  changes TEXT NOT NULL DEFAULT '{}',
  metadata TEXT NOT NULL DEFAULT '{}',
  outcome TEXT NOT NULL CHECK (outcome = 'ok' OR outcome = 'denied' OR outcome = 'error')
) STRICT;
CREATE INDEX identity_audit_log_newest ON identity_audit_log (tenant_id, at DESC, id DESC);
CREATE INDEX identity_audit_log_actor ON identity_audit_log (tenant_id, actor_user_id, at DESC);
CREATE INDEX identity_audit_log_action ON identity_audit_log (tenant_id, action, at DESC);

-- What the check of each request is made of is kept in memory until it changes.
INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
VALUES ('identity_users', 'tenant_id', 'id', ''),
  ('identity_sessions', 'tenant_id', 'id', 'user_id'),
  ('identity_roles', 'tenant_id', 'id', ''),
  ('identity_user_roles', 'tenant_id', 'user_id, role_id', ''),
  ('identity_role_permissions', 'tenant_id', 'role_id, permission_id', ''),
  ('identity_permissions', NULL, 'id', ''),
  ('identity_oauth_clients', 'tenant_id', 'client_id', ''),
  ('identity_revoked_access_tokens', NULL, 'jti', '');
