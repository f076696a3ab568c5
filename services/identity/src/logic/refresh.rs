//! A refresh token for the next one.

use std::time::Duration;

use brisk_auth::TenantStatus;
use brisk_core::Scope;
use brisk_db::Session;
use metrics::counter;

use crate::error::Error;
use crate::ids::RefreshTokenId;
use crate::logic::mail::Errand;
use crate::logic::session::{Granted, Holder, issue};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::secret::{hash, is_refresh_token};
use crate::model::session::RevokeReason;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::refresh_token::{NewRefreshTokenRow, RefreshTokens};
use crate::store::session::{Sessions, StandingRow};
use crate::store::system::{AllTenants, ShownRow};

/// What the pace of refreshes is counted over.
const MINUTE: Duration = Duration::from_mins(1);

/// How a refresh ended, where it ended well enough to be committed.
enum Ended {
    Granted(Granted),
    /// The client showed a token again whose answer it had lost.
    Again(Granted),
    Refused(Error),
}

/// Exchanges a refresh token.
///
/// One statement decides who uses the token. Whoever comes second is a client that lost its answer, if it comes soon and nothing
/// was done with the successor, and gets the same successor; else somebody has stolen a token, and the session ends.
///
/// # Errors
///
/// [`Error::InvalidRefreshToken`], [`Error::RefreshTokenReused`], [`Error::AccountDisabled`], [`Error::TenantSuspended`];
/// [`Error::TooManyAttempts`] for a session that asks more often than the settings allow, whose token stays good.
pub(crate) async fn refresh(
    state: &IdentityState,
    scope: &Scope,
    presented: &str,
    device: &Device,
) -> Result<Granted, Error> {
    let outcome = try_refresh(state, scope, presented, device).await;
    let result = match &outcome {
        Ok(Ended::Granted(_)) => "ok",
        Ok(Ended::Again(_)) => "retry",
        Ok(Ended::Refused(Error::RefreshTokenReused)) => "reused",
        Ok(Ended::Refused(_)) | Err(Error::InvalidRefreshToken(_)) => "refused",
        Err(Error::TooManyAttempts { .. }) => "throttled",
        Err(_) => "error",
    };
    counter!("brisk_identity_refresh_total", "result" => result).increment(1);
    match outcome? {
        Ended::Granted(granted) | Ended::Again(granted) => Ok(granted),
        Ended::Refused(error) => Err(error),
    }
}

async fn try_refresh(
    state: &IdentityState,
    scope: &Scope,
    presented: &str,
    device: &Device,
) -> Result<Ended, Error> {
    if !is_refresh_token(presented) {
        return Err(Error::InvalidRefreshToken("it has another form"));
    }
    let session = state.platform(scope);
    session
        .transaction(async |session: Session| {
            let now = state.clock.now();
            let tokens = AllTenants(&session);
            if let Some(row) = tokens.consume(hash(presented), now).await? {
                return advance(state, &session.for_tenant(row.tenant_id), &row, presented).await;
            }
            let Some(row) = tokens.shown(hash(presented)).await? else {
                return Err(Error::InvalidRefreshToken("nobody has it"));
            };
            shown_again(
                state,
                &session.for_tenant(row.tenant_id),
                &row,
                presented,
                device,
            )
            .await
        })
        .await
}

/// Gives out the successor of a token that was used just now.
async fn advance(
    state: &IdentityState,
    session: &Session,
    row: &ShownRow,
    presented: &str,
) -> Result<Ended, Error> {
    let now = state.clock.now();
    let pace = state.settings.refresh_limit_per_min;
    let standing = Sessions(session)
        .standing(row.session_id, i64::from(pace))
        .await?;
    let standing = match usable(standing, now) {
        Ok(standing) => standing,
        // The token stays used.
        Err(refusal) => return Ok(Ended::Refused(refusal)),
    };
    if let Some(from) = standing.paced_from.filter(|_| pace > 0) {
        let age = Duration::try_from(now.duration_since(from)).unwrap_or_default();
        let wait = MINUTE.saturating_sub(age);
        if !wait.is_zero() {
            let wait = wait.max(Duration::from_secs(1));
            // Undone with the transaction: the token stays good for later.
            return Err(Error::TooManyAttempts { wait });
        }
    }
    let generation = row.generation + 1;
    let idle_end = state
        .settings
        .lifetimes()
        .idle_end(now, standing.absolute_expires_at);
    let next = state
        .successors
        .next(row.session_id.0, generation, presented);
    let tokens = RefreshTokens(session);
    tokens
        .insert(NewRefreshTokenRow {
            id: RefreshTokenId(state.ids.uuid()),
            tenant_id: row.tenant_id,
            session_id: row.session_id,
            user_id: row.user_id,
            token_hash: next.hash().to_vec(),
            generation,
            issued_at: now,
            expires_at: idle_end,
        })
        .await?;
    Sessions(session)
        .advance(row.session_id, generation, now, idle_end)
        .await?;
    Ok(Ended::Granted(issue(
        state,
        holder(row, &standing),
        &next,
        idle_end,
    )?))
}

/// Judges a token that was used before, or has ended.
async fn shown_again(
    state: &IdentityState,
    session: &Session,
    row: &ShownRow,
    presented: &str,
    device: &Device,
) -> Result<Ended, Error> {
    let now = state.clock.now();
    let Some(consumed_at) = row.consumed_at else {
        return Err(Error::InvalidRefreshToken("it has ended"));
    };
    if row.expires_at <= now {
        return Err(Error::InvalidRefreshToken("it has ended"));
    }
    let standing = Sessions(session).standing(row.session_id, 0).await?;
    let standing = match usable(standing, now) {
        Ok(standing) => standing,
        Err(refusal) => return Ok(Ended::Refused(refusal)),
    };
    let generation = row.generation + 1;
    if generation == standing.generation && state.settings.lifetimes().forgives(consumed_at, now) {
        let successor = RefreshTokens(session)
            .successor(row.session_id, generation)
            .await?;
        if let Some(successor) = successor.filter(|successor| successor.consumed_at.is_none()) {
            let next = state
                .successors
                .next(row.session_id.0, generation, presented);
            if successor.token_hash != next.hash() {
                return Err(Error::InvalidRefreshToken(
                    "the master key is another one now",
                ));
            }
            let granted = issue(state, holder(row, &standing), &next, successor.expires_at)?;
            return Ok(Ended::Again(granted));
        }
    }
    let sessions = Sessions(session);
    sessions
        .revoke(row.user_id, row.session_id, RevokeReason::Reuse, now)
        .await?;
    let actor = Actor {
        user: Some(row.user_id.0),
        session: Some(row.session_id.0),
        client: None,
    };
    let entry = Entry::new(
        "session.reuse_detected",
        row.tenant_id,
        actor,
        device.clone(),
    );
    state
        .audit
        .with(session, entry.on("session", row.session_id).denied())
        .await?;
    let errand = Errand::SessionStolen { user: row.user_id };
    let job = errand.job(state, row.tenant_id)?;
    state.queue.enqueue(session, vec![job]).await?;
    Ok(Ended::Refused(Error::RefreshTokenReused))
}

/// A session that goes on, of somebody who may.
fn usable(standing: Option<StandingRow>, now: jiff::Timestamp) -> Result<StandingRow, Error> {
    let standing = standing.ok_or(Error::InvalidRefreshToken("there is no such session"))?;
    if standing.revoked_at.is_some() {
        return Err(Error::InvalidRefreshToken("the session was ended"));
    }
    if standing.absolute_expires_at <= now {
        return Err(Error::InvalidRefreshToken("the session has ended"));
    }
    if standing.deleted_at.is_some() || standing.status != UserStatus::Active {
        return Err(Error::AccountDisabled);
    }
    match standing.tenant_status {
        TenantStatus::Active => Ok(standing),
        TenantStatus::Suspended => Err(Error::TenantSuspended),
        TenantStatus::Deleting => Err(Error::InvalidRefreshToken("the tenant is being deleted")),
    }
}

fn holder(row: &ShownRow, standing: &StandingRow) -> Holder {
    let amr = standing
        .amr
        .0
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    Holder {
        tenant: row.tenant_id,
        user: row.user_id,
        epoch: standing.token_epoch,
        session: row.session_id,
        auth_time: standing.auth_time,
        amr: amr
            .iter()
            .filter_map(|m| m.as_str().map(str::to_owned))
            .collect(),
    }
}
