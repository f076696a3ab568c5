//! Registering: a tenant, its roles and its first owner, or nothing of it.

use brisk_core::{FieldError, Scope};
use brisk_db::{Batch, Session};

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::mail::Errand;
use crate::logic::session::{Granted, Proven, begin};
use crate::logic::{me, tenant};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::tenant_rules::TenantRules;
use crate::model::user::{User, UserStatus, check_full_name};
use crate::settings::Registration;
use crate::state::IdentityState;
use crate::store::role::Roles;
use crate::store::user::{NewUser, Users};

/// Who registers.
pub(crate) struct Registrant<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
    pub(crate) full_name: &'a str,
    pub(crate) tenant_name: &'a str,
}

/// Somebody new, and its session where it may come in at once.
pub(crate) struct Registered {
    pub(crate) user: User,
    pub(crate) granted: Option<Granted>,
}

/// Every wrong field of somebody to be made.
pub(crate) fn check_person(
    email: &str,
    full_name: &str,
    errors: &mut Vec<FieldError>,
) -> Option<Email> {
    let parsed = Email::parse(email);
    if parsed.is_none() {
        errors.push(FieldError::new(
            "email",
            "invalid_email",
            "must be an e-mail address",
        ));
    }
    check_full_name(full_name, errors);
    parsed
}

/// Makes a tenant with its first owner, who is sent a mail that proves the address.
///
/// # Errors
///
/// [`Error::Fields`], [`Error::WeakPassword`], [`Error::Forbidden`] where nobody may register.
pub(crate) async fn register(
    state: &IdentityState,
    scope: &Scope,
    new: Registrant<'_>,
    device: &Device,
) -> Result<Registered, Error> {
    if state.settings.registration_mode != Registration::OpenTenant {
        return Err(Error::Forbidden(
            "nobody can register here; ask for an invitation",
        ));
    }
    let mut errors = Vec::new();
    let email = check_person(new.email, new.full_name, &mut errors);
    let name = new.tenant_name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        let message = "must have 1 to 200 characters";
        errors.push(FieldError::new("tenant_name", "length", message));
    }
    let Some(email) = email.filter(|_| errors.is_empty()) else {
        return Err(Error::Fields(errors));
    };
    me::check_password(
        state,
        &TenantRules::default(),
        "password",
        new.password,
        &[&email.norm, new.full_name, name],
    )?;
    let hash = state.passwords.hash(new.password).await?;
    let is_open = !state.settings.require_verified_email;
    let session = state.platform(scope);
    session
        .transaction(async |session: Session| {
            let (tenant, owner) = tenant::make(state, &session, name).await?;
            let session = session.for_tenant(tenant.id);
            let now = state.clock.now();
            let id = UserId(state.ids.uuid());
            let user = NewUser {
                id,
                email: email.clone(),
                is_verified: false,
                password_hash: Some(hash.clone()),
                full_name: new.full_name.trim().to_owned(),
                status: UserStatus::Active,
                is_superuser: true,
                metadata: serde_json::json!({}),
            };
            let mut user = Users(&session).insert(user, now).await?;
            Roles(&session).assign(id, owner, None, now).await?;
            let actor = Actor {
                user: Some(id.0),
                ..Actor::default()
            };
            let entry = Entry::new("tenant.registered", tenant.id, actor, device.clone());
            let mut batch = Batch::new();
            state.audit.add(&mut batch, [entry.on("tenant", tenant.id)]);
            let proof = Errand::Proof { user: id }.job(state, tenant.id)?;
            state.queue.add(&mut batch, vec![proof]);
            let granted = if is_open {
                let proven = Proven {
                    tenant: tenant.id,
                    user: id,
                    epoch: 1,
                    amr: vec!["pwd"],
                    device: device.clone(),
                    label: None,
                    better_hash: None,
                };
                let granted = begin(state, &proven, &mut batch)?;
                user.last_login_at = Some(now);
                Some(granted)
            } else {
                None
            };
            session.batch(batch).await?;
            Ok::<_, Error>(Registered { user, granted })
        })
        .await
}
