//! Signing out.

use brisk_auth::Verified;
use brisk_core::{Scope, TenantId};

use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::logic::session::end;
use crate::model::audit::{Actor, Device, Entry};
use crate::model::secret::{hash, is_refresh_token};
use crate::model::session::RevokeReason;
use crate::state::IdentityState;
use crate::store::system::AllTenants;

/// Ends the session of what is shown: of a refresh token, also one that was used or has ended, or of an access token. Whatever
/// belongs to no session ends none, and nobody hears the difference.
///
/// # Errors
///
/// When the database does not do its part.
pub(crate) async fn logout(
    state: &IdentityState,
    scope: &Scope,
    refresh_token: Option<&str>,
    bearer: Option<&str>,
    device: &Device,
) -> Result<(), Error> {
    let shown = match refresh_token {
        Some(token) => by_refresh_token(state, scope, token).await?,
        None => None,
    };
    let shown = match (shown, bearer) {
        (None, Some(token)) => by_access_token(state, token).await,
        (shown, _) => shown,
    };
    let Some((tenant, user, id)) = shown else {
        return Ok(());
    };
    let session = state.session(scope, tenant);
    session
        .transaction(async |session| {
            let now = state.clock.now();
            if !end(&session, user, id, RevokeReason::Logout, now).await? {
                return Ok(());
            }
            let actor = Actor {
                user: Some(user.0),
                session: Some(id.0),
                client: None,
            };
            let entry = Entry::new("session.ended", tenant, actor, device.clone());
            state.audit.with(&session, entry.on("session", id)).await?;
            Ok::<_, Error>(())
        })
        .await
}

type Shown = (TenantId, UserId, SessionId);

async fn by_refresh_token(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
) -> Result<Option<Shown>, Error> {
    if !is_refresh_token(token) {
        return Ok(None);
    }
    let row = AllTenants(&state.platform(scope))
        .shown(hash(token))
        .await?;
    Ok(row.map(|row| (row.tenant_id, row.user_id, row.session_id)))
}

async fn by_access_token(state: &IdentityState, token: &str) -> Option<Shown> {
    match state.tokens.verify(token).await.ok()?.as_ref() {
        Verified::Own(claims) => {
            let session = SessionId(claims.session?);
            Some((claims.tenant, UserId(claims.subject), session))
        }
        Verified::Foreign(_) => None,
    }
}
