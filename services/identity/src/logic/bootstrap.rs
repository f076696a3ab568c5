//! How an installation gets its first administrator: by settings, by a command, or by a link that is shown once.

use std::time::Duration;

use brisk_core::{FieldError, Scope};
use brisk_db::{Batch, Session};

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::register::check_person;
use crate::logic::session::{Granted, Proven, begin};
use crate::logic::{me, tenant};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::secret::{Secret, hash};
use crate::model::session::later;
use crate::model::tenant_rules::TenantRules;
use crate::model::user::{User, UserStatus};
use crate::state::IdentityState;
use crate::store::role::Roles;
use crate::store::setup::SetupTokens;
use crate::store::system::AllTenants;
use crate::store::user::{NewUser, Users};

/// How long the link counts.
const SETUP: Duration = Duration::from_mins(30);

/// What stands before a setup token.
const PREFIX: &str = "bst_";

/// Makes what every installation has: the catalogue of permissions and the system tenant.
///
/// # Errors
///
/// When the database does not do its part.
pub(crate) async fn prepare(state: &IdentityState) -> Result<(), Error> {
    let session = state.db.session(Scope::platform("identity.setup"));
    tenant::fill_catalogue(state, &session).await?;
    if AllTenants(&session).system_tenant().await?.is_some() {
        return Ok(());
    }
    let made = session
        .transaction(async |session: Session| tenant::system(state, &session).await.map(|_| ()))
        .await;
    match made {
        // Another node was first.
        Err(Error::Auth(brisk_auth::Error::Taken { field })) => {
            match AllTenants(&session).system_tenant().await? {
                Some(_) => Ok(()),
                None => Err(Error::Auth(brisk_auth::Error::Taken { field })),
            }
        }
        other => other,
    }
}

/// The address and the hash of a password, from the settings.
///
/// # Errors
///
/// When the database does not do its part, or the address is none.
pub(crate) async fn from_settings(state: &IdentityState) -> Result<(), Error> {
    let settings = &state.settings;
    let (Some(email), Some(hash)) = (&settings.bootstrap_email, &settings.bootstrap_password_hash)
    else {
        return Ok(());
    };
    let Some(email) = Email::parse(email) else {
        return Err(Error::field(
            "bootstrap_email",
            "invalid_email",
            "must be an e-mail address",
        ));
    };
    let session = state.db.session(Scope::platform("identity.setup"));
    let staff = Staff {
        full_name: email.local().to_owned(),
        email,
        password_hash: hash.clone(),
        how: "settings",
        device: Device::default(),
    };
    match first(state, &session, staff).await {
        Ok(user) => {
            tracing::info!(user = %user.id, "the first administrator was made from the settings");
            Ok(())
        }
        Err(Error::NotFound { .. }) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Whether nobody runs the installation yet.
pub(crate) async fn is_open(session: &Session) -> Result<bool, Error> {
    Ok(AllTenants(session).staff().await? == 0)
}

/// A token with which somebody makes the first administrator; none where there is one.
pub(crate) async fn offer(state: &IdentityState) -> Result<Option<Secret>, Error> {
    let session = state.db.session(Scope::platform("identity.setup"));
    if !is_open(&session).await? {
        return Ok(None);
    }
    let token = Secret::random(PREFIX)?;
    let now = state.clock.now();
    let setup = SetupTokens(&session);
    setup.delete_ended(now).await?;
    setup
        .insert(state.ids.uuid(), token.hash(), now, later(now, SETUP))
        .await?;
    Ok(Some(token))
}

/// What the first administrator says of itself.
pub(crate) struct Setup<'a> {
    pub(crate) token: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
    pub(crate) full_name: &'a str,
}

/// Makes the first administrator and signs it in.
///
/// # Errors
///
/// [`Error::NotFound`] once there is one; [`Error::BadRequest`] for a token that does not count; fields and passwords as when
/// registering.
pub(crate) async fn setup(
    state: &IdentityState,
    scope: &Scope,
    new: Setup<'_>,
    device: &Device,
) -> Result<(User, Granted), Error> {
    let session = state.platform(scope);
    if !is_open(&session).await? {
        return Err(GONE);
    }
    let mut errors: Vec<FieldError> = Vec::new();
    let email = check_person(new.email, new.full_name, &mut errors);
    let Some(email) = email.filter(|_| errors.is_empty()) else {
        return Err(Error::Fields(errors));
    };
    me::check_password(
        state,
        &TenantRules::default(),
        "password",
        new.password,
        &[&email.norm, new.full_name],
    )?;
    let password_hash = state.passwords.hash(new.password).await?;
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            if !SetupTokens(&session).consume(hash(new.token), now).await? {
                return Err(Error::BadRequest(
                    "the setup token is not valid, or not any more",
                ));
            }
            let staff = Staff {
                email: email.clone(),
                full_name: new.full_name.trim().to_owned(),
                password_hash: password_hash.clone(),
                how: "link",
                device: device.clone(),
            };
            let user = first(state, &session, staff).await?;
            let proven = Proven {
                tenant: user.tenant_id,
                user: user.id,
                epoch: 1,
                amr: vec!["pwd"],
                device: device.clone(),
                label: None,
                better_hash: None,
            };
            let mut batch = Batch::new();
            let granted = begin(state, &proven, &mut batch)?;
            session.batch(batch).await?;
            Ok((user, granted))
        })
        .await
}

const GONE: Error = Error::NotFound { what: "page" };

/// Somebody who is to run the installation.
pub(crate) struct Staff {
    pub(crate) email: Email,
    pub(crate) full_name: String,
    pub(crate) password_hash: String,
    /// By which of the ways.
    pub(crate) how: &'static str,
    pub(crate) device: Device,
}

/// Makes the first administrator, exactly one however many try.
///
/// # Errors
///
/// [`Error::NotFound`] where there is one already.
pub(crate) async fn first(
    state: &IdentityState,
    session: &Session,
    staff: Staff,
) -> Result<User, Error> {
    session
        .transaction(async |session: Session| {
            // Whoever comes second waits here and then sees the first.
            let tenant = AllTenants(&session)
                .lock_system_tenant(state.clock.now())
                .await?;
            let tenant = tenant.ok_or(GONE)?;
            if !is_open(&session).await? {
                return Err(GONE);
            }
            SetupTokens(&session).delete().await?;
            add(state, &session.for_tenant(tenant), &staff).await
        })
        .await
}

/// Adds an owner to the tenant of `session`.
///
/// # Errors
///
/// [`Error::Conflict`] where somebody has the address.
pub(crate) async fn add(
    state: &IdentityState,
    session: &Session,
    staff: &Staff,
) -> Result<User, Error> {
    let now = state.clock.now();
    let roles = Roles(session);
    let owner = match roles.by_name(crate::model::catalogue::OWNER).await? {
        Some(owner) => owner,
        None => tenant::furnish(state, session).await?,
    };
    let id = UserId(state.ids.uuid());
    let new = NewUser {
        id,
        email: staff.email.clone(),
        is_verified: true,
        password_hash: Some(staff.password_hash.clone()),
        full_name: staff.full_name.clone(),
        status: UserStatus::Active,
        is_superuser: true,
        metadata: serde_json::json!({}),
    };
    let made = Users(session).insert(new, now).await;
    let user = made.map_err(|error| match error.unique_rule() {
        Some(_) => Error::Conflict {
            field: "email",
            detail: "somebody in the tenant has this e-mail address",
        },
        None => Error::Db(error),
    })?;
    roles.assign(id, owner, None, now).await?;
    let actor = Actor::default();
    let entry = Entry::new(
        "admin.created",
        session.tenant(),
        actor,
        staff.device.clone(),
    );
    let entry = entry.on("user", id).with("how", staff.how);
    state.audit.with(session, entry).await?;
    Ok(user)
}
