//! Every statement on tenants and keys.

use brisk_core::{Role, TenantId};
use brisk_db::{Affected, Json, One, statements};
use jiff::Timestamp;
use uuid::Uuid;

use crate::key::{ApiKey, ApiKeyId, KeyRow};
use crate::tenant::{Tenant, TenantKind, TenantStatus};

statements! {
    prefix "auth";

    /// One tenant.
    pub(crate) TENANT(id: TenantId) -> Option<Tenant>
        = "SELECT id, slug, name, kind, timezone, locale, jurisdiction_id, status, settings, created_at, updated_at
           FROM brisk_tenants WHERE id = $1";

    /// One tenant, by the name that people use.
    pub(crate) TENANT_BY_SLUG(slug: String) -> Option<Tenant>
        = "SELECT id, slug, name, kind, timezone, locale, jurisdiction_id, status, settings, created_at, updated_at
           FROM brisk_tenants WHERE slug = $1";

    /// One tenant, by its name in Open311.
    pub(crate) TENANT_BY_JURISDICTION(jurisdiction: String) -> Option<Tenant>
        = "SELECT id, slug, name, kind, timezone, locale, jurisdiction_id, status, settings, created_at, updated_at
           FROM brisk_tenants WHERE jurisdiction_id = $1";

    /// A page of tenants in the order of their numbers.
    pub(crate) TENANTS(after: TenantId, limit: i64) -> Vec<Tenant>
        = "SELECT id, slug, name, kind, timezone, locale, jurisdiction_id, status, settings, created_at, updated_at
           FROM brisk_tenants WHERE id > $1 ORDER BY id LIMIT $2";

    /// Makes a tenant.
    pub(crate) INSERT_TENANT(
        slug: String, name: String, kind: TenantKind, timezone: String, locale: String, jurisdiction: Option<String>,
        settings: Json<serde_json::Value>, now: Timestamp
    ) -> One<Tenant>
        = "INSERT INTO brisk_tenants
             (slug, name, kind, timezone, locale, jurisdiction_id, settings, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
           RETURNING id, slug, name, kind, timezone, locale, jurisdiction_id, status, settings, created_at, updated_at";

    /// Changes a tenant.
    pub(crate) UPDATE_TENANT(
        id: TenantId, slug: String, name: String, kind: TenantKind, timezone: String, locale: String,
        jurisdiction: Option<String>, status: TenantStatus, settings: Json<serde_json::Value>, now: Timestamp
    ) -> Option<Tenant>
        = "UPDATE brisk_tenants SET slug = $2, name = $3, kind = $4, timezone = $5, locale = $6, jurisdiction_id = $7,
             status = $8, settings = $9, updated_at = $10
           WHERE id = $1
           RETURNING id, slug, name, kind, timezone, locale, jurisdiction_id, status, settings, created_at, updated_at";

    /// What verification needs of a key.
    pub(crate) KEY(hash: Vec<u8>) -> Option<KeyRow>
        = "SELECT k.id, k.tenant_id, k.name, k.role, k.key_hash, k.prefix, k.rate_per_min, k.expires_at, k.revoked_at,
             t.status
           FROM brisk_api_keys k LEFT JOIN brisk_tenants t ON t.id = k.tenant_id
           WHERE k.key_hash = $1";

    /// A page of a tenant's keys, oldest first: the ids are in order of time.
    pub(crate) KEYS(tenant: TenantId, after: ApiKeyId, limit: i64) -> Vec<ApiKey>
        = "SELECT id, tenant_id, name, role, prefix, rate_per_min, expires_at, revoked_at, last_used_at, created_at
           FROM brisk_api_keys WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";

    /// The same of the keys that belong to no tenant.
    pub(crate) PLATFORM_KEYS(after: ApiKeyId, limit: i64) -> Vec<ApiKey>
        = "SELECT id, tenant_id, name, role, prefix, rate_per_min, expires_at, revoked_at, last_used_at, created_at
           FROM brisk_api_keys WHERE tenant_id IS NULL AND id > $1 ORDER BY id LIMIT $2";

    /// Makes a key.
    pub(crate) INSERT_KEY(
        id: ApiKeyId, tenant: Option<TenantId>, name: String, role: Role, hash: Vec<u8>, prefix: String,
        rate_per_min: Option<i32>, expires_at: Option<Timestamp>, now: Timestamp
    ) -> One<ApiKey>
        = "INSERT INTO brisk_api_keys (id, tenant_id, name, role, key_hash, prefix, rate_per_min, expires_at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           RETURNING id, tenant_id, name, role, prefix, rate_per_min, expires_at, revoked_at, last_used_at, created_at";

    /// Takes a tenant's key back; the first time counts.
    pub(crate) REVOKE(tenant: TenantId, id: ApiKeyId, now: Timestamp) -> Affected
        = "UPDATE brisk_api_keys SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL";

    /// Takes a key back that belongs to no tenant.
    pub(crate) REVOKE_PLATFORM(id: ApiKeyId, now: Timestamp) -> Affected
        = "UPDATE brisk_api_keys SET revoked_at = $2 WHERE tenant_id IS NULL AND id = $1 AND revoked_at IS NULL";

    /// Notes the use of keys, unless another node did within the minute.
    pub(crate) TOUCH(ids: Vec<Uuid>, now: Timestamp, minute_ago: Timestamp) -> Affected
        = "UPDATE brisk_api_keys SET last_used_at = $2
           WHERE id = ANY($1) AND (last_used_at IS NULL OR last_used_at <= $3)",
        sqlite "UPDATE brisk_api_keys SET last_used_at = $2
           WHERE hex(id) IN (SELECT value FROM json_each($1)) AND (last_used_at IS NULL OR last_used_at <= $3)";
}
