//! People who were invited come.

use brisk_core::{FieldError, Scope};
use brisk_db::{Batch, Session};

use crate::error::Error;
use crate::logic::one_time::{VOID, consume};
use crate::logic::recovery::holder;
use crate::logic::session::{Granted, Proven, begin};
use crate::logic::{me, tenant};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::one_time::Purpose;
use crate::model::user::{UserStatus, check_full_name};
use crate::state::IdentityState;
use crate::store::user::Users;

/// What somebody who comes says.
pub(crate) struct Acceptance<'a> {
    pub(crate) token: &'a str,
    pub(crate) password: &'a str,
    pub(crate) full_name: &'a str,
}

/// Takes an invitation up: somebody has a password from now on, a proved address and its first session. Answers that, and the
/// address.
///
/// # Errors
///
/// [`VOID`]; [`Error::Fields`] and [`Error::WeakPassword`], after which the token still counts.
pub(crate) async fn accept(
    state: &IdentityState,
    scope: &Scope,
    said: Acceptance<'_>,
    device: &Device,
) -> Result<(Granted, String), Error> {
    let purpose = Purpose::Invite;
    let (session, who) = holder(state, scope, said.token, purpose).await?;
    if who.status != UserStatus::Invited {
        return Err(VOID);
    }
    let mut errors: Vec<FieldError> = Vec::new();
    check_full_name(said.full_name, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    let rules = tenant::rules(state, who.tenant_id).await?;
    let name = said.full_name.trim();
    let context = [who.email_norm.as_str(), name, &who.tenant_name];
    me::check_password(state, &rules, "password", said.password, &context)?;
    let hash = state.passwords.hash(said.password).await?;
    let proven = Proven {
        tenant: who.tenant_id,
        user: who.id,
        epoch: who.token_epoch,
        amr: vec!["pwd"],
        device: device.clone(),
        label: None,
        better_hash: None,
    };
    let granted = session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            consume(state, &session, said.token, purpose).await?;
            let users = Users(&session);
            let (email, name) = (&who.email_norm, name.to_owned());
            if !users.accept(who.id, email, hash.clone(), name, now).await? {
                return Err(VOID);
            }
            let mut batch = Batch::new();
            let granted = begin(state, &proven, &mut batch)?;
            let actor = Actor {
                user: Some(who.id.0),
                session: Some(granted.session_id.0),
                client: None,
            };
            let entry = Entry::new(
                "user.invitation_accepted",
                who.tenant_id,
                actor,
                device.clone(),
            );
            let (old, new) = (UserStatus::Invited, UserStatus::Active);
            let entry = entry
                .on("user", who.id)
                .change("status", old.as_str(), new.as_str());
            state.audit.add(&mut batch, [entry]);
            session.batch(batch).await?;
            Ok::<_, Error>(granted)
        })
        .await?;
    Ok((granted, who.email))
}
