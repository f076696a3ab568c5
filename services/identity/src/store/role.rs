//! The roles of the tenant, who has them, and the catalogue of permissions.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, OnConflict, Record, Session, statements};
use jiff::Timestamp;
use uuid::Uuid;

use crate::ids::{RoleId, UserId};

/// A role to be made.
#[derive(Clone, Debug, Record)]
#[record(table = "identity_roles")]
pub(crate) struct NewRoleRow {
    pub(crate) id: RoleId,
    pub(crate) tenant_id: TenantId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) is_default: bool,
    pub(crate) is_builtin: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A permission of the catalogue.
#[derive(Clone, Debug, Record)]
#[record(table = "identity_permissions")]
pub(crate) struct PermissionRow {
    pub(crate) id: Uuid,
    pub(crate) resource: String,
    pub(crate) action: String,
    pub(crate) description: String,
}

statements! {
    prefix "identity.role";

    /// Gives a role the permissions of these names.
    pub(crate) GRANT(tenant: TenantId, role: RoleId, names: Vec<String>) -> Affected
        = "INSERT INTO identity_role_permissions (tenant_id, role_id, permission_id)
           SELECT $1, $2, p.id FROM identity_permissions p WHERE p.resource || ':' || p.action = ANY($3)
           ON CONFLICT DO NOTHING",
        sqlite "INSERT INTO identity_role_permissions (tenant_id, role_id, permission_id)
           SELECT $1, $2, p.id FROM identity_permissions p
           WHERE p.resource || ':' || p.action IN (SELECT value FROM json_each($3))
           ON CONFLICT DO NOTHING";

    /// Gives a person a role.
    pub(crate) ASSIGN(tenant: TenantId, user: UserId, role: RoleId, by: Option<UserId>, now: Timestamp) -> Affected
        = "INSERT INTO identity_user_roles (tenant_id, user_id, role_id, granted_by, granted_at)
           VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

    /// The role of a name.
    pub(crate) BY_NAME(tenant: TenantId, name: String) -> Option<Uuid>
        = "SELECT id FROM identity_roles WHERE tenant_id = $1 AND name = $2";
}

/// Everything asked of roles; each statement filters by the session's tenant.
pub(crate) struct Roles<'a>(pub(crate) &'a Session);

impl Roles<'_> {
    /// Fills the catalogue with what is not in it.
    pub(crate) async fn insert_permissions(&self, rows: Vec<PermissionRow>) -> Result<u64, Error> {
        self.0.insert_many(rows, OnConflict::Skip).await
    }

    pub(crate) async fn grant(&self, role: RoleId, names: Vec<String>) -> Result<u64, Error> {
        self.0.run(&GRANT, (self.0.tenant(), role, names)).await
    }

    pub(crate) async fn assign(
        &self,
        user: UserId,
        role: RoleId,
        by: Option<UserId>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        self.0
            .run(&ASSIGN, (self.0.tenant(), user, role, by, now))
            .await
    }

    pub(crate) async fn by_name(&self, name: &str) -> Result<Option<RoleId>, Error> {
        let params = (self.0.tenant(), name.to_owned());
        Ok(self.0.run(&BY_NAME, params).await?.map(RoleId))
    }
}
