//! Nobody gives or touches what it does not have itself.

use brisk_core::{FieldError, Permissions, Principal, TenantId};
use brisk_db::Session;

use crate::error::Error;
use crate::ids::{RoleId, UserId};
use crate::model::role::{MOST_OF_ONE, Role};
use crate::store::role_admin::RoleAdmin;
use crate::store::user_admin::{Judged, UserAdmin};

/// Passes who has all of `wanted` in its tenant.
///
/// # Errors
///
/// [`Error::Lacks`] with the first permission that the caller does not have.
pub(crate) fn cover(
    caller: &Principal,
    tenant: TenantId,
    wanted: &Permissions,
) -> Result<(), Error> {
    let lacking = wanted.iter().find(|name| !caller.can(name, tenant));
    lacking.map_or(Ok(()), |name| Err(Error::Lacks(name.to_owned().into())))
}

/// Somebody whom the caller of `session` may change: who has no permission that the caller lacks.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Lacks`].
pub(crate) async fn subject(session: &Session, id: UserId) -> Result<Judged, Error> {
    let found = UserAdmin(session).get(id).await?;
    let found = found.ok_or(NO_USER)?;
    let caller = session.scope().principal();
    cover(caller, session.tenant(), &found.permissions)?;
    Ok(found)
}

/// There is no such user, or it is another tenant's.
pub(crate) const NO_USER: Error = Error::NotFound { what: "user" };

/// There is no such role, or it is another tenant's.
pub(crate) const NO_ROLE: Error = Error::NotFound { what: "role" };

/// The roles of these ids, each of which the caller of `session` may give.
///
/// # Errors
///
/// [`Error::NotFound`] for an id of no role of the tenant; [`Error::Lacks`]; [`Error::Fields`] for too many.
pub(crate) async fn roles_to_give(session: &Session, ids: &[RoleId]) -> Result<Vec<Role>, Error> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MOST_OF_ONE {
        let message = format!("must have at most {MOST_OF_ONE} roles");
        return Err(Error::Fields(vec![FieldError::new(
            "role_ids", "too_many", message,
        )]));
    }
    let roles = RoleAdmin(session).list_by_ids(&ids).await?;
    if roles.len() != ids.len() {
        return Err(NO_ROLE);
    }
    may_give(session, &roles)?;
    Ok(roles)
}

/// Passes who has all that these roles allow.
///
/// # Errors
///
/// [`Error::Lacks`].
pub(crate) fn may_give(session: &Session, roles: &[Role]) -> Result<(), Error> {
    let caller = session.scope().principal();
    let mut all = roles.iter();
    all.try_for_each(|role| cover(caller, session.tenant(), &role.permissions))
}

/// Passes while the tenant keeps an active owner without this one. The tenant's people must be locked.
///
/// # Errors
///
/// [`Error::LastOwner`].
pub(crate) async fn keep_an_owner(session: &Session, leaving: &Judged) -> Result<(), Error> {
    if !leaving.is_active_owner() {
        return Ok(());
    }
    let id = leaving.detail.user.id;
    if UserAdmin(session).count_other_owners(id).await? == 0 {
        return Err(Error::LastOwner);
    }
    Ok(())
}
