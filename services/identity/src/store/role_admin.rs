//! The roles of the tenant, as those who run it see and change them.

use brisk_core::{Permissions, TenantId};
use brisk_db::{Affected, Error, FromRow, One, Session, statements};
use jiff::Timestamp;
use uuid::Uuid;

use crate::ids::{RoleId, UserId};
use crate::model::role::Role;

/// A role with what it allows.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct RoleRow {
    pub(crate) id: RoleId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) is_default: bool,
    pub(crate) is_builtin: bool,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Names, parted by spaces.
    pub(crate) permissions: Option<String>,
}

impl From<RoleRow> for Role {
    fn from(row: RoleRow) -> Self {
        let names = row.permissions.unwrap_or_default();
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            permissions: Permissions::of(names.split(' ')),
            is_default: row.is_default,
            is_builtin: row.is_builtin,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

statements! {
    prefix "identity.role_admin";

    /// All roles of the tenant; it has few.
    pub(crate) LIST(tenant: TenantId) -> Vec<RoleRow>
        = "SELECT r.id, r.name, r.description, r.is_default, r.is_builtin, r.version, r.created_at, r.updated_at,
             (SELECT string_agg(p.resource || ':' || p.action, ' ') FROM identity_role_permissions g
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE g.tenant_id = $1 AND g.role_id = r.id) AS permissions
           FROM identity_roles r WHERE r.tenant_id = $1 ORDER BY r.name",
        sqlite "SELECT r.id, r.name, r.description, r.is_default, r.is_builtin, r.version, r.created_at, r.updated_at,
             (SELECT group_concat(p.resource || ':' || p.action, ' ') FROM identity_role_permissions g
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE g.tenant_id = $1 AND g.role_id = r.id) AS permissions
           FROM identity_roles r WHERE r.tenant_id = $1 ORDER BY r.name";

    /// Some of them.
    pub(crate) LIST_BY_IDS(tenant: TenantId, ids: Vec<Uuid>) -> Vec<RoleRow>
        = "SELECT r.id, r.name, r.description, r.is_default, r.is_builtin, r.version, r.created_at, r.updated_at,
             (SELECT string_agg(p.resource || ':' || p.action, ' ') FROM identity_role_permissions g
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE g.tenant_id = $1 AND g.role_id = r.id) AS permissions
           FROM identity_roles r WHERE r.tenant_id = $1 AND r.id = ANY($2)",
        sqlite "SELECT r.id, r.name, r.description, r.is_default, r.is_builtin, r.version, r.created_at, r.updated_at,
             (SELECT group_concat(p.resource || ':' || p.action, ' ') FROM identity_role_permissions g
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE g.tenant_id = $1 AND g.role_id = r.id) AS permissions
           FROM identity_roles r WHERE r.tenant_id = $1 AND r.id IN (SELECT unhex(value) FROM json_each($2))";

    /// One role.
    pub(crate) GET(tenant: TenantId, id: RoleId) -> Option<RoleRow>
        = "SELECT r.id, r.name, r.description, r.is_default, r.is_builtin, r.version, r.created_at, r.updated_at,
             (SELECT string_agg(p.resource || ':' || p.action, ' ') FROM identity_role_permissions g
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE g.tenant_id = $1 AND g.role_id = $2) AS permissions
           FROM identity_roles r WHERE r.tenant_id = $1 AND r.id = $2",
        sqlite "SELECT r.id, r.name, r.description, r.is_default, r.is_builtin, r.version, r.created_at, r.updated_at,
             (SELECT group_concat(p.resource || ':' || p.action, ' ') FROM identity_role_permissions g
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE g.tenant_id = $1 AND g.role_id = $2) AS permissions
           FROM identity_roles r WHERE r.tenant_id = $1 AND r.id = $2";

    /// How many roles there are.
    pub(crate) COUNT(tenant: TenantId) -> One<i64>
        = "SELECT count(*) AS n FROM identity_roles WHERE tenant_id = $1";

    /// How many people have a role.
    pub(crate) HOLDERS(tenant: TenantId, id: RoleId) -> One<i64>
        = "SELECT count(*) AS n FROM identity_user_roles WHERE tenant_id = $1 AND role_id = $2";

    /// What can be changed; what is null stays.
    pub(crate) UPDATE(
        tenant: TenantId, id: RoleId, name: Option<String>, description: Option<String>, is_default: Option<bool>,
        now: Timestamp,
    ) -> Affected
        = "UPDATE identity_roles SET name = coalesce($3, name), description = coalesce($4, description),
             is_default = coalesce($5, is_default), version = version + 1, updated_at = $6
           WHERE tenant_id = $1 AND id = $2";

    /// Takes all permissions of a role but these.
    pub(crate) TAKE_PERMISSIONS_BUT(tenant: TenantId, role: RoleId, keep: Vec<String>) -> Affected
        = "DELETE FROM identity_role_permissions WHERE tenant_id = $1 AND role_id = $2 AND permission_id NOT IN (
             SELECT id FROM identity_permissions WHERE resource || ':' || action = ANY($3))",
        sqlite "DELETE FROM identity_role_permissions WHERE tenant_id = $1 AND role_id = $2 AND permission_id NOT IN (
             SELECT id FROM identity_permissions WHERE resource || ':' || action IN (SELECT value FROM json_each($3)))";

    /// Takes a role from all who have it.
    pub(crate) TAKE_FROM_ALL(tenant: TenantId, role: RoleId) -> Affected
        = "DELETE FROM identity_user_roles WHERE tenant_id = $1 AND role_id = $2";

    /// Takes a role from one person.
    pub(crate) TAKE(tenant: TenantId, user: UserId, role: RoleId) -> Affected
        = "DELETE FROM identity_user_roles WHERE tenant_id = $1 AND user_id = $2 AND role_id = $3";

    /// Deletes a role that is not built in, and its permissions with it.
    pub(crate) DELETE(tenant: TenantId, id: RoleId) -> Affected
        = "DELETE FROM identity_roles WHERE tenant_id = $1 AND id = $2 AND NOT is_builtin";
}

/// Everything that running the tenant asks of its roles; each statement filters by the session's tenant.
pub(crate) struct RoleAdmin<'a>(pub(crate) &'a Session);

impl RoleAdmin<'_> {
    pub(crate) async fn list(&self) -> Result<Vec<Role>, Error> {
        let rows = self.0.run(&LIST, (self.0.tenant(),)).await?;
        Ok(rows.into_iter().map(Role::from).collect())
    }

    pub(crate) async fn list_by_ids(&self, ids: &[RoleId]) -> Result<Vec<Role>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.iter().map(|id| id.0).collect();
        let rows = self.0.run(&LIST_BY_IDS, (self.0.tenant(), ids)).await?;
        Ok(rows.into_iter().map(Role::from).collect())
    }

    pub(crate) async fn get(&self, id: RoleId) -> Result<Option<Role>, Error> {
        let row = self.0.run(&GET, (self.0.tenant(), id)).await?;
        Ok(row.map(Role::from))
    }

    pub(crate) async fn count(&self) -> Result<i64, Error> {
        self.0.run(&COUNT, (self.0.tenant(),)).await
    }

    pub(crate) async fn count_holders(&self, id: RoleId) -> Result<i64, Error> {
        self.0.run(&HOLDERS, (self.0.tenant(), id)).await
    }
}
