//! Who has which role.

use brisk_core::Scope;
use brisk_db::{Batch, OnConflict, Session};

use crate::error::Error;
use crate::ids::{RoleId, UserId};
use crate::logic::audit::entry;
use crate::logic::rights::{NO_ROLE, keep_an_owner, roles_to_give, subject};
use crate::model::audit::Device;
use crate::model::catalogue::OWNER;
use crate::model::role::{Role, RoleRef};
use crate::model::user::UserDetail;
use crate::state::IdentityState;
use crate::store::user_admin::{self, Judged, UserAdmin, UserRoleRow};
use crate::store::{role, role_admin};

fn names(roles: &[RoleRef]) -> Vec<String> {
    roles.iter().map(|role| role.name.clone()).collect()
}

/// Gives somebody exactly these roles.
///
/// # Errors
///
/// [`Error::NotFound`] for a person or a role, [`Error::Lacks`], [`Error::LastOwner`].
pub(crate) async fn set_roles(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    wanted: &[RoleId],
    device: &Device,
) -> Result<UserDetail, Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            let found = subject(&session, id).await?;
            let roles = roles_to_give(&session, wanted).await?;
            if !roles.iter().any(|role| role.name == OWNER) {
                keep_an_owner(&session, &found).await?;
            }
            write(state, &session, found, roles, device).await
        })
        .await
}

async fn write(
    state: &IdentityState,
    session: &Session,
    found: Judged,
    roles: Vec<Role>,
    device: &Device,
) -> Result<UserDetail, Error> {
    let before = found.detail;
    let (tenant, now, id) = (session.tenant(), state.clock.now(), before.user.id);
    let by = session.scope().principal().id;
    let ids = roles.iter().map(|role| role.id.0).collect();
    let rows = roles.iter().map(|role| UserRoleRow {
        tenant_id: tenant,
        user_id: id,
        role_id: role.id,
        granted_by: Some(by),
        granted_at: now,
    });
    let mut batch = Batch::new();
    batch.run(&user_admin::TAKE_ROLES_BUT, (tenant, id, ids));
    batch.insert_many(rows.collect(), OnConflict::Skip);
    let refs = roles.into_iter().map(|role| RoleRef {
        id: role.id,
        name: role.name,
    });
    let detail = UserDetail::new(before.user, refs.collect());
    let note = entry(session, "user.roles_set", device).on("user", id);
    let note = note.change("roles", names(&before.roles), names(&detail.roles));
    state.audit.add(&mut batch, [note]);
    session.batch(batch).await?;
    Ok(detail)
}

/// Gives somebody one more role; one that it has stays.
///
/// # Errors
///
/// As [`set_roles`].
pub(crate) async fn add_role(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    wanted: RoleId,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            subject(&session, id).await?;
            let roles = roles_to_give(&session, &[wanted]).await?;
            let by = Some(UserId(session.scope().principal().id));
            let now = state.clock.now();
            let mut batch = Batch::new();
            batch.run(&role::ASSIGN, (session.tenant(), id, wanted, by, now));
            let note = entry(&session, "role.granted", device).on("user", id);
            let name = roles.first().map(|role| role.name.clone());
            state.audit.add(&mut batch, [note.with("role", name)]);
            session.batch(batch).await?;
            Ok(())
        })
        .await
}

/// Takes one role from somebody.
///
/// # Errors
///
/// As [`set_roles`]; [`Error::NotFound`] too where it does not have the role.
pub(crate) async fn take_role(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    taken: RoleId,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            let found = subject(&session, id).await?;
            let role = found.detail.roles.iter().find(|role| role.id == taken);
            let name = role.ok_or(NO_ROLE)?.name.clone();
            if name == OWNER {
                keep_an_owner(&session, &found).await?;
            }
            let mut batch = Batch::new();
            batch.run(&role_admin::TAKE, (session.tenant(), id, taken));
            let note = entry(&session, "role.taken", device).on("user", id);
            state.audit.add(&mut batch, [note.with("role", name)]);
            session.batch(batch).await?;
            Ok(())
        })
        .await
}
