//! The people of the tenant, as those who run it see and change them.

use brisk_core::{Permissions, TenantId};
use brisk_db::{Affected, Error, FromRow, Json, One, Record, Session, statements};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::{RoleId, UserId};
use crate::model::catalogue::OWNER;
use crate::model::role::RoleRef;
use crate::model::user::{User, UserDetail, UserStatus, with_superuser};

/// A person with its roles and what they allow.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct DetailRow {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) email: String,
    pub(crate) email_verified_at: Option<Timestamp>,
    pub(crate) full_name: String,
    pub(crate) status: UserStatus,
    pub(crate) is_superuser: bool,
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Json<Value>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) last_login_at: Option<Timestamp>,
    pub(crate) roles: Json<Vec<RoleRef>>,
    /// Names, parted by spaces.
    pub(crate) permissions: Option<String>,
}

/// A person as those who run the tenant have to judge it.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) detail: UserDetail,
    /// What its roles allow, and being a superuser.
    pub(crate) permissions: Permissions,
}

impl Judged {
    /// Whether the tenant would miss it as an owner.
    pub(crate) fn is_active_owner(&self) -> bool {
        self.detail.user.status == UserStatus::Active
            && self.detail.roles.iter().any(|role| role.name == OWNER)
    }
}

impl From<DetailRow> for Judged {
    fn from(row: DetailRow) -> Self {
        let permissions = row.permissions.as_deref().unwrap_or_default();
        Self {
            permissions: with_superuser(permissions, row.is_superuser),
            detail: UserDetail::new(
                User {
                    id: row.id,
                    tenant_id: row.tenant_id,
                    email: row.email,
                    email_verified: row.email_verified_at.is_some(),
                    full_name: row.full_name,
                    is_active: row.status == UserStatus::Active,
                    is_superuser: row.is_superuser,
                    status: row.status,
                    locale: row.locale,
                    metadata: row.metadata.0,
                    created_at: row.created_at,
                    updated_at: row.updated_at,
                    last_login_at: row.last_login_at,
                },
                row.roles.0,
            ),
        }
    }
}

/// A person to be made, among others.
#[derive(Clone, Debug, Record)]
#[record(table = "identity_users")]
pub(crate) struct NewUserRow {
    pub(crate) id: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) email: String,
    pub(crate) email_norm: String,
    pub(crate) full_name: String,
    pub(crate) name_norm: String,
    pub(crate) status: UserStatus,
    pub(crate) metadata: Json<Value>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Who has a role.
#[derive(Clone, Debug, Record)]
#[record(table = "identity_user_roles")]
pub(crate) struct UserRoleRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: UserId,
    pub(crate) role_id: RoleId,
    pub(crate) granted_by: Option<Uuid>,
    pub(crate) granted_at: Timestamp,
}

statements! {
    prefix "identity.user_admin";

    /// Makes those who change people of the tenant wait for each other until the transaction ends: two owners cannot take each
    /// other's place away at once. The row of the owners' role stands for the tenant.
    pub(crate) LOCK(tenant: TenantId) -> Option<Uuid>
        = "SELECT id FROM identity_roles WHERE tenant_id = $1 AND name = 'owner' FOR NO KEY UPDATE",
        sqlite "SELECT id FROM identity_roles WHERE tenant_id = $1 AND name = 'owner'";

    /// One person with roles and permissions.
    pub(crate) GET(tenant: TenantId, id: UserId) -> Option<DetailRow>
        = "SELECT u.id, u.tenant_id, u.email, u.email_verified_at, u.full_name, u.status, u.is_superuser, u.locale, u.metadata,
             u.created_at, u.updated_at, u.last_login_at,
             (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'name', r.name)), '[]') FROM identity_user_roles h
                JOIN identity_roles r ON r.tenant_id = h.tenant_id AND r.id = h.role_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS roles,
             (SELECT string_agg(p.resource || ':' || p.action, ' ') FROM identity_user_roles h
                JOIN identity_role_permissions g ON g.tenant_id = h.tenant_id AND g.role_id = h.role_id
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS permissions
           FROM identity_users u WHERE u.tenant_id = $1 AND u.id = $2 AND u.deleted_at IS NULL",
        sqlite "SELECT u.id, u.tenant_id, u.email, u.email_verified_at, u.full_name, u.status, u.is_superuser, u.locale,
             u.metadata, u.created_at, u.updated_at, u.last_login_at,
             (SELECT json_group_array(json_object('id', lower(hex(r.id)), 'name', r.name)) FROM identity_user_roles h
                JOIN identity_roles r ON r.tenant_id = h.tenant_id AND r.id = h.role_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS roles,
             (SELECT group_concat(p.resource || ':' || p.action, ' ') FROM identity_user_roles h
                JOIN identity_role_permissions g ON g.tenant_id = h.tenant_id AND g.role_id = h.role_id
                JOIN identity_permissions p ON p.id = g.permission_id
                WHERE h.tenant_id = $1 AND h.user_id = $2) AS permissions
           FROM identity_users u WHERE u.tenant_id = $1 AND u.id = $2 AND u.deleted_at IS NULL";

    /// Whether there is this person.
    pub(crate) EXISTS(tenant: TenantId, id: UserId) -> One<i64>
        = "SELECT count(*) AS n FROM identity_users WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// Which of these addresses somebody in the tenant has.
    pub(crate) TAKEN(tenant: TenantId, emails: Vec<String>) -> Vec<String>
        = "SELECT email_norm FROM identity_users
           WHERE email_norm = ANY($2) AND tenant_id = $1 AND deleted_at IS NULL",
        sqlite "SELECT email_norm FROM identity_users
           WHERE email_norm IN (SELECT value FROM json_each($2)) AND tenant_id = $1 AND deleted_at IS NULL";

    /// How many owners there are besides one person.
    pub(crate) OTHER_OWNERS(tenant: TenantId, but: UserId) -> One<i64>
        = "SELECT count(*) AS n FROM identity_user_roles h
           JOIN identity_roles r ON r.tenant_id = h.tenant_id AND r.id = h.role_id
           JOIN identity_users u ON u.tenant_id = h.tenant_id AND u.id = h.user_id
           WHERE h.tenant_id = $1 AND r.name = 'owner' AND h.user_id <> $2
             AND u.status = 'active' AND u.deleted_at IS NULL";

    /// What those who run the tenant change; what is null stays. Another address is not verified.
    pub(crate) UPDATE(
        tenant: TenantId, id: UserId, full_name: Option<String>, name_norm: Option<String>, email: Option<String>,
        email_norm: Option<String>, metadata: Option<Json<Value>>, is_superuser: Option<bool>, now: Timestamp,
        unverified: bool,
    ) -> Affected
        = "UPDATE identity_users SET full_name = coalesce($3, full_name), name_norm = coalesce($4, name_norm),
             email = coalesce($5, email), email_norm = coalesce($6, email_norm), metadata = coalesce($7, metadata),
             is_superuser = coalesce($8, is_superuser), updated_at = $9,
             email_verified_at = CASE WHEN $10 THEN NULL ELSE email_verified_at END
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// Lets somebody in.
    pub(crate) ACTIVATE(tenant: TenantId, id: UserId, now: Timestamp) -> Affected
        = "UPDATE identity_users SET status = 'active', updated_at = $3
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// Locks somebody out, and makes all its tokens void.
    pub(crate) DISABLE(tenant: TenantId, id: UserId, now: Timestamp) -> Affected
        = "UPDATE identity_users SET status = 'disabled', token_epoch = token_epoch + 1, updated_at = $3
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// Takes somebody out of the tenant; its address is free again.
    pub(crate) DELETE(tenant: TenantId, id: UserId, now: Timestamp) -> Affected
        = "UPDATE identity_users SET status = 'disabled', token_epoch = token_epoch + 1, is_superuser = false,
             password_hash = NULL, updated_at = $3, deleted_at = $3
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL";

    /// Forgets by which providers somebody signed in.
    pub(crate) DELETE_IDENTITIES(tenant: TenantId, user: UserId) -> Affected
        = "DELETE FROM identity_user_identities WHERE tenant_id = $1 AND user_id = $2";

    /// Takes back what was mailed to somebody.
    pub(crate) DELETE_ONE_TIME_TOKENS(tenant: TenantId, user: UserId) -> Affected
        = "DELETE FROM identity_one_time_tokens WHERE tenant_id = $1 AND user_id = $2";

    /// Takes all roles but these.
    pub(crate) TAKE_ROLES_BUT(tenant: TenantId, user: UserId, keep: Vec<Uuid>) -> Affected
        = "DELETE FROM identity_user_roles WHERE tenant_id = $1 AND user_id = $2 AND NOT (role_id = ANY($3))",
        sqlite "DELETE FROM identity_user_roles WHERE tenant_id = $1 AND user_id = $2
           AND role_id NOT IN (SELECT unhex(value) FROM json_each($3))";
}

/// What those who run the tenant change about somebody.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserUpdate {
    pub(crate) full_name: Option<String>,
    pub(crate) name_norm: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_norm: Option<String>,
    pub(crate) metadata: Option<Value>,
    pub(crate) is_superuser: Option<bool>,
}

/// Everything that running the tenant asks of its people; each statement filters by the session's tenant.
pub(crate) struct UserAdmin<'a>(pub(crate) &'a Session);

impl UserAdmin<'_> {
    /// Keeps other administration of the tenant away until the transaction ends.
    pub(crate) async fn lock(&self) -> Result<(), Error> {
        self.0.run(&LOCK, (self.0.tenant(),)).await.map(|_| ())
    }

    pub(crate) async fn get(&self, id: UserId) -> Result<Option<Judged>, Error> {
        let row = self.0.run(&GET, (self.0.tenant(), id)).await?;
        Ok(row.map(Judged::from))
    }

    pub(crate) async fn exists(&self, id: UserId) -> Result<bool, Error> {
        Ok(self.0.run(&EXISTS, (self.0.tenant(), id)).await? > 0)
    }

    pub(crate) async fn taken(&self, emails: Vec<String>) -> Result<Vec<String>, Error> {
        self.0.run(&TAKEN, (self.0.tenant(), emails)).await
    }

    pub(crate) async fn count_other_owners(&self, but: UserId) -> Result<i64, Error> {
        self.0.run(&OTHER_OWNERS, (self.0.tenant(), but)).await
    }

    pub(crate) async fn update(
        &self,
        id: UserId,
        change: UserUpdate,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let unverified = change.email.is_some();
        let params = (
            self.0.tenant(),
            id,
            change.full_name,
            change.name_norm,
            change.email,
            change.email_norm,
            change.metadata.map(Json),
            change.is_superuser,
            now,
            unverified,
        );
        self.0.run(&UPDATE, params).await
    }
}
