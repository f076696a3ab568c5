//! Tenants are looked after: each by its owners, all of them by those who run the installation.

use brisk_auth::{NewTenant, Tenant, TenantKind, TenantStatus, Tenants};
use brisk_core::{FieldError, Scope, TenantId};
use brisk_db::{Json, Session};
use brisk_jobs::NewJob;
use serde_json::{Value, json};

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::erase::ERASE_JOB;
use crate::logic::mail::Errand;
use crate::logic::register::check_person;
use crate::logic::user::check_invite;
use crate::logic::{me, tenant};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::tenant_rules::TenantRules;
use crate::model::user::{User, UserStatus};
use crate::state::IdentityState;
use crate::store::role::Roles;
use crate::store::tenant_admin::TenantAdmin;
use crate::store::user::{NewUser, Users};

/// There is no such tenant.
pub(crate) const NO_TENANT: Error = Error::NotFound { what: "tenant" };

const SYSTEM_STAYS: Error = Error::Conflict {
    field: "id",
    detail: "the tenant of those who run the installation stays",
};

const ON_ITS_WAY_OUT: Error = Error::Conflict {
    field: "status",
    detail: "the tenant is being deleted",
};

/// What changes of a tenant; what is none stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct TenantChange {
    pub(crate) name: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) settings: Option<TenantRules>,
}

/// Turns refusals of the table of tenants into answers of this service.
fn refused(error: brisk_auth::Error) -> Error {
    match error {
        brisk_auth::Error::Taken { field } => Error::Conflict {
            field,
            detail: "another tenant has it",
        },
        brisk_auth::Error::Invalid {
            field,
            code,
            problem,
        } => Error::field(field, code, problem),
        other => Error::Auth(other),
    }
}

/// An entry about a tenant, in the log of the caller's own.
fn entry(scope: &Scope, action: &'static str, tenant: TenantId, device: &Device) -> Entry {
    let actor = Actor::of(scope.principal());
    Entry::new(action, scope.tenant(), actor, device.clone()).on("tenant", tenant)
}

fn check(settings: Option<&TenantRules>) -> Result<(), Error> {
    let mut errors = Vec::new();
    if let Some(settings) = settings {
        settings.check(&mut errors);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Fields(errors))
    }
}

/// The settings with these rules; members of others stay.
fn with_rules(settings: &Value, rules: &TenantRules) -> Value {
    let mut all = settings.as_object().cloned().unwrap_or_default();
    for own in TenantRules::MEMBERS {
        all.remove(own);
    }
    if let Ok(Value::Object(new)) = serde_json::to_value(rules) {
        all.extend(new);
    }
    Value::Object(all)
}

/// One tenant.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(
    state: &IdentityState,
    scope: &Scope,
    id: TenantId,
) -> Result<Tenant, Error> {
    let session = state.platform(scope);
    Tenants::new(&session).get(id).await?.ok_or(NO_TENANT)
}

/// Changes a tenant, where `is_expected` finds it as the caller last saw it.
///
/// # Errors
///
/// [`Error::Fields`], [`Error::NotFound`], [`Error::Stale`]; [`Error::Conflict`] while it is being deleted.
pub(crate) async fn update(
    state: &IdentityState,
    scope: &Scope,
    id: TenantId,
    change: TenantChange,
    is_expected: &(dyn Fn(&Tenant) -> bool + Send + Sync),
    device: &Device,
) -> Result<Tenant, Error> {
    check(change.settings.as_ref())?;
    let session = state.platform(scope);
    session
        .transaction(async |session: Session| {
            let seen = Tenants::new(&session).get(id).await?.ok_or(NO_TENANT)?;
            let now = state.clock.now();
            let locked = TenantAdmin(&session).lock(id, now).await?;
            let before = locked.ok_or(NO_TENANT)?;
            // The lock has written the time of the change already.
            let as_read = Tenant {
                updated_at: seen.updated_at,
                ..before.clone()
            };
            if !is_expected(&as_read) {
                return Err(Error::Stale);
            }
            if before.status == TenantStatus::Deleting {
                return Err(ON_ITS_WAY_OUT);
            }
            let mut after = before.clone();
            if let Some(name) = &change.name {
                after.name = name.trim().to_owned();
            }
            if let Some(timezone) = &change.timezone {
                after.timezone.clone_from(timezone);
            }
            if let Some(locale) = &change.locale {
                after.locale.clone_from(locale);
            }
            if let Some(rules) = &change.settings {
                after.settings = Json(with_rules(&before.settings.0, rules));
            }
            let tenants = Tenants::new(&session);
            let after = tenants.update(after, &state.clock).await.map_err(refused)?;
            let after = after.ok_or(NO_TENANT)?;
            let note = entry(scope, "tenant.updated", id, device)
                .change("name", before.name, after.name.clone())
                .change("settings", before.settings.0, after.settings.0.clone());
            state.audit.with(&session, note).await?;
            Ok(after)
        })
        .await
}

/// Locks a tenant out for good; its rows are erased by a job. Twice is as once.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Conflict`] for the system tenant.
pub(crate) async fn delete(
    state: &IdentityState,
    scope: &Scope,
    id: TenantId,
    device: &Device,
) -> Result<Tenant, Error> {
    let session = state.platform(scope);
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            let tenants = TenantAdmin(&session);
            let mut found = tenants.lock(id, now).await?.ok_or(NO_TENANT)?;
            if found.kind == TenantKind::System {
                return Err(SYSTEM_STAYS);
            }
            if found.status == TenantStatus::Deleting {
                return Ok(found);
            }
            tenants.mark_deleting(id, now).await?;
            let job = NewJob::new(id, ERASE_JOB, &())?.dedup("erase");
            state.queue.enqueue(&session, vec![job]).await?;
            let note = entry(scope, "tenant.deleted", id, device);
            state.audit.with(&session, note).await?;
            found.status = TenantStatus::Deleting;
            Ok(found)
        })
        .await
}

/// Locks a tenant out for a while, or lets it in again. Twice is as once.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Conflict`] for the system tenant and for one that is being deleted.
pub(crate) async fn set_status(
    state: &IdentityState,
    scope: &Scope,
    id: TenantId,
    status: TenantStatus,
    device: &Device,
) -> Result<Tenant, Error> {
    let session = state.platform(scope);
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            let found = TenantAdmin(&session).lock(id, now).await?;
            let mut found = found.ok_or(NO_TENANT)?;
            if found.kind == TenantKind::System {
                return Err(SYSTEM_STAYS);
            }
            if found.status == TenantStatus::Deleting {
                return Err(ON_ITS_WAY_OUT);
            }
            if found.status == status {
                return Ok(found);
            }
            let before = std::mem::replace(&mut found.status, status);
            let tenants = Tenants::new(&session);
            let after = tenants.update(found, &state.clock).await.map_err(refused)?;
            let action = match status {
                TenantStatus::Active => "tenant.resumed",
                TenantStatus::Suspended | TenantStatus::Deleting => "tenant.suspended",
            };
            let note = entry(scope, action, id, device);
            let note = note.change("status", before.as_str(), status.as_str());
            state.audit.with(&session, note).await?;
            after.ok_or(NO_TENANT)
        })
        .await
}

/// A customer to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewCustomer {
    pub(crate) name: String,
    /// Made from the name where there is none.
    pub(crate) slug: Option<String>,
    pub(crate) kind: TenantKind,
    pub(crate) timezone: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) settings: Option<TenantRules>,
    pub(crate) owner: Option<NewOwner>,
}

/// The first owner of a customer.
#[derive(Clone, Debug)]
pub(crate) struct NewOwner {
    pub(crate) email: String,
    pub(crate) full_name: String,
    /// Without one it is invited.
    pub(crate) password: Option<String>,
    /// Whether it is sent an invitation; only somebody without a password is.
    pub(crate) is_written_to: bool,
}

/// Makes a customer with its roles, and its first owner where one is named.
///
/// # Errors
///
/// [`Error::Fields`], [`Error::WeakPassword`], [`Error::Conflict`] for a slug that another has.
pub(crate) async fn create(
    state: &IdentityState,
    scope: &Scope,
    new: NewCustomer,
    device: &Device,
) -> Result<(Tenant, Option<User>), Error> {
    check(new.settings.as_ref())?;
    if new.kind == TenantKind::System {
        let message = "there is one already";
        return Err(Error::field("kind", "system", message));
    }
    let owner = match &new.owner {
        Some(owner) => Some(prepare(state, owner).await?),
        None => None,
    };
    let session = state.platform(scope);
    session
        .transaction(async |session: Session| {
            let name = new.name.trim();
            let slug = match &new.slug {
                Some(slug) => slug.clone(),
                None => tenant::free_slug(state, &session, name).await?,
            };
            let usual = NewTenant::new(slug, name, new.kind);
            let wanted = NewTenant {
                timezone: new.timezone.clone().unwrap_or(usual.timezone),
                locale: new.locale.clone().unwrap_or(usual.locale),
                settings: match &new.settings {
                    Some(rules) => with_rules(&usual.settings, rules),
                    None => usual.settings,
                },
                ..NewTenant::new(usual.slug, usual.name, usual.kind)
            };
            let tenants = Tenants::new(&session);
            let made = tenants.insert(wanted, &state.clock).await;
            let made = made.map_err(refused)?;
            let inside = session.for_tenant(made.id);
            let role = tenant::furnish(state, &inside).await?;
            let mut first = None;
            if let Some(owner) = &owner {
                let now = state.clock.now();
                let owner = NewUser {
                    id: UserId(state.ids.uuid()),
                    ..owner.clone()
                };
                let user = Users(&inside).insert(owner, now).await?;
                Roles(&inside).assign(user.id, role, None, now).await?;
                let is_written_to = new.owner.as_ref().is_some_and(|o| o.is_written_to);
                let errand = Errand::welcome(state, user.id, user.status, is_written_to);
                if let Some(errand) = errand {
                    let job = errand.job(state, made.id)?;
                    state.queue.enqueue(&inside, vec![job]).await?;
                }
                first = Some(user);
            }
            let note = entry(scope, "tenant.created", made.id, device);
            state.audit.with(&session, note).await?;
            Ok((made, first))
        })
        .await
}

/// The row of a first owner, but for its id.
async fn prepare(state: &IdentityState, owner: &NewOwner) -> Result<NewUser, Error> {
    let mut errors: Vec<FieldError> = Vec::new();
    let email = check_person(&owner.email, &owner.full_name, &mut errors);
    check_invite(owner.is_written_to, owner.password.as_deref(), &mut errors);
    let Some(email) = email.filter(|_| errors.is_empty()) else {
        return Err(Error::Fields(errors));
    };
    let password_hash = match &owner.password {
        None => None,
        Some(password) => {
            let context = [email.norm.as_str(), owner.full_name.as_str()];
            let own = TenantRules::default();
            me::check_password(state, &own, "password", password, &context)?;
            Some(state.passwords.hash(password).await?)
        }
    };
    Ok(NewUser {
        id: UserId(uuid::Uuid::nil()),
        email,
        is_verified: false,
        status: if password_hash.is_some() {
            UserStatus::Active
        } else {
            UserStatus::Invited
        },
        password_hash,
        full_name: owner.full_name.trim().to_owned(),
        is_superuser: true,
        metadata: json!({}),
    })
}

/// Brings in the next signing key; in an emergency at once.
///
/// # Errors
///
/// When the database does not do its part.
pub(crate) async fn rotate_keys(
    state: &IdentityState,
    scope: &Scope,
    emergency: bool,
    device: &Device,
) -> Result<brisk_auth::Rotated, Error> {
    let session = state.platform(scope);
    session
        .transaction(async |session: Session| {
            let rotated = state.tokens.rotate(&session, emergency).await?;
            let actor = Actor::of(scope.principal());
            let note = Entry::new("key.rotated", scope.tenant(), actor, device.clone());
            let note = note.on("key", &rotated.kid).with("emergency", emergency);
            state.audit.with(&session, note).await?;
            Ok::<_, Error>(rotated)
        })
        .await
}
