//! The second factor: an authenticator app, and recovery codes for when it is lost.

use brisk_core::Scope;
use brisk_db::{Batch, Session};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::audit::entry;
use crate::logic::login::{self, Seen, may_come, room};
use crate::logic::me::own;
use crate::logic::one_time;
use crate::logic::rights::subject;
use crate::logic::session::{Granted, Proven, start};
use crate::logic::throttle;
use crate::model::audit::Device;
use crate::model::one_time::Purpose;
use crate::model::totp;
use crate::state::IdentityState;
use crate::store::one_time::OneTimeRow;
use crate::store::throttle::SETTLE;
use crate::store::totp::{SecondFactors, TotpRow};
use crate::store::user::{self, Users};

/// What is remembered between the password and the code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    /// The address that was typed, in its normal form.
    pub(crate) email: String,
    /// The device's name.
    pub(crate) label: Option<String>,
}

/// Gives out what is to be shown with the code, after the right password. The answer is an error since nobody is in yet.
pub(crate) async fn challenge(
    state: &IdentityState,
    session: &Session,
    user: UserId,
    challenge: &Challenge,
    better_hash: Option<String>,
) -> Error {
    let give = async {
        let mut batch = Batch::new();
        let payload = serde_json::json!(challenge);
        let purpose = Purpose::MfaChallenge;
        let token = one_time::issue(state, session, user, purpose, payload, &mut batch)?;
        if let Some(hash) = better_hash {
            batch.run(&user::BETTER_HASH, (session.tenant(), user, hash));
        }
        session.batch(batch).await?;
        Ok(token)
    };
    give.await
        .map_or_else(|error| error, |mfa_token| Error::MfaRequired { mfa_token })
}

/// A second factor that somebody shows.
pub(crate) struct Shown<'a> {
    pub(crate) mfa_token: &'a str,
    /// Of the app, or a recovery code.
    pub(crate) code: &'a str,
    pub(crate) device: &'a Device,
}

/// A session, and the address that signed in.
pub(crate) struct SignedIn {
    pub(crate) granted: Granted,
    pub(crate) email: String,
}

/// Begins a session for somebody who has shown the password before and shows a code now.
///
/// # Errors
///
/// [`Error::InvalidToken`] where too much time has passed since the password; [`Error::InvalidCode`];
/// [`Error::TooManyAttempts`]; the refusals of [`login`](login::login).
pub(crate) async fn sign_in(
    state: &IdentityState,
    scope: &Scope,
    shown: Shown<'_>,
) -> Result<SignedIn, Error> {
    const AGAIN: Error = Error::InvalidToken("sign in with the password again");
    let purpose = Purpose::MfaChallenge;
    let found = one_time::look(state, scope, shown.mfa_token, purpose).await;
    let row = match found {
        Ok(row) if row.consumed_at.is_none() => row,
        Ok(_) | Err(Error::BadRequest(_)) => return Err(AGAIN),
        Err(e) => return Err(e),
    };
    let challenge = Challenge::deserialize(&row.payload.0).map_err(|_unreadable| AGAIN)?;
    let seen: Seen = Some((row.tenant_id, row.user_id));
    let is_recovery = totp::recovery_hash(row.user_id.0, shown.code).is_some();
    let factor = if is_recovery { "recovery_code" } else { "totp" };
    let outcome = finish(state, scope, &shown, &row, challenge.label).await;
    login::note(state, seen, outcome.as_ref(), factor, shown.device);
    Ok(SignedIn {
        granted: outcome?,
        email: challenge.email,
    })
}

async fn finish(
    state: &IdentityState,
    scope: &Scope,
    shown: &Shown<'_>,
    row: &OneTimeRow,
    label: Option<String>,
) -> Result<Granted, Error> {
    let user = row.user_id;
    let now = state.clock.now();
    let session = state.session(scope, row.tenant_id);
    // Counted before the code is looked at, so that a hundred guesses at once are a hundred.
    throttle::reserve_code(&session, &state.ids, user, now).await?;
    let (users, factors) = (Users(&session), SecondFactors(&session));
    let (candidate, app) = brisk_db::together((users.candidate(user, now), factors.get(user)))
        .await
        .all()
        .map_err(brisk_db::Failed::into_first)?;
    let (Some(candidate), Some(app)) = (candidate, app) else {
        return Err(Error::InvalidCode);
    };
    may_come(state, &candidate)?;
    let code = judge(state, &session, user, &app, shown.code, now).ok_or(Error::InvalidCode)?;
    let proven = Proven {
        tenant: row.tenant_id,
        user,
        epoch: candidate.token_epoch,
        amr: vec!["pwd", "otp"],
        device: shown.device.clone(),
        label,
        better_hash: None,
    };
    session
        .transaction(async |session: Session| {
            let purpose = Purpose::MfaChallenge;
            one_time::consume(state, &session, shown.mfa_token, purpose).await?;
            if !use_code(&session, user, &code, now).await? {
                return Err(Error::InvalidCode);
            }
            throttle::unlock_code(&session, user).await?;
            start(state, &session, &proven, room(state, &candidate)).await
        })
        .await
}

/// A code that may be right; using it decides.
#[derive(Clone, Copy, Debug)]
enum Code {
    /// Of the app, for this step.
    Step(i64),
    /// One of those for when the app is lost.
    Recovery([u8; 32]),
}

fn judge(
    state: &IdentityState,
    session: &Session,
    user: UserId,
    app: &TotpRow,
    code: &str,
    now: Timestamp,
) -> Option<Code> {
    if let Some(hash) = totp::recovery_hash(user.0, code) {
        return Some(Code::Recovery(hash));
    }
    let secret = state
        .sealer
        .open(&name(session, user), &app.secret_enc)
        .or_else(|| {
            tracing::error!(%user, "the secret of a second factor does not open; was the master key changed?");
            None
        })?;
    totp::step(&secret, code, now, app.last_step).map(Code::Step)
}

async fn use_code(
    session: &Session,
    user: UserId,
    code: &Code,
    now: Timestamp,
) -> Result<bool, brisk_db::Error> {
    let factors = SecondFactors(session);
    match *code {
        Code::Step(step) => factors.use_step(user, step).await,
        Code::Recovery(hash) => factors.use_recovery_code(user, hash, now).await,
    }
}

/// The name under which somebody's secret is sealed.
fn name(session: &Session, user: UserId) -> Vec<u8> {
    format!("totp/{}/{user}", session.tenant().get()).into_bytes()
}

/// What an app is told.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Enrolled {
    /// The secret in base 32, for typing.
    pub(crate) secret: String,
    /// The same as an address, for a picture.
    pub(crate) otpauth_uri: String,
}

/// Begins with an app: it counts once a code of it was shown.
///
/// # Errors
///
/// [`Error::Conflict`] where there is one already; [`Error::NotFound`] for callers without an account.
pub(crate) async fn enroll(
    state: &IdentityState,
    scope: &Scope,
    device: &Device,
) -> Result<Enrolled, Error> {
    let (user, _) = own(scope.principal())?;
    let mut secret = zeroize::Zeroizing::new([0_u8; totp::SECRET]);
    getrandom::fill(&mut *secret)?;
    let session = state.db.session(scope.clone());
    let sealed = state.sealer.seal(&name(&session, user), &*secret)?;
    let account = session
        .transaction(async |session: Session| {
            let found = Users(&session).get(user).await?;
            let found = found.ok_or(Error::NotFound { what: "account" })?;
            let now = state.clock.now();
            let sealed = sealed.clone();
            if !SecondFactors(&session).enroll(user, sealed, now).await? {
                return Err(Error::Conflict {
                    field: "totp",
                    detail: "there is an authenticator app already; remove it first",
                });
            }
            let note = entry(&session, "mfa.enrolled", device).on("user", user);
            state.audit.with(&session, note).await?;
            Ok::<_, Error>(found.email)
        })
        .await?;
    Ok(Enrolled {
        secret: totp::typed(&secret),
        otpauth_uri: totp::address(&secret, &account),
    })
}

/// Takes the app by its first code, and gives recovery codes out.
///
/// # Errors
///
/// [`Error::Fields`] for a code that the app does not show now; [`Error::Conflict`] where there is nothing to confirm;
/// [`Error::TooManyAttempts`].
pub(crate) async fn confirm(
    state: &IdentityState,
    scope: &Scope,
    code: &str,
    device: &Device,
) -> Result<Vec<String>, Error> {
    const NOTHING: Error = Error::Conflict {
        field: "totp",
        detail: "there is no authenticator app that waits to be confirmed",
    };
    let (user, _) = own(scope.principal())?;
    let session = state.db.session(scope.clone());
    let now = state.clock.now();
    throttle::reserve_code(&session, &state.ids, user, now).await?;
    let app = SecondFactors(&session).get(user).await?;
    let app = app
        .filter(|app| app.confirmed_at.is_none())
        .ok_or(NOTHING)?;
    let Some(Code::Step(step)) = judge(state, &session, user, &app, code, now) else {
        let message = "is not the code that the app shows now";
        return Err(Error::field("code", "invalid_code", message));
    };
    let codes = (0..totp::RECOVERY_CODES).map(|_| totp::recovery_code());
    let codes = codes.collect::<Result<Vec<_>, _>>()?;
    let hashes = codes
        .iter()
        .filter_map(|code| totp::recovery_hash(user.0, code));
    let hashes: Vec<_> = hashes.collect();
    session
        .transaction(async |session: Session| {
            let factors = SecondFactors(&session);
            if !factors.confirm(user, step, now).await? {
                return Err(NOTHING);
            }
            let mut batch = Batch::new();
            factors.replace_recovery_codes(user, hashes.clone(), &mut batch);
            let (scope, key) = throttle::code_key(session.tenant(), user);
            batch.run(&SETTLE, (scope, key.to_vec()));
            let note = entry(&session, "mfa.confirmed", device).on("user", user);
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(codes)
}

/// Where somebody stands with its second factor.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Standing {
    /// Whether a code is asked for when signing in.
    pub(crate) enabled: bool,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) confirmed_at: Option<Timestamp>,
    /// Recovery codes that were not used.
    pub(crate) recovery_codes: i64,
}

/// The caller's own second factor.
///
/// # Errors
///
/// [`Error::NotFound`] for callers without an account.
pub(crate) async fn standing(state: &IdentityState, scope: &Scope) -> Result<Standing, Error> {
    let (user, _) = own(scope.principal())?;
    let session = state.db.session(scope.clone());
    let app = SecondFactors(&session).get(user).await?;
    let app = app.filter(|app| app.confirmed_at.is_some());
    Ok(Standing {
        enabled: app.is_some(),
        confirmed_at: app.as_ref().and_then(|app| app.confirmed_at),
        recovery_codes: app.map_or(0, |app| app.recovery_codes),
    })
}

/// Takes the caller's own second factor away.
///
/// # Errors
///
/// [`Error::NotFound`] where there is none.
pub(crate) async fn remove(
    state: &IdentityState,
    scope: &Scope,
    device: &Device,
) -> Result<(), Error> {
    let (user, _) = own(scope.principal())?;
    take(state, &state.db.session(scope.clone()), user, device).await
}

/// Takes away the second factor of somebody who has lost it.
///
/// # Errors
///
/// [`Error::NotFound`] for nobody, and where there is none; [`Error::Lacks`] for somebody who may more than the caller.
pub(crate) async fn remove_of(
    state: &IdentityState,
    scope: &Scope,
    user: UserId,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            subject(&session, user).await?;
            take(state, &session, user, device).await
        })
        .await
}

async fn take(
    state: &IdentityState,
    session: &Session,
    user: UserId,
    device: &Device,
) -> Result<(), Error> {
    session
        .transaction(async |session: Session| {
            if !SecondFactors(&session).delete(user).await? {
                return Err(Error::NotFound {
                    what: "second factor",
                });
            }
            let note = entry(&session, "mfa.removed", device).on("user", user);
            state.audit.with(&session, note).await?;
            Ok(())
        })
        .await
}
