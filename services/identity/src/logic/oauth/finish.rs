//! The last step of a sign-in at a provider: a session, at once or for a token that is shown once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brisk_auth::TenantStatus;
use brisk_core::{FieldError, Scope, TenantId};
use brisk_db::{Batch, Session};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::error::{Error, TenantChoice};
use crate::ids::UserId;
use crate::logic::one_time::{consume, issue};
use crate::logic::session::{Granted, Proven, Room, start};
use crate::logic::tenant;
use crate::model::audit::{Actor, Device, Entry};
use crate::model::one_time::Purpose;
use crate::model::secret::{Secret, hash};
use crate::model::tenant_rules::TenantRules;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::identity::{Identities, StandingRow};

/// What is said of an account that went away meanwhile.
const GONE: Error = Error::BadRequest("the account is not there any more");

/// Passes who may come in.
///
/// # Errors
///
/// [`Error::TenantSuspended`], [`Error::AccountDisabled`], [`Error::EmailNotVerified`].
pub(super) fn may_come(state: &IdentityState, who: &StandingRow) -> Result<(), Error> {
    match who.tenant_status {
        TenantStatus::Active => {}
        TenantStatus::Suspended => return Err(Error::TenantSuspended),
        TenantStatus::Deleting => return Err(GONE),
    }
    match who.status {
        UserStatus::Active => {}
        UserStatus::Invited | UserStatus::Disabled => return Err(Error::AccountDisabled),
    }
    if state.settings.require_verified_email && who.email_verified_at.is_none() {
        return Err(Error::EmailNotVerified);
    }
    Ok(())
}

/// Begins the session of somebody who is proven and may come in.
pub(super) async fn enter(
    state: &IdentityState,
    scope: &Scope,
    who: &StandingRow,
    provider: &str,
    device: &Device,
) -> Result<Granted, Error> {
    may_come(state, who)?;
    let session = state.session(scope, who.tenant_id);
    if let Some(identity) = who.identity_id {
        Identities(&session)
            .used(identity, state.clock.now())
            .await?;
    }
    let own = TenantRules::of(&who.settings.0);
    let usual = state.settings.sessions_max_per_user;
    let room = Room {
        live: who.sessions,
        most: own.sessions_max_per_user.unwrap_or(usual),
    };
    let proven = Proven {
        tenant: who.tenant_id,
        user: who.id,
        epoch: who.token_epoch,
        amr: vec!["fed"],
        device: device.clone(),
        label: None,
        better_hash: None,
    };
    let granted = start(state, &session, &proven, room).await?;
    let actor = Actor {
        user: Some(who.id.0),
        session: Some(granted.session_id.0),
        client: None,
    };
    let entry = Entry::new("login.ok", who.tenant_id, actor, device.clone())
        .on("user", who.id)
        .with("result", "ok")
        .with("provider", provider);
    state.audit.note(entry);
    Ok(granted)
}

/// A token by which the browser that has `binding` fetches its session within a minute.
pub(super) async fn ticket(
    state: &IdentityState,
    scope: &Scope,
    who: &StandingRow,
    provider: &str,
    binding: &[u8],
) -> Result<Secret, Error> {
    may_come(state, who)?;
    let session = state.session(scope, who.tenant_id);
    let payload = json!({
        "binding": URL_SAFE_NO_PAD.encode(binding), "provider": provider, "identity": who.identity_id});
    let mut batch = Batch::new();
    let purpose = Purpose::LoginExchange;
    let token = issue(state, &session, who.id, purpose, payload, &mut batch)?;
    session.batch(batch).await?;
    Ok(token)
}

/// The session that a token of [`ticket`] stands for, for the browser that it was given to.
///
/// # Errors
///
/// [`Error::BadRequest`] for a token that does not count, which is used up by whoever shows it; what is said of accounts and
/// tenants that may not sign in.
pub(crate) async fn exchange(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
    binding: Option<&str>,
    device: &Device,
) -> Result<Granted, Error> {
    let platform = state.platform(scope);
    let shown = consume(state, &platform, token, Purpose::LoginExchange).await?;
    let payload = &shown.payload.0;
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let ours = URL_SAFE_NO_PAD.encode(hash(binding.unwrap_or_default()));
    let theirs = text("binding").unwrap_or_default();
    if !bool::from(ours.as_bytes().ct_eq(theirs.as_bytes())) {
        return Err(Error::InvalidState);
    }
    let session = state.session(scope, shown.tenant_id);
    let mut who = standing(state, &session, shown.user_id).await?;
    who.identity_id = text("identity").and_then(|id| id.parse().ok());
    let provider = text("provider").unwrap_or_default();
    enter(state, scope, &who, provider, device).await
}

/// What somebody is asked who is known in several tenants.
pub(super) async fn choice(
    state: &IdentityState,
    scope: &Scope,
    all: &[StandingRow],
    provider: &str,
) -> Result<Error, Error> {
    let Some(first) = all.first() else {
        return Ok(GONE);
    };
    let options = all.iter().map(
        |who| json!({"tenant": who.tenant_id.get(), "user": who.id, "identity": who.identity_id}),
    );
    let payload = json!({"provider": provider, "options": options.collect::<Vec<_>>()});
    let session = state.session(scope, first.tenant_id);
    let mut batch = Batch::new();
    let purpose = Purpose::TenantChoice;
    let token = issue(state, &session, first.id, purpose, payload, &mut batch)?;
    session.batch(batch).await?;
    let tenants = all.iter();
    let tenants = tenants.map(|who| (who.tenant_slug.clone(), who.tenant_name.clone()));
    Ok(Error::TenantChoice(Box::new(TenantChoice {
        tenants: tenants.collect(),
        token,
    })))
}

/// The session in the tenant that somebody has chosen, by slug or number.
///
/// # Errors
///
/// [`Error::BadRequest`] for a token that does not count; [`Error::Fields`] for a tenant that was not to choose from, after
/// which the token still counts.
pub(crate) async fn choose(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
    name: &str,
    device: &Device,
) -> Result<Granted, Error> {
    let tenant = tenant::named(state, name).await?;
    let wanted = tenant.map_or(TenantId::PLATFORM, |tenant| tenant.id);
    let (provider, chosen) = state
        .platform(scope)
        .transaction(async |session: Session| {
            let shown = consume(state, &session, token, Purpose::TenantChoice).await?;
            let payload = shown.payload.0;
            let options = payload.get("options").and_then(Value::as_array);
            let mut options = options.into_iter().flatten();
            let chosen = options
                .find(|option| option.get("tenant").and_then(Value::as_i64) == Some(wanted.get()));
            let chosen = chosen.cloned().ok_or_else(|| {
                let message = "must be one of those that were offered";
                Error::Fields(vec![FieldError::new("tenant", "unknown", message)])
            })?;
            let provider = payload.get("provider").and_then(Value::as_str);
            Ok::<_, Error>((provider.unwrap_or_default().to_owned(), chosen))
        })
        .await?;
    let id = |name: &str| chosen.get(name).and_then(Value::as_str)?.parse().ok();
    let user = id("user").ok_or(GONE)?;
    let session = state.session(scope, wanted);
    let mut who = standing(state, &session, UserId(user)).await?;
    who.identity_id = id("identity");
    enter(state, scope, &who, &provider, device).await
}

async fn standing(
    state: &IdentityState,
    session: &Session,
    user: UserId,
) -> Result<StandingRow, Error> {
    let now = state.clock.now();
    let found = Identities(session).standing(user, now).await?;
    found.ok_or(GONE)
}
