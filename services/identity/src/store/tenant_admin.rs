//! Tenants, as those who run them or the installation change them. Their table is that of `brisk-auth`.

use brisk_auth::{Tenant, TenantKind, TenantStatus};
use brisk_core::TenantId;
use brisk_db::sea_query::{Expr, ExprTrait as _, Query};
use brisk_db::{Affected, Direction, Error, FromRow as _, Page, Paging, Session, statements};
use jiff::Timestamp;
use serde::Serialize;

statements! {
    prefix "identity.tenant_admin";

    /// A tenant, kept from others who change it until the transaction ends.
    pub(crate) LOCK(id: TenantId, now: Timestamp) -> Option<Tenant>
        = "UPDATE brisk_tenants SET updated_at = $2 WHERE id = $1
           RETURNING id, slug, name, kind, timezone, locale, jurisdiction_id, status, settings, created_at, updated_at";

    /// Locks a tenant out for good.
    pub(crate) MARK_DELETING(id: TenantId, now: Timestamp) -> Affected
        = "UPDATE brisk_tenants SET status = 'deleting', deleted_at = $2, updated_at = $2 WHERE id = $1";

    /// What is left of a tenant whose rows are erased: its number, which never comes back. Its slug is free.
    pub(crate) FORGET(id: TenantId, slug: String, now: Timestamp) -> Affected
        = "UPDATE brisk_tenants SET slug = $2, name = 'deleted', settings = '{}', jurisdiction_id = NULL, updated_at = $3
           WHERE id = $1 AND status = 'deleting'";

    /// Erases some refresh tokens of a tenant.
    pub(crate) ERASE_REFRESH_TOKENS(tenant: TenantId, limit: i64) -> Affected
        = "DELETE FROM identity_refresh_tokens WHERE tenant_id = $1 AND id IN (
             SELECT id FROM identity_refresh_tokens WHERE tenant_id = $1 LIMIT $2)";

    /// Erases some sessions of a tenant.
    pub(crate) ERASE_SESSIONS(tenant: TenantId, limit: i64) -> Affected
        = "DELETE FROM identity_sessions WHERE tenant_id = $1 AND id IN (
             SELECT id FROM identity_sessions WHERE tenant_id = $1 LIMIT $2)";

    /// Erases some people of a tenant, with what hangs on them.
    pub(crate) ERASE_USERS(tenant: TenantId, limit: i64) -> Affected
        = "DELETE FROM identity_users WHERE tenant_id = $1 AND id IN (
             SELECT id FROM identity_users WHERE tenant_id = $1 LIMIT $2)";

    /// Erases some roles of a tenant, with what hangs on them.
    pub(crate) ERASE_ROLES(tenant: TenantId, limit: i64) -> Affected
        = "DELETE FROM identity_roles WHERE tenant_id = $1 AND id IN (
             SELECT id FROM identity_roles WHERE tenant_id = $1 LIMIT $2)";

    /// Erases some machine clients of a tenant.
    pub(crate) ERASE_CLIENTS(tenant: TenantId, limit: i64) -> Affected
        = "DELETE FROM identity_oauth_clients WHERE tenant_id = $1 AND client_id IN (
             SELECT client_id FROM identity_oauth_clients WHERE tenant_id = $1 LIMIT $2)";

    /// Erases some sign-in providers of a tenant.
    pub(crate) ERASE_PROVIDERS(tenant: TenantId, limit: i64) -> Affected
        = "DELETE FROM identity_oauth_providers WHERE tenant_id = $1 AND id IN (
             SELECT id FROM identity_oauth_providers WHERE tenant_id = $1 LIMIT $2)";

    /// Erases some sign-ins under way of a tenant.
    pub(crate) ERASE_STATES(tenant: TenantId, limit: i64) -> Affected
        = "DELETE FROM identity_oauth_states WHERE tenant_id = $1 AND id IN (
             SELECT id FROM identity_oauth_states WHERE tenant_id = $1 LIMIT $2)";
}

/// What one round erases, in the order in which rows refer to each other.
pub(crate) const ERASERS: [&brisk_db::Statement<(TenantId, i64), Affected>; 7] = [
    &ERASE_REFRESH_TOKENS,
    &ERASE_SESSIONS,
    &ERASE_STATES,
    &ERASE_USERS,
    &ERASE_ROLES,
    &ERASE_CLIENTS,
    &ERASE_PROVIDERS,
];

/// Which tenants.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct TenantFilter {
    pub(crate) status: Option<TenantStatus>,
    pub(crate) kind: Option<TenantKind>,
}

/// Tenants, for those whose right to them was looked at before.
pub(crate) struct TenantAdmin<'a>(pub(crate) &'a Session);

impl TenantAdmin<'_> {
    pub(crate) async fn lock(&self, id: TenantId, now: Timestamp) -> Result<Option<Tenant>, Error> {
        self.0.run(&LOCK, (id, now)).await
    }

    pub(crate) async fn mark_deleting(&self, id: TenantId, now: Timestamp) -> Result<u64, Error> {
        self.0.run(&MARK_DELETING, (id, now)).await
    }

    pub(crate) async fn forget(&self, id: TenantId, now: Timestamp) -> Result<u64, Error> {
        self.0
            .run(&FORGET, (id, format!("deleted-{id}"), now))
            .await
    }

    /// A page in the order of their numbers.
    pub(crate) async fn page(
        &self,
        asked: Paging<'_, TenantFilter>,
    ) -> Result<Page<Tenant>, Error> {
        let col = |name: &'static str| Expr::col(("t", name));
        let mut query = Query::select();
        for column in Tenant::COLUMNS {
            query.column(("t", *column));
        }
        let filter = asked.filter;
        query
            .from_as("brisk_tenants", "t")
            .and_where_option(filter.status.map(|s| col("status").eq(s.as_str())))
            .and_where_option(filter.kind.map(|k| col("kind").eq(k.as_str())));
        let order = brisk_db::Order::default();
        let order = order.by(col("id"), Direction::Asc, |t: &Tenant| t.id.get());
        self.0
            .page("identity.tenant_admin.page", query, &order, asked)
            .await
    }
}
