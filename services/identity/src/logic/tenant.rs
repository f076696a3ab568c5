//! Tenants, and what each of them begins with.

use std::collections::HashMap;
use std::sync::Arc;

use brisk_auth::{NewTenant, Tenant, TenantKind, Tenants};
use brisk_core::{FindingKind, TenantId};
use brisk_db::{Batch, OnConflict, Session};

use crate::error::Error;
use crate::ids::RoleId;
use crate::model::catalogue::{BUILTINS, OF_TENANTS, OF_THE_PLATFORM, OWNER, STAFF};
use crate::model::slug::slug;
use crate::model::tenant_rules::TenantRules;
use crate::state::IdentityState;
use crate::store::role::{self, NewRoleRow, PermissionRow, Roles};

/// Tries to find a slug that is free.
const SLUGS: usize = 5;

/// The tenant that somebody names by its slug or number.
pub(crate) async fn named(state: &IdentityState, name: &str) -> Result<Option<Arc<Tenant>>, Error> {
    // A slug is never a number.
    let found = match name.parse() {
        Ok(id) => state.tenants.get(TenantId(id)).await?,
        Err(_) => state.tenants.by_slug(name).await?,
    };
    Ok(found)
}

/// What the tenant sets for itself.
pub(crate) async fn rules(state: &IdentityState, tenant: TenantId) -> Result<TenantRules, Error> {
    let found = state.tenants.get(tenant).await?;
    Ok(found.map_or_else(TenantRules::default, |t| TenantRules::of(&t.settings.0)))
}

/// Makes a customer with its roles, inside the transaction of `session`; answers it and the role of its owners.
///
/// # Errors
///
/// [`Error::Fields`] for a name that cannot be one.
pub(crate) async fn make(
    state: &IdentityState,
    session: &Session,
    name: &str,
) -> Result<(Tenant, RoleId), Error> {
    let slug = free_slug(state, session, name).await?;
    let new = NewTenant::new(slug, name.trim(), TenantKind::Organisation);
    let tenant = Tenants::new(session).insert(new, &state.clock).await?;
    let owner = furnish(state, &session.for_tenant(tenant.id)).await?;
    Ok((tenant, owner))
}

/// A slug made from a name that no tenant has.
///
/// # Errors
///
/// [`Error::Conflict`] where there are many tenants of that name.
pub(crate) async fn free_slug(
    state: &IdentityState,
    session: &Session,
    name: &str,
) -> Result<String, Error> {
    let base = slug(name);
    let why = "a name that somebody has is tried with another ending, at random";
    let session = session.expecting(FindingKind::NPlusOne, why);
    let tenants = Tenants::new(&session);
    for attempt in 0..SLUGS {
        let slug = if attempt == 0 {
            base.clone()
        } else {
            format!("{base}-{}", suffix(state))
        };
        // Looked for first: a row that is refused would end the transaction.
        if tenants.by_slug(&slug).await?.is_none() {
            return Ok(slug);
        }
    }
    Err(Error::Conflict {
        field: "tenant_name",
        detail: "there are many tenants with this name; choose another one",
    })
}

/// Four letters or digits.
fn suffix(state: &IdentityState) -> String {
    let id = state.ids.uuid().simple().to_string();
    id[id.len() - 4..].to_owned()
}

/// Gives the tenant of `session` its roles; answers that of its owners. What is there already stays as it is.
pub(crate) async fn furnish(state: &IdentityState, session: &Session) -> Result<RoleId, Error> {
    let now = state.clock.now();
    let ids = BUILTINS
        .iter()
        .map(|role| (role.name, RoleId(state.ids.uuid())));
    let made: HashMap<_, _> = ids.collect();
    let rows = BUILTINS.iter().map(|role| NewRoleRow {
        id: made[role.name],
        tenant_id: session.tenant(),
        name: role.name.to_owned(),
        description: role.description.to_owned(),
        is_default: role.is_default,
        is_builtin: true,
        created_at: now,
        updated_at: now,
    });
    let grants = BUILTINS.iter().map(|role| {
        let names = role.permissions.iter().map(|&name| name.to_owned());
        (session.tenant(), made[role.name], names.collect())
    });
    let mut batch = Batch::new();
    batch.insert_many(rows.collect(), OnConflict::Fail);
    batch.run_each(&role::GRANT, grants);
    session.batch(batch).await?;
    Ok(made[OWNER])
}

/// Makes the tenant of those who run the installation where there is none; answers it and the role of its owners.
pub(crate) async fn system(
    state: &IdentityState,
    session: &Session,
) -> Result<(TenantId, RoleId), Error> {
    let new = NewTenant::new("system", "System", TenantKind::System);
    let tenant = Tenants::new(session).insert(new, &state.clock).await?;
    let inside = session.for_tenant(tenant.id);
    let owner = furnish(state, &inside).await?;
    let names = STAFF.iter().map(|&name| name.to_owned()).collect();
    Roles(&inside).grant(owner, names).await?;
    Ok((tenant.id, owner))
}

/// Fills the catalogue of permissions with what this release knows.
pub(crate) async fn fill_catalogue(state: &IdentityState, session: &Session) -> Result<(), Error> {
    let rows = OF_TENANTS.iter().chain(OF_THE_PLATFORM);
    let rows = rows.map(|(resource, action, description)| PermissionRow {
        id: state.ids.uuid(),
        resource: (*resource).to_owned(),
        action: (*action).to_owned(),
        description: (*description).to_owned(),
    });
    Roles(session).insert_permissions(rows.collect()).await?;
    Ok(())
}
