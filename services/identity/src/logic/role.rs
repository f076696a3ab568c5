//! Those who run a tenant look after its roles.

use brisk_auth::TenantKind;
use brisk_core::{FieldError, Permissions, Scope};
use brisk_db::{Batch, OnConflict, Page, Paging, Session};

use crate::error::Error;
use crate::ids::RoleId;
use crate::logic::audit::entry;
use crate::logic::rights::{NO_ROLE, cover};
use crate::model::audit::Device;
use crate::model::catalogue::OWNER;
use crate::model::role::{MOST_ROLES, Role, is_description, is_role_name, known};
use crate::state::IdentityState;
use crate::store::role::{self, NewRoleRow};
use crate::store::role_admin::{self, RoleAdmin};
use crate::store::user_admin::UserAdmin;
use crate::store::user_list::{UserFilter, UserLine, UserLists, UserSort};

/// A role to be made, or what changes of one; what is none stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) permissions: Option<Vec<String>>,
    pub(crate) is_default: Option<bool>,
}

const NAME_TAKEN: Error = Error::Conflict {
    field: "name",
    detail: "there is a role with this name",
};

fn taken(error: brisk_db::Error) -> Error {
    match error.unique_rule() {
        Some(_) => NAME_TAKEN,
        None => Error::Db(error),
    }
}

/// All roles of the tenant.
pub(crate) async fn list(session: &Session) -> Result<Vec<Role>, Error> {
    Ok(RoleAdmin(session).list().await?)
}

/// One role.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(session: &Session, id: RoleId) -> Result<Role, Error> {
    RoleAdmin(session).get(id).await?.ok_or(NO_ROLE)
}

/// Every wrong field, and whether the permissions may be given by the tenant and the caller.
async fn check(
    state: &IdentityState,
    scope: &Scope,
    change: &RoleChange,
) -> Result<Option<Permissions>, Error> {
    let mut errors = Vec::new();
    if change.name.as_deref().is_some_and(|n| !is_role_name(n)) {
        let message = "must have 1 to 100 characters, no line breaks and no commas";
        errors.push(FieldError::new("name", "length", message));
    }
    let description = change.description.as_deref();
    if description.is_some_and(|text| !is_description(text)) {
        let message = "must have at most 255 characters and no line breaks";
        errors.push(FieldError::new("description", "length", message));
    }
    let names = change.permissions.as_deref().unwrap_or_default();
    for name in names.iter().filter(|name| known(name).is_none()) {
        let message = format!("{name:?} is no permission");
        errors.push(FieldError::new(
            "permissions",
            "unknown_permission",
            message,
        ));
    }
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    if names.iter().any(|name| known(name) == Some(true)) {
        let own = state.tenants.get(scope.tenant()).await?;
        if own.is_none_or(|tenant| tenant.kind != TenantKind::System) {
            let detail = "only the system tenant gives permissions of the platform";
            return Err(Error::Forbidden(detail));
        }
    }
    let Some(names) = &change.permissions else {
        return Ok(None);
    };
    let permissions = Permissions::of(names);
    cover(scope.principal(), scope.tenant(), &permissions)?;
    Ok(Some(permissions))
}

fn names(permissions: &Permissions) -> Vec<String> {
    permissions.iter().map(str::to_owned).collect()
}

/// Makes a role.
///
/// # Errors
///
/// [`Error::Fields`], [`Error::Lacks`] for a permission that the caller does not have, [`Error::Forbidden`] for one of the
/// platform outside the system tenant, [`Error::Conflict`].
pub(crate) async fn create(
    state: &IdentityState,
    scope: &Scope,
    new: RoleChange,
    device: &Device,
) -> Result<Role, Error> {
    let permissions = check(state, scope, &new).await?.unwrap_or_default();
    let now = state.clock.now();
    let made = Role {
        id: RoleId(state.ids.uuid()),
        name: new.name.unwrap_or_default().trim().to_owned(),
        description: new.description.unwrap_or_default(),
        permissions,
        is_default: new.is_default.unwrap_or(false),
        is_builtin: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            if RoleAdmin(&session).count().await? >= MOST_ROLES {
                return Err(Error::Conflict {
                    field: "name",
                    detail: "there are as many roles as a tenant may have",
                });
            }
            let row = NewRoleRow {
                id: made.id,
                tenant_id: session.tenant(),
                name: made.name.clone(),
                description: made.description.clone(),
                is_default: made.is_default,
                is_builtin: false,
                created_at: now,
                updated_at: now,
            };
            let mut batch = Batch::new();
            batch.insert_many(vec![row], OnConflict::Fail);
            let grant = (session.tenant(), made.id, names(&made.permissions));
            batch.run(&role::GRANT, grant);
            let note = entry(&session, "role.created", device).on("role", made.id);
            let note = note.with("permissions", names(&made.permissions));
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await.map_err(taken)?;
            Ok(())
        })
        .await?;
    Ok(made)
}

/// Changes a role, where `is_expected` finds it as the caller last saw it; its holders notice at their next request.
///
/// # Errors
///
/// As [`create`]; [`Error::NotFound`], [`Error::Stale`]; [`Error::Conflict`] for what is built in.
pub(crate) async fn update(
    state: &IdentityState,
    scope: &Scope,
    id: RoleId,
    change: RoleChange,
    is_expected: &(dyn Fn(&Role) -> bool + Send + Sync),
    device: &Device,
) -> Result<Role, Error> {
    let permissions = check(state, scope, &change).await?;
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            let before = RoleAdmin(&session).get(id).await?.ok_or(NO_ROLE)?;
            // Who has it has all of that.
            cover(scope.principal(), scope.tenant(), &before.permissions)?;
            if !is_expected(&before) {
                return Err(Error::Stale);
            }
            let mut after = before.clone();
            if let Some(name) = &change.name {
                after.name = name.trim().to_owned();
            }
            if let Some(description) = &change.description {
                after.description.clone_from(description);
            }
            if let Some(permissions) = &permissions {
                after.permissions = permissions.clone();
            }
            after.is_default = change.is_default.unwrap_or(before.is_default);
            if before.is_builtin && after.name != before.name {
                return Err(Error::Conflict {
                    field: "name",
                    detail: "a role that every tenant has keeps its name",
                });
            }
            if before.is_builtin && before.name == OWNER && after.permissions != before.permissions
            {
                return Err(Error::Conflict {
                    field: "permissions",
                    detail: "owners may do everything",
                });
            }
            let (tenant, now) = (session.tenant(), state.clock.now());
            let mut batch = Batch::new();
            let params = (
                tenant,
                id,
                Some(after.name.clone()),
                Some(after.description.clone()),
                Some(after.is_default),
                now,
            );
            batch.run(&role_admin::UPDATE, params);
            if after.permissions != before.permissions {
                let list = names(&after.permissions);
                batch.run(
                    &role_admin::TAKE_PERMISSIONS_BUT,
                    (tenant, id, list.clone()),
                );
                batch.run(&role::GRANT, (tenant, id, list));
            }
            after.version += 1;
            after.updated_at = now;
            let note = entry(&session, "role.updated", device).on("role", id);
            let note = note.change("name", before.name, after.name.clone()).change(
                "permissions",
                names(&before.permissions),
                names(&after.permissions),
            );
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await.map_err(taken)?;
            Ok(after)
        })
        .await
}

/// Deletes a role; one that somebody has only where `force` says so.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Lacks`]; [`Error::Conflict`] for a role that is built in or that somebody has.
pub(crate) async fn delete(
    state: &IdentityState,
    scope: &Scope,
    id: RoleId,
    force: bool,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            let roles = RoleAdmin(&session);
            let role = roles.get(id).await?.ok_or(NO_ROLE)?;
            cover(scope.principal(), scope.tenant(), &role.permissions)?;
            if role.is_builtin {
                return Err(Error::Conflict {
                    field: "id",
                    detail: "a role that every tenant has stays",
                });
            }
            if !force && roles.count_holders(id).await? > 0 {
                return Err(Error::Conflict {
                    field: "id",
                    detail: "somebody has this role; `force=true` takes it from all",
                });
            }
            let mut batch = Batch::new();
            batch.run(&role_admin::TAKE_FROM_ALL, (session.tenant(), id));
            batch.run(&role_admin::DELETE, (session.tenant(), id));
            let note = entry(&session, "role.deleted", device).on("role", id);
            state.audit.add(&mut batch, [note.with("name", role.name)]);
            session.batch(batch).await?;
            Ok(())
        })
        .await
}

/// A page of those who have a role, the newest person first.
///
/// # Errors
///
/// [`Error::NotFound`]; for a cursor of another list.
pub(crate) async fn holders(
    session: &Session,
    id: RoleId,
    asked: Paging<'_, UserFilter>,
) -> Result<Page<UserLine>, Error> {
    let (roles, lists) = (RoleAdmin(session), UserLists(session));
    let reads = (roles.get(id), lists.page(UserSort::Newest, asked));
    let (role, page) = brisk_db::together(reads)
        .await
        .all()
        .map_err(brisk_db::Failed::into_first)?;
    role.ok_or(NO_ROLE)?;
    Ok(page)
}
