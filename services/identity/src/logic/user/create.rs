//! One person is made.

use brisk_core::{FieldError, Scope};
use brisk_db::{Batch, Session};
use serde_json::{Value, json};

use crate::error::Error;
use crate::ids::{RoleId, UserId};
use crate::logic::audit::entry;
use crate::logic::mail::Errand;
use crate::logic::register::check_person;
use crate::logic::rights::{may_give, roles_to_give};
use crate::logic::{me, tenant};
use crate::model::audit::Device;
use crate::model::role::RoleRef;
use crate::model::tenant_rules::TenantRules;
use crate::model::user::{UserDetail, UserStatus, check_metadata};
use crate::state::IdentityState;
use crate::store::role_admin::RoleAdmin;
use crate::store::user::{NewUser, Users};
use crate::store::user_admin::UserRoleRow;

/// Somebody to be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewPerson {
    pub(crate) email: String,
    pub(crate) full_name: String,
    /// Without one it is invited.
    pub(crate) password: Option<String>,
    /// The tenant's defaults where it is none.
    pub(crate) role_ids: Option<Vec<RoleId>>,
    pub(crate) metadata: Option<Value>,
    /// Whether it is sent an invitation; only somebody without a password is.
    pub(crate) is_written_to: bool,
}

/// Adds an entry for an invitation to somebody who needs none.
pub(crate) fn check_invite(is_wanted: bool, password: Option<&str>, errors: &mut Vec<FieldError>) {
    if is_wanted && password.is_some() {
        let message = "is for people without a password: they choose it when they come";
        errors.push(FieldError::new("send_invite", "has_password", message));
    }
}

/// What is said where somebody has the address already.
pub(crate) const EMAIL_TAKEN: Error = Error::Conflict {
    field: "email",
    detail: "somebody in the tenant has this e-mail address",
};

/// Turns the refusal of an address that somebody has into its answer.
pub(crate) fn taken(error: brisk_db::Error) -> Error {
    match error.unique_rule() {
        Some(_) => EMAIL_TAKEN,
        None => Error::Db(error),
    }
}

/// Makes somebody in the caller's tenant.
///
/// # Errors
///
/// [`Error::Fields`], [`Error::WeakPassword`], [`Error::Lacks`] for a role that the caller may not give,
/// [`Error::NotFound`] for one that is not there, [`Error::Conflict`] for an address that somebody has.
pub(crate) async fn create(
    state: &IdentityState,
    scope: &Scope,
    new: NewPerson,
    device: &Device,
) -> Result<UserDetail, Error> {
    let own = tenant::rules(state, scope.tenant()).await?;
    let mut errors: Vec<FieldError> = Vec::new();
    let email = check_person(&new.email, &new.full_name, &mut errors);
    if email.as_ref().is_some_and(|email| !own.admits(email)) {
        errors.push(TenantRules::refusal());
    }
    if let Some(metadata) = &new.metadata {
        check_metadata(metadata, &mut errors);
    }
    check_invite(new.is_written_to, new.password.as_deref(), &mut errors);
    let Some(email) = email.filter(|_| errors.is_empty()) else {
        return Err(Error::Fields(errors));
    };
    let password_hash = match &new.password {
        None => None,
        Some(password) => {
            let context = [email.norm.as_str(), &new.full_name];
            me::check_password(state, &own, "password", password, &context)?;
            Some(state.passwords.hash(password).await?)
        }
    };
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let roles = if let Some(ids) = &new.role_ids {
                roles_to_give(&session, ids).await?
            } else {
                let mut usual = RoleAdmin(&session).list().await?;
                usual.retain(|role| role.is_default);
                may_give(&session, &usual)?;
                usual
            };
            let now = state.clock.now();
            let id = UserId(state.ids.uuid());
            let status = if password_hash.is_some() {
                UserStatus::Active
            } else {
                UserStatus::Invited
            };
            let user = NewUser {
                id,
                email: email.clone(),
                is_verified: false,
                password_hash: password_hash.clone(),
                full_name: new.full_name.trim().to_owned(),
                status,
                is_superuser: false,
                metadata: new.metadata.clone().unwrap_or_else(|| json!({})),
            };
            let user = Users(&session).insert(user, now).await.map_err(taken)?;
            let by = session.scope().principal().id;
            let rows = roles.iter().map(|role| UserRoleRow {
                tenant_id: session.tenant(),
                user_id: id,
                role_id: role.id,
                granted_by: Some(by),
                granted_at: now,
            });
            let mut batch = Batch::new();
            batch.insert_many(rows.collect(), brisk_db::OnConflict::Skip);
            let names: Vec<_> = roles.iter().map(|role| role.name.clone()).collect();
            let made = entry(&session, "user.created", device)
                .on("user", id)
                .with("roles", names);
            state.audit.add(&mut batch, [made]);
            let errand = Errand::welcome(state, id, status, new.is_written_to);
            let job = errand.map(|errand| errand.job(state, session.tenant()));
            let jobs = job.transpose()?.into_iter().collect();
            state.queue.add(&mut batch, jobs);
            session.batch(batch).await?;
            let refs = roles.into_iter().map(|role| RoleRef {
                id: role.id,
                name: role.name,
            });
            Ok(UserDetail::new(user, refs.collect()))
        })
        .await
}
