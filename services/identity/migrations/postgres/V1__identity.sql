-- Every table of a tenant has the tenant in its foreign keys, so that no row can refer to another tenant's.
CREATE TABLE identity_users (
  id uuid PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES brisk_tenants (id),
  email text COLLATE "C" NOT NULL,
  email_norm text COLLATE "C" NOT NULL,
  email_verified_at timestamptz,
  password_hash text,
  password_changed_at timestamptz,
  full_name text COLLATE "C" NOT NULL,
  name_norm text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL CHECK (status IN ('active', 'invited', 'disabled')),
  is_superuser boolean NOT NULL DEFAULT false,
  token_epoch bigint NOT NULL DEFAULT 1,
  locale text,
  metadata jsonb NOT NULL DEFAULT '{}',
  last_login_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  UNIQUE (tenant_id, id)
);
-- E-mail first, so that looking somebody up without a tenant uses it too.
CREATE UNIQUE INDEX identity_users_email ON identity_users (email_norm, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX identity_users_newest ON identity_users (tenant_id, created_at DESC, id DESC);
CREATE INDEX identity_users_status ON identity_users (tenant_id, status);
-- People who were deleted and are not forgotten yet.
CREATE INDEX identity_users_deleted ON identity_users (deleted_at) WHERE deleted_at IS NOT NULL AND email <> '';
CREATE INDEX identity_users_email_prefix ON identity_users (tenant_id, email_norm);
CREATE INDEX identity_users_name_prefix ON identity_users (tenant_id, name_norm);

CREATE TABLE identity_user_identities (
  id uuid PRIMARY KEY,
  tenant_id bigint NOT NULL,
  user_id uuid NOT NULL,
  provider_key text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  email text,
  email_verified boolean NOT NULL DEFAULT false,
  profile jsonb NOT NULL DEFAULT '{}',
  linked_at timestamptz NOT NULL,
  last_used_at timestamptz,
  UNIQUE (tenant_id, provider_key, subject),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX identity_user_identities_subject ON identity_user_identities (provider_key, subject);
CREATE INDEX identity_user_identities_user ON identity_user_identities (tenant_id, user_id);

-- The same for all tenants; filled from the program's own list.
CREATE TABLE identity_permissions (
  id uuid PRIMARY KEY,
  resource text COLLATE "C" NOT NULL,
  action text COLLATE "C" NOT NULL,
  description text NOT NULL DEFAULT '',
  UNIQUE (resource, action)
);

CREATE TABLE identity_roles (
  id uuid PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES brisk_tenants (id),
  name text COLLATE "C" NOT NULL,
  description text NOT NULL DEFAULT '',
  is_default boolean NOT NULL DEFAULT false,
  is_builtin boolean NOT NULL DEFAULT false,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, id)
);

CREATE TABLE identity_role_permissions (
  tenant_id bigint NOT NULL,
  role_id uuid NOT NULL,
  permission_id uuid NOT NULL REFERENCES identity_permissions (id),
  PRIMARY KEY (tenant_id, role_id, permission_id),
  FOREIGN KEY (tenant_id, role_id) REFERENCES identity_roles (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE identity_user_roles (
  tenant_id bigint NOT NULL,
  user_id uuid NOT NULL,
  role_id uuid NOT NULL,
  granted_by uuid,
  granted_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id, role_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, role_id) REFERENCES identity_roles (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX identity_user_roles_role ON identity_user_roles (tenant_id, role_id);

-- A session is a family of refresh tokens.
CREATE TABLE identity_sessions (
  id uuid PRIMARY KEY,
  tenant_id bigint NOT NULL,
  user_id uuid NOT NULL,
  client_id text COLLATE "C",
  generation bigint NOT NULL DEFAULT 1,
  auth_time timestamptz NOT NULL,
  amr jsonb NOT NULL,
  user_agent text,
  ip text,
  device_label text,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  idle_expires_at timestamptz NOT NULL,
  absolute_expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoke_reason text CHECK (revoke_reason IN ('logout', 'logout_all', 'reuse', 'admin', 'limit', 'password_change',
    'user_disabled', 'expired')),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX identity_sessions_user ON identity_sessions (tenant_id, user_id, revoked_at);
CREATE INDEX identity_sessions_end ON identity_sessions (absolute_expires_at);

-- Rows stay after they were used: without them a stolen token could not be told from an unknown one.
CREATE TABLE identity_refresh_tokens (
  id uuid PRIMARY KEY,
  tenant_id bigint NOT NULL,
  session_id uuid NOT NULL,
  user_id uuid NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  generation bigint NOT NULL,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  consumed_at timestamptz,
  UNIQUE (session_id, generation),
  FOREIGN KEY (tenant_id, session_id) REFERENCES identity_sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX identity_refresh_tokens_user ON identity_refresh_tokens (user_id, consumed_at);
CREATE INDEX identity_refresh_tokens_end ON identity_refresh_tokens (expires_at);

CREATE TABLE identity_revoked_access_tokens (
  jti uuid PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES brisk_tenants (id),
  expires_at timestamptz NOT NULL
);
CREATE INDEX identity_revoked_access_tokens_end ON identity_revoked_access_tokens (expires_at);

CREATE TABLE identity_oauth_states (
  id uuid PRIMARY KEY,
  state_hash bytea NOT NULL UNIQUE,
  binding_hash bytea NOT NULL,
  provider_key text COLLATE "C" NOT NULL,
  tenant_id bigint REFERENCES brisk_tenants (id),
  intent text NOT NULL CHECK (intent IN ('login', 'link')),
  user_id uuid REFERENCES identity_users (id) ON DELETE CASCADE,
  nonce_hash bytea,
  pkce_verifier_enc bytea NOT NULL,
  redirect_uri text NOT NULL,
  return_to text,
  response_mode text NOT NULL CHECK (response_mode IN ('json', 'redirect')),
  invite_hash bytea,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX identity_oauth_states_provider ON identity_oauth_states (provider_key);
CREATE INDEX identity_oauth_states_end ON identity_oauth_states (expires_at);

CREATE TABLE identity_one_time_tokens (
  id uuid PRIMARY KEY,
  tenant_id bigint NOT NULL,
  user_id uuid NOT NULL,
  purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('password_reset', 'email_verify', 'email_change', 'invite',
    'login_exchange', 'mfa_challenge', 'tenant_choice')),
  token_hash bytea NOT NULL UNIQUE,
  payload jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  consumed_at timestamptz,
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX identity_one_time_tokens_user ON identity_one_time_tokens (tenant_id, user_id, purpose);
CREATE INDEX identity_one_time_tokens_end ON identity_one_time_tokens (expires_at);

-- Before there is anybody: the right to make the first administrator.
CREATE TABLE identity_setup_tokens (
  id uuid PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE identity_oauth_clients (
  client_id text COLLATE "C" PRIMARY KEY,
  tenant_id bigint NOT NULL REFERENCES brisk_tenants (id),
  name text COLLATE "C" NOT NULL,
  secret_hash bytea,
  secret2_hash bytea,
  grant_types jsonb NOT NULL,
  scopes jsonb NOT NULL,
  redirect_uris jsonb NOT NULL DEFAULT '[]',
  token_ttl_s bigint NOT NULL DEFAULT 900 CHECK (token_ttl_s BETWEEN 60 AND 86400),
  status text NOT NULL CHECK (status IN ('active', 'disabled')),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (tenant_id, client_id)
);
CREATE INDEX identity_oauth_clients_tenant ON identity_oauth_clients (tenant_id, created_at);

CREATE TABLE identity_oauth_providers (
  id uuid PRIMARY KEY,
  tenant_id bigint REFERENCES brisk_tenants (id),
  slug text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('oidc', 'oauth2')),
  preset text,
  issuer text,
  authorize_url text,
  token_url text,
  userinfo_url text,
  emails_url text,
  jwks_url text,
  client_id text NOT NULL,
  client_secret_enc bytea,
  scopes jsonb NOT NULL,
  extra_params jsonb NOT NULL DEFAULT '{}',
  claim_map jsonb NOT NULL DEFAULT '{}',
  pkce boolean NOT NULL DEFAULT true,
  token_auth text NOT NULL CHECK (token_auth IN ('basic', 'post')),
  trust_email boolean NOT NULL DEFAULT false,
  auto_link text NOT NULL CHECK (auto_link IN ('never', 'verified_both')),
  provisioning text NOT NULL CHECK (provisioning IN ('none', 'create_in_tenant', 'create_tenant')),
  allowed_domains jsonb NOT NULL DEFAULT '[]',
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX identity_oauth_providers_slug ON identity_oauth_providers (tenant_id, slug) WHERE tenant_id IS NOT NULL;
CREATE UNIQUE INDEX identity_oauth_providers_global ON identity_oauth_providers (slug) WHERE tenant_id IS NULL;

CREATE TABLE identity_totp (
  tenant_id bigint NOT NULL,
  user_id uuid NOT NULL,
  secret_enc bytea NOT NULL,
  confirmed_at timestamptz,
  last_step bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE identity_recovery_codes (
  tenant_id bigint NOT NULL,
  user_id uuid NOT NULL,
  code_hash bytea NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (tenant_id, user_id, code_hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES identity_users (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE identity_login_throttle (
  scope text COLLATE "C" NOT NULL CHECK (scope IN ('account', 'email', 'ip', 'device', 'mfa', 'mail')),
  key_hash bytea NOT NULL,
  failures bigint NOT NULL,
  window_started_at timestamptz NOT NULL,
  last_try_at timestamptz NOT NULL,
  last_try_id uuid NOT NULL,
  locked_until timestamptz,
  PRIMARY KEY (scope, key_hash)
);
CREATE INDEX identity_login_throttle_end ON identity_login_throttle (last_try_at);

CREATE TABLE identity_audit_log (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL,
  tenant_id bigint,
  actor_user_id uuid,
  actor_client_id text,
  session_id uuid,
  action text COLLATE "C" NOT NULL,
  resource_type text COLLATE "C" NOT NULL DEFAULT '',
  resource_id text COLLATE "C" NOT NULL DEFAULT '',
  ip text,
  user_agent text,
  request_id text,
  changes jsonb NOT NULL DEFAULT '{}',
  metadata jsonb NOT NULL DEFAULT '{}',
  outcome text NOT NULL CHECK (outcome IN ('ok', 'denied', 'error'))
);
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
