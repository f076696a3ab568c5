//! A new password for somebody who can read the mails to its address.

use brisk_auth::TenantStatus;
use brisk_core::{FindingKind, Scope};
use brisk_db::Session;

use crate::error::Error;
use crate::logic::one_time::{VOID, consume, look};
use crate::logic::{me, tenant, throttle};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::one_time::Purpose;
use crate::model::session::RevokeReason;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::addressee::{AddresseeRow, Addressees};
use crate::store::one_time::{OneTimeRow, OneTimeTokens};
use crate::store::session::Sessions;
use crate::store::user::Users;

/// A text that was noted with a token.
pub(crate) fn noted<'a>(token: &'a OneTimeRow, name: &str) -> Result<&'a str, Error> {
    token.payload.0[name].as_str().ok_or(VOID)
}

/// Who shows a token that was not used yet, where it has the address still that the token was sent to.
///
/// # Errors
///
/// [`VOID`], [`Error::TenantSuspended`].
pub(crate) async fn holder(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
    purpose: Purpose,
) -> Result<(Session, AddresseeRow), Error> {
    let shown = look(state, scope, token, purpose).await?;
    if shown.consumed_at.is_some() {
        return Err(VOID);
    }
    let session = state.session(scope, shown.tenant_id).expecting(
        FindingKind::SerialReads,
        "whom a token belongs to is known once it was looked at",
    );
    let who = Addressees(&session).get(shown.user_id).await?;
    let who = who.ok_or(VOID)?;
    if noted(&shown, "email")? != who.email_norm {
        return Err(VOID);
    }
    match who.tenant_status {
        TenantStatus::Active => Ok((session, who)),
        TenantStatus::Suspended => Err(Error::TenantSuspended),
        TenantStatus::Deleting => Err(VOID),
    }
}

/// Sets a password for whoever shows the token of a mail. All its sessions and all other tokens that it was sent end, and the
/// address is proved.
///
/// # Errors
///
/// [`VOID`]; [`Error::WeakPassword`], after which the token still counts; [`Error::AccountDisabled`].
pub(crate) async fn reset(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
    new: &str,
    device: &Device,
) -> Result<(), Error> {
    let purpose = Purpose::PasswordReset;
    let (session, who) = holder(state, scope, token, purpose).await?;
    if who.status != UserStatus::Active {
        return Err(Error::AccountDisabled);
    }
    let rules = tenant::rules(state, who.tenant_id).await?;
    let context = [who.email_norm.as_str(), &who.full_name];
    me::check_password(state, &rules, "new_password", new, &context)?;
    let hash = state.passwords.hash(new).await?;
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            consume(state, &session, token, purpose).await?;
            let users = Users(&session);
            let email = &who.email_norm;
            if !users
                .reset_password(who.id, email, hash.clone(), now)
                .await?
            {
                return Err(VOID);
            }
            let reason = RevokeReason::PasswordChange;
            Sessions(&session)
                .revoke_all(who.id, None, reason, now)
                .await?;
            OneTimeTokens(&session).supersede_all(who.id, now).await?;
            let actor = Actor {
                user: Some(who.id.0),
                ..Actor::default()
            };
            let entry = Entry::new("user.password_reset", who.tenant_id, actor, device.clone());
            let entry = entry.on("user", who.id).secret("password");
            state.audit.with(&session, entry).await?;
            // Whoever guessed did not know the new one.
            throttle::unlock(&session, email).await?;
            Ok(())
        })
        .await
}
