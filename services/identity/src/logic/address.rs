//! Addresses are proved, and changed.

use brisk_core::{FindingKind, Scope};
use brisk_db::{Batch, Session};

use crate::error::Error;
use crate::logic::audit::entry;
use crate::logic::mail::Errand;
use crate::logic::one_time::VOID;
use crate::logic::recovery::noted;
use crate::logic::user::taken;
use crate::logic::{me, tenant, throttle};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::secret::hash;
use crate::state::IdentityState;
use crate::store::addressee::Addressees;
use crate::store::one_time::{OneTimeRow, OneTimeTokens};
use crate::store::system::AllTenants;
use crate::store::user::Users;

/// Has the mail that proves an address sent once more to somebody who has signed in; nothing where it is proved.
///
/// # Errors
///
/// [`Error::NotFound`] for callers who have no account here; [`Error::TooManyAttempts`].
pub(crate) async fn ask_again(
    state: &IdentityState,
    scope: &Scope,
    device: &Device,
) -> Result<(), Error> {
    let (user, _) = me::own(scope.principal())?;
    let (now, most) = (state.clock.now(), state.settings.mail_requests_per_hour);
    let session = state.db.session(scope.clone());
    throttle::mails_from(&session, &state.ids, device.ip, most, now).await?;
    let job = Errand::Proof { user }.job(state, session.tenant())?;
    let job = job.dedup(format!("proof {user}"));
    state.queue.enqueue(&session, vec![job]).await?;
    Ok(())
}

/// Uses the token of a mail: the address it was sent to is its reader's. A token that was asked for to change the address
/// changes it. Shown again within its life it says the same again.
///
/// # Errors
///
/// [`VOID`]; [`Error::Conflict`] where somebody else in the tenant has the new address by now.
pub(crate) async fn verify(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
    device: &Device,
) -> Result<(), Error> {
    let session = state.platform(scope);
    let is_done = session
        .transaction(async |session: Session| {
            let proofs = AllTenants(&session);
            let found = proofs.consume_proof(hash(token), state.clock.now());
            match found.await? {
                None => Ok(false),
                Some(row) if is_change(&row) => change(state, &session, &row, device).await,
                Some(row) => prove(state, &session, &row, device).await,
            }
        })
        .await?;
    if is_done {
        return Ok(());
    }
    again(state, scope, token).await
}

/// Whether a token was asked for to take another address.
fn is_change(token: &OneTimeRow) -> bool {
    token.payload.0.get("to").is_some()
}

fn note(action: &'static str, row: &OneTimeRow, device: &Device) -> Entry {
    let actor = Actor {
        user: Some(row.user_id.0),
        ..Actor::default()
    };
    Entry::new(action, row.tenant_id, actor, device.clone()).on("user", row.user_id)
}

/// Whether the address was still the one that the token was sent to.
async fn prove(
    state: &IdentityState,
    session: &Session,
    row: &OneTimeRow,
    device: &Device,
) -> Result<bool, Error> {
    let session = session.for_tenant(row.tenant_id);
    let (now, email) = (state.clock.now(), noted(row, "email")?);
    if !Users(&session)
        .verify_email(row.user_id, email, now)
        .await?
    {
        return Ok(false);
    }
    let entry = note("user.email_verified", row, device);
    state.audit.with(&session, entry).await?;
    Ok(true)
}

/// Whether the address was still the one that was to be left.
async fn change(
    state: &IdentityState,
    session: &Session,
    row: &OneTimeRow,
    device: &Device,
) -> Result<bool, Error> {
    let session = session.for_tenant(row.tenant_id);
    let (now, from) = (state.clock.now(), noted(row, "email")?);
    let to = Email::parse(noted(row, "to")?).ok_or(VOID)?;
    let typed = to.typed.clone();
    let users = Users(&session);
    let moved = users.move_email(row.user_id, from, to, now).await;
    if !moved.map_err(taken)? {
        return Ok(false);
    }
    // What was sent to the old address counts no more.
    OneTimeTokens(&session)
        .supersede_all(row.user_id, now)
        .await?;
    let entry = note("user.email_changed", row, device).change("email", from, typed);
    state.audit.with(&session, entry).await?;
    Ok(true)
}

/// Passes for a token that did its work before.
async fn again(state: &IdentityState, scope: &Scope, token: &str) -> Result<(), Error> {
    let platform = state.platform(scope);
    let proofs = AllTenants(&platform);
    let shown = proofs.shown_proof(hash(token), state.clock.now()).await?;
    let shown = shown.ok_or(VOID)?;
    let done = if is_change(&shown) { "to" } else { "email" };
    let session = state.session(scope, shown.tenant_id).expecting(
        FindingKind::SerialReads,
        "whom a token belongs to is known once it was looked at",
    );
    let email = Email::parse(noted(&shown, done)?).ok_or(VOID)?;
    let who = Addressees(&session).get(shown.user_id).await?.ok_or(VOID)?;
    let is_done = who.email_norm == email.norm && who.email_verified_at.is_some();
    let was_used = shown.consumed_at.is_some();
    (is_done && was_used).then_some(()).ok_or(VOID)
}

/// Asks for another address. It counts once somebody shows that it reads the mails there; the old one is told.
///
/// # Errors
///
/// [`Error::InvalidCredentials`], which counts as a guess; [`Error::Fields`]; [`Error::TooManyAttempts`].
pub(crate) async fn ask_for_another(
    state: &IdentityState,
    scope: &Scope,
    new: &str,
    password: &str,
    device: &Device,
) -> Result<(), Error> {
    let rules = tenant::rules(state, scope.tenant()).await?;
    let wrong = |code, message: &'static str| Error::field("new_email", code, message);
    let to = Email::parse(new);
    let to = to.ok_or_else(|| wrong("invalid_email", "must be an e-mail address"))?;
    if !rules.admits(&to) {
        return Err(wrong(
            "domain_not_allowed",
            "the tenant does not take addresses of this domain",
        ));
    }
    let known = me::confirm_password(state, scope, password, device).await?;
    if to.typed == known.row.email {
        return Err(wrong("unchanged", "is the address that you have"));
    }
    let user = known.id;
    let tenant = scope.tenant();
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let jobs = vec![
                Errand::NewAddress {
                    user,
                    to: to.typed.clone(),
                }
                .job(state, tenant)?,
                Errand::AddressLeft {
                    user,
                    to: known.row.email.clone(),
                }
                .job(state, tenant)?,
            ];
            let mut batch = Batch::new();
            state.queue.add(&mut batch, jobs);
            let asked = entry(&session, "user.email_change_requested", device).on("user", user);
            state.audit.add(&mut batch, [asked]);
            session.batch(batch).await?;
            // It was no guess.
            throttle::unlock(&session, &known.email).await?;
            Ok(())
        })
        .await
}
