//! What those who run a tenant change about somebody.

use brisk_core::{FieldError, Scope};
use brisk_db::Session;
use serde_json::Value;

use super::create::taken;
use crate::error::Error;
use crate::ids::UserId;
use crate::logic::account::Account;
use crate::logic::audit::entry;
use crate::logic::rights::{NO_USER, subject};
use crate::logic::tenant;
use crate::model::audit::Device;
use crate::model::email::Email;
use crate::model::tenant_rules::TenantRules;
use crate::model::user::{UserDetail, check_full_name, check_metadata, name_norm};
use crate::state::IdentityState;
use crate::store::user_admin::{UserAdmin, UserUpdate};

/// A change; what is none stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserChange {
    pub(crate) full_name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) metadata: Option<Value>,
    /// Only a superuser gives and takes this, freshly signed in; the route sees to the latter.
    pub(crate) is_superuser: Option<bool>,
}

/// Changes somebody, where `is_expected` finds it as the caller last saw it.
///
/// # Errors
///
/// [`Error::Fields`], [`Error::NotFound`], [`Error::Lacks`], [`Error::Stale`], [`Error::Conflict`] for an address that
/// somebody has, [`Error::Forbidden`] where it takes a superuser.
pub(crate) async fn update(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    change: UserChange,
    is_expected: &(dyn Fn(&UserDetail) -> bool + Send + Sync),
    device: &Device,
) -> Result<UserDetail, Error> {
    let own = tenant::rules(state, scope.tenant()).await?;
    let mut errors = Vec::new();
    if let Some(name) = &change.full_name {
        check_full_name(name, &mut errors);
    }
    let email = change.email.as_deref().map(Email::parse);
    match &email {
        Some(None) => {
            let message = "must be an e-mail address";
            errors.push(FieldError::new("email", "invalid_email", message));
        }
        Some(Some(email)) if !own.admits(email) => errors.push(TenantRules::refusal()),
        _ => {}
    }
    if let Some(metadata) = &change.metadata {
        check_metadata(metadata, &mut errors);
    }
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    let email = email.flatten();
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let users = UserAdmin(&session);
            users.lock().await?;
            let found = subject(&session, id).await?;
            if !is_expected(&found.detail) {
                return Err(Error::Stale);
            }
            let mut after = found.detail.clone();
            let mut note = entry(&session, "user.updated", device).on("user", id);
            let mut write = UserUpdate::default();
            if let Some(name) = &change.full_name {
                let name = name.trim().to_owned();
                note = note.change("full_name", after.user.full_name, name.clone());
                write.name_norm = Some(name_norm(&name));
                write.full_name = Some(name.clone());
                after.user.full_name = name;
            }
            // The same address in other letters, too, is proved anew.
            if let Some(email) = email.as_ref().filter(|e| e.typed != after.user.email) {
                note = note.change("email", after.user.email.clone(), email.typed.clone());
                write.email = Some(email.typed.clone());
                write.email_norm = Some(email.norm.clone());
                after.user.email.clone_from(&email.typed);
                after.user.email_verified = false;
            }
            if let Some(metadata) = &change.metadata {
                note = note.change("metadata", after.user.metadata.clone(), metadata.clone());
                write.metadata = Some(metadata.clone());
                after.user.metadata.clone_from(metadata);
            }
            if let Some(is) = change
                .is_superuser
                .filter(|is| *is != after.user.is_superuser)
            {
                let caller = Account::of(session.scope().principal());
                if !caller.is_some_and(|account| account.user.is_superuser) {
                    return Err(Error::Forbidden("only a superuser makes superusers"));
                }
                note = note.change("is_superuser", after.user.is_superuser, is);
                write.is_superuser = Some(is);
                after.user.is_superuser = is;
            }
            let now = state.clock.now();
            if users.update(id, write, now).await.map_err(taken)? == 0 {
                return Err(NO_USER);
            }
            after.user.updated_at = now;
            state.audit.with(&session, note).await?;
            Ok(after)
        })
        .await
}
