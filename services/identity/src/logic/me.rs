//! What people do with their own account.

use std::borrow::Cow;

use brisk_auth::{PasswordRules, Weakness};
use brisk_core::{FieldError, Principal, Scope};
use brisk_db::Session;
use serde_json::Value;

use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::logic::tenant;
use crate::logic::throttle::{self, Guess};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::session::RevokeReason;
use crate::model::tenant_rules::TenantRules;
use crate::model::user::{User, check_full_name, check_metadata, is_locale};
use crate::state::IdentityState;
use crate::store::one_time::OneTimeTokens;
use crate::store::session::Sessions;
use crate::store::user::{PasswordRow, Users};

/// Whether a password may be taken; `own` is what the tenant asks for besides.
///
/// # Errors
///
/// [`Error::WeakPassword`] with every rule that it breaks.
pub(crate) fn check_password(
    state: &IdentityState,
    own: &TenantRules,
    field: &'static str,
    password: &str,
    context: &[&str],
) -> Result<(), Error> {
    let asked = own
        .password_min
        .and_then(|least| usize::try_from(least).ok());
    let rules = PasswordRules {
        shortest: state.settings.password_min.max(asked.unwrap_or_default()),
        legacy_complexity: state.settings.legacy_complexity,
        ..PasswordRules::default()
    };
    let weak = brisk_auth::policy(password, context, &rules);
    if weak.is_empty() {
        return Ok(());
    }
    let fields = weak.into_iter().map(|weakness| {
        let message: Cow<'static, str> = match weakness {
            Weakness::TooShort => {
                format!("must have at least {} characters", rules.shortest).into()
            }
            other => other.message().into(),
        };
        FieldError::new(field, weakness.code(), message)
    });
    Err(Error::WeakPassword(fields.collect()))
}

/// A person of ours who calls.
///
/// # Errors
///
/// [`Error::NotFound`] for keys, machines and people of other issuers: they have no account here.
pub(crate) fn own(caller: &Principal) -> Result<(UserId, SessionId), Error> {
    let session = caller.sign_in.as_ref().and_then(|sign_in| sign_in.session);
    session
        .filter(|_| caller.kind == brisk_core::PrincipalKind::Person)
        .map(|session| (UserId(caller.id), SessionId(session)))
        .ok_or(Error::NotFound { what: "account" })
}

/// What somebody changes about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnChange {
    pub(crate) full_name: Option<String>,
    /// Empty takes it away.
    pub(crate) locale: Option<String>,
    pub(crate) metadata: Option<Value>,
}

/// Changes the caller's own profile.
///
/// # Errors
///
/// [`Error::Fields`] with each that is wrong.
pub(crate) async fn update(
    state: &IdentityState,
    scope: &Scope,
    change: OwnChange,
    device: &Device,
) -> Result<User, Error> {
    let (id, _) = own(scope.principal())?;
    let mut errors = Vec::new();
    if let Some(name) = &change.full_name {
        check_full_name(name, &mut errors);
    }
    if change
        .locale
        .as_deref()
        .is_some_and(|tag| !tag.is_empty() && !is_locale(tag))
    {
        errors.push(FieldError::new(
            "locale",
            "format",
            "must be a language tag such as pt-BR",
        ));
    }
    if let Some(metadata) = &change.metadata {
        check_metadata(metadata, &mut errors);
    }
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let users = Users(&session);
            let before = users
                .get(id)
                .await?
                .ok_or(Error::NotFound { what: "account" })?;
            let mut user = before.clone();
            if let Some(name) = &change.full_name {
                user.full_name = name.trim().to_owned();
            }
            if let Some(locale) = &change.locale {
                user.locale = Some(locale.clone()).filter(|tag| !tag.is_empty());
            }
            if let Some(metadata) = &change.metadata {
                user.metadata.clone_from(metadata);
            }
            let after = users.update_own(user, state.clock.now()).await?;
            let after = after.ok_or(Error::NotFound { what: "account" })?;
            let actor = Actor::of(session.scope().principal());
            let entry = Entry::new("user.updated", after.tenant_id, actor, device.clone())
                .on("user", id)
                .change("full_name", before.full_name, after.full_name.clone());
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(after)
        })
        .await
}

/// The caller, who has shown its password once more.
pub(crate) struct Confirmed {
    pub(crate) id: UserId,
    pub(crate) row: PasswordRow,
    /// The address as it is compared.
    pub(crate) email: String,
}

/// Asks the caller for its password once more. Whoever goes on with it forgets the guess ([`throttle::unlock`]).
///
/// # Errors
///
/// [`Error::InvalidCredentials`], which counts as a guess; [`Error::TooManyAttempts`]; [`Error::NotFound`] for callers who
/// have no account here.
pub(crate) async fn confirm_password(
    state: &IdentityState,
    scope: &Scope,
    current: &str,
    device: &Device,
) -> Result<Confirmed, Error> {
    let (id, _) = own(scope.principal())?;
    let session = state.db.session(scope.clone());
    let now = state.clock.now();
    let row = Users(&session).password(id).await?;
    let row = row.ok_or(Error::NotFound { what: "account" })?;
    let email = Email::parse(&row.email).map_or_else(|| row.email.clone(), |email| email.norm);
    let guess = Guess {
        email: &email,
        tenant: Some(session.tenant()),
        ip: device.ip,
        device: None,
    };
    throttle::reserve(&state.platform(scope), &state.ids, guess, now).await?;
    let verdict = state
        .passwords
        .verify(row.password_hash.as_deref(), current)
        .await?;
    if !verdict.ok {
        throttle::failed(&state.platform(scope), &state.ids, device.ip, now).await?;
        return Err(Error::InvalidCredentials);
    }
    Ok(Confirmed { id, row, email })
}

/// Changes the caller's own password and ends all its other sessions.
///
/// # Errors
///
/// [`Error::InvalidCredentials`], which counts as a guess; [`Error::WeakPassword`]; [`Error::TooManyAttempts`].
pub(crate) async fn change_password(
    state: &IdentityState,
    scope: &Scope,
    current: &str,
    new: &str,
    device: &Device,
) -> Result<(), Error> {
    let (_, own_session) = own(scope.principal())?;
    let Confirmed { id, row, email } = confirm_password(state, scope, current, device).await?;
    let session = state.db.session(scope.clone());
    let own_rules = tenant::rules(state, session.tenant()).await?;
    let context = [email.as_str(), &row.full_name];
    check_password(state, &own_rules, "new_password", new, &context)?;
    let hash = state.passwords.hash(new).await?;
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            // Tokens of other sessions end with their sessions; this session's go on.
            Users(&session)
                .set_password(id, hash.clone(), false, now)
                .await?;
            let sessions = Sessions(&session);
            let reason = RevokeReason::PasswordChange;
            sessions
                .revoke_all(id, Some(own_session), reason, now)
                .await?;
            // Nor does a link that was asked for with the old one open anything.
            OneTimeTokens(&session).supersede_all(id, now).await?;
            let actor = Actor::of(session.scope().principal());
            let entry = Entry::new(
                "user.password_changed",
                session.tenant(),
                actor,
                device.clone(),
            );
            state
                .audit
                .with(&session, entry.on("user", id).secret("password"))
                .await?;
            // It was no guess.
            throttle::unlock(&session, &email).await?;
            Ok::<_, Error>(())
        })
        .await
}

/// Ends the caller's sessions, all or all but its own.
pub(crate) async fn logout_all(
    state: &IdentityState,
    scope: &Scope,
    except_current: bool,
    device: &Device,
) -> Result<(), Error> {
    let (id, own_session) = own(scope.principal())?;
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            let keep = except_current.then_some(own_session);
            if keep.is_none() {
                Users(&session).raise_epoch(id, now).await?;
            }
            let reason = RevokeReason::LogoutAll;
            let ended = Sessions(&session).revoke_all(id, keep, reason, now).await?;
            let actor = Actor::of(session.scope().principal());
            let entry = Entry::new("session.all_ended", session.tenant(), actor, device.clone());
            let entry = entry.on("user", id).with("sessions", ended);
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(())
        })
        .await
}

/// Ends one session of the caller's own.
///
/// # Errors
///
/// [`Error::NotFound`] for a session that is not the caller's, or has ended.
pub(crate) async fn end_session(
    state: &IdentityState,
    scope: &Scope,
    which: SessionId,
    device: &Device,
) -> Result<(), Error> {
    let (id, _) = own(scope.principal())?;
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            let ended = Sessions(&session)
                .revoke(id, which, RevokeReason::Logout, now)
                .await?;
            if ended == 0 {
                return Err(Error::NotFound { what: "session" });
            }
            let actor = Actor::of(session.scope().principal());
            let entry = Entry::new("session.ended", session.tenant(), actor, device.clone());
            state
                .audit
                .with(&session, entry.on("session", which))
                .await?;
            Ok(())
        })
        .await
}
