//! Signing in with a password.

use brisk_auth::TenantStatus;
use brisk_core::{Scope, TenantId};
use metrics::counter;

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::mfa;
use crate::logic::session::{Granted, Proven, Room, start};
use crate::logic::throttle::{self, Guess};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::tenant_rules::TenantRules;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::system::{AllTenants, CandidateRow};

/// What somebody shows.
pub(crate) struct Credentials<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
    /// The tenant's slug or number.
    pub(crate) tenant: Option<&'a str>,
    pub(crate) label: Option<String>,
    pub(crate) device: &'a Device,
    /// The device's own name, where it has signed in before.
    pub(crate) known_device: Option<&'a str>,
}

/// Begins a session for somebody with the right password.
///
/// One path for all: a try is counted, who it may be is read, a password is hashed (a made-up one where there is nobody), and
/// only then anything is decided. Five statements and one hash.
///
/// # Errors
///
/// [`Error::InvalidCredentials`] whatever was wrong; [`Error::AccountDisabled`], [`Error::TenantSuspended`] and
/// [`Error::EmailNotVerified`] after the right password; [`Error::MfaRequired`] where a code has to follow;
/// [`Error::TooManyAttempts`].
pub(crate) async fn login(
    state: &IdentityState,
    scope: &Scope,
    credentials: Credentials<'_>,
) -> Result<Granted, Error> {
    let device = credentials.device;
    let mut seen = None;
    let outcome = try_login(state, scope, credentials, &mut seen).await;
    note(state, seen, outcome.as_ref(), "password", device);
    outcome
}

/// Whom a sign-in is about, as far as that is known.
pub(crate) type Seen = Option<(TenantId, UserId)>;

/// Counts a sign-in and writes it into the audit log. One that waits for a second factor is neither a success nor a failure
/// yet, and what went wrong with us says nothing of anybody.
pub(crate) fn note(
    state: &IdentityState,
    seen: Seen,
    outcome: Result<&Granted, &Error>,
    factor: &'static str,
    device: &Device,
) {
    let result = match outcome {
        Ok(_) => "ok",
        Err(Error::InvalidCredentials | Error::InvalidCode) => "wrong",
        Err(Error::TooManyAttempts { .. }) => "throttled",
        Err(Error::AccountDisabled | Error::TenantSuspended | Error::EmailNotVerified) => "refused",
        Err(Error::MfaRequired { .. }) => "mfa",
        Err(_) => "error",
    };
    counter!("brisk_identity_login_total", "result" => result).increment(1);
    if matches!(result, "error" | "mfa") {
        return;
    }
    let tenant = seen.map(|(tenant, _)| tenant);
    let user = seen.map(|(_, user)| user.0);
    let actor = Actor {
        user: user.filter(|_| outcome.is_ok()),
        session: outcome.ok().map(|granted| granted.session_id.0),
        client: None,
    };
    let action = if outcome.is_ok() {
        "login.ok"
    } else {
        "login.failed"
    };
    let place = tenant.unwrap_or(TenantId::PLATFORM);
    let mut entry = Entry::new(action, place, actor, device.clone());
    entry.tenant = tenant;
    if let Some(user) = user {
        entry = entry.on("user", user);
    }
    let entry = entry.with("result", result).with("factor", factor);
    state.audit.note(if outcome.is_ok() {
        entry
    } else {
        entry.denied()
    });
}

async fn try_login(
    state: &IdentityState,
    scope: &Scope,
    credentials: Credentials<'_>,
    seen: &mut Seen,
) -> Result<Granted, Error> {
    let platform = state.platform(scope);
    let (tenant, is_unknown) = match credentials.tenant {
        None => (None, false),
        Some(name) => {
            let tenant = crate::logic::tenant::named(state, name).await?;
            (tenant.as_ref().map(|tenant| tenant.id), tenant.is_none())
        }
    };
    // Whatever was typed is counted and looked up, also where it cannot be an address: the answer takes as long.
    let norm = Email::parse(credentials.email).map_or_else(
        || credentials.email.trim().to_lowercase(),
        |email| email.norm,
    );
    let now = state.clock.now();
    let ip = credentials.device.ip;
    let guess = Guess {
        email: &norm,
        tenant,
        ip,
        device: credentials.known_device,
    };
    throttle::reserve(&platform, &state.ids, guess, now).await?;
    let found = AllTenants(&platform).candidates(&norm, tenant, now).await?;
    let candidate = match found.as_slice() {
        [only] if !is_unknown => Some(only.clone()),
        _ => None,
    };
    *seen = candidate.as_ref().map(|c| (c.tenant_id, c.id));
    let stored = candidate.as_ref().and_then(|c| c.password_hash.as_deref());
    let verdict = state.passwords.verify(stored, credentials.password).await?;
    let Some(candidate) = candidate.filter(|_| verdict.ok) else {
        throttle::failed(&platform, &state.ids, ip, now).await?;
        return Err(Error::InvalidCredentials);
    };
    may_come(state, &candidate)?;
    let better_hash = if verdict.needs_rehash {
        Some(state.passwords.hash(credentials.password).await?)
    } else {
        None
    };
    let session = state.session(scope, candidate.tenant_id);
    if candidate.has_totp {
        let label = credentials.label;
        let challenge = mfa::Challenge { email: norm, label };
        return Err(mfa::challenge(state, &session, candidate.id, &challenge, better_hash).await);
    }
    let proven = Proven {
        tenant: candidate.tenant_id,
        user: candidate.id,
        epoch: candidate.token_epoch,
        amr: vec!["pwd"],
        device: credentials.device.clone(),
        label: credentials.label,
        better_hash,
    };
    start(state, &session, &proven, room(state, &candidate)).await
}

/// How many sessions somebody may have, by the rules of its tenant or else by ours.
pub(crate) fn room(state: &IdentityState, candidate: &CandidateRow) -> Room {
    let own = TenantRules::of(&candidate.settings.0);
    let usual = state.settings.sessions_max_per_user;
    Room {
        live: candidate.sessions,
        most: own.sessions_max_per_user.unwrap_or(usual),
    }
}

/// What is said only to somebody who is proven.
pub(crate) fn may_come(state: &IdentityState, candidate: &CandidateRow) -> Result<(), Error> {
    match candidate.tenant_status {
        TenantStatus::Active => {}
        TenantStatus::Suspended => return Err(Error::TenantSuspended),
        TenantStatus::Deleting => return Err(Error::InvalidCredentials),
    }
    match candidate.status {
        UserStatus::Active => {}
        UserStatus::Invited | UserStatus::Disabled => return Err(Error::AccountDisabled),
    }
    if state.settings.require_verified_email && candidate.email_verified_at.is_none() {
        return Err(Error::EmailNotVerified);
    }
    Ok(())
}
