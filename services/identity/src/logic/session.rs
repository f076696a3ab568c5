//! Sessions begin and end.

use std::time::Duration;

use brisk_auth::NewToken;
use brisk_core::TenantId;
use brisk_db::{Batch, Json, OnConflict, Session};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::ids::{RefreshTokenId, SessionId, UserId};
use crate::model::audit::Device;
use crate::model::secret::{Secret, Successors};
use crate::model::session::{RevokeReason, later};
use crate::settings::OnLimit;
use crate::state::IdentityState;
use crate::store::refresh_token::NewRefreshTokenRow;
use crate::store::session::{NewSessionRow, Sessions};
use crate::store::user;

/// The name of the client in tokens that people get by signing in here.
const CLIENT: &str = "brisk";

/// The longest name that people give a device, in characters.
pub(crate) const LONGEST_LABEL: usize = 100;

/// What a client is given: it can call, and come back for more.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Granted {
    /// What each call carries.
    pub(crate) access_token: String,
    /// What is shown for the next access token; not here where it travels in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// Always `bearer`.
    pub(crate) token_type: &'static str,
    /// Seconds that the access token lives.
    pub(crate) expires_in: i64,
    /// Seconds until the refresh token has to be used.
    pub(crate) refresh_expires_in: i64,
    /// The session.
    pub(crate) session_id: SessionId,
}

/// Somebody who has proved who it is.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) epoch: i64,
    /// How it was proved (RFC 8176).
    pub(crate) amr: Vec<&'static str>,
    pub(crate) device: Device,
    pub(crate) label: Option<String>,
    /// A better hash of the password that was just shown.
    pub(crate) better_hash: Option<String>,
}

/// Adds a session and its first refresh token to what is about to be written, and notes the sign-in at the user.
pub(crate) fn begin(
    state: &IdentityState,
    proven: &Proven,
    batch: &mut Batch,
) -> Result<Granted, Error> {
    let now = state.clock.now();
    let lives = state.settings.lifetimes();
    let id = SessionId(state.ids.uuid());
    let absolute_end = lives.absolute_end(now);
    let idle_end = lives.idle_end(now, absolute_end);
    let refresh = Successors::first()?;
    batch.insert_many(
        vec![NewSessionRow {
            id,
            tenant_id: proven.tenant,
            user_id: proven.user,
            generation: 1,
            auth_time: now,
            amr: Json(json!(proven.amr)),
            user_agent: proven.device.user_agent.clone(),
            ip: proven.device.ip.map(|ip| ip.to_string()),
            device_label: proven.label.clone(),
            created_at: now,
            last_used_at: now,
            idle_expires_at: idle_end,
            absolute_expires_at: absolute_end,
        }],
        OnConflict::Fail,
    );
    batch.insert_many(
        vec![NewRefreshTokenRow {
            id: RefreshTokenId(state.ids.uuid()),
            tenant_id: proven.tenant,
            session_id: id,
            user_id: proven.user,
            token_hash: refresh.hash().to_vec(),
            generation: 1,
            issued_at: now,
            expires_at: idle_end,
        }],
        OnConflict::Fail,
    );
    let better_hash = proven.better_hash.clone();
    // Later than the try that it settles, whatever the clock: see the counters of guesses.
    let at = later(now, Duration::from_micros(1));
    batch.run(
        &user::SIGNED_IN,
        (proven.tenant, proven.user, at, better_hash),
    );
    grant(state, proven, id, now, &refresh, idle_end)
}

/// How many live sessions somebody has, and how many it may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) live: i64,
    pub(crate) most: u32,
}

/// Begins a session, and ends the oldest one where there are too many.
///
/// # Errors
///
/// [`Error::Conflict`] where there are too many and the settings say that none ends for another.
pub(crate) async fn start(
    state: &IdentityState,
    session: &Session,
    proven: &Proven,
    room: Room,
) -> Result<Granted, Error> {
    let most = i64::from(room.most);
    let is_full = room.live >= most;
    if is_full && state.settings.sessions_on_limit == OnLimit::Reject {
        return Err(Error::Conflict {
            field: "sessions",
            detail: "there are as many sessions as one person may have; end one of them",
        });
    }
    if !is_full {
        let mut batch = Batch::new();
        let granted = begin(state, proven, &mut batch)?;
        session.batch(batch).await?;
        return Ok(granted);
    }
    session
        .transaction(async |session: Session| {
            // The batch locks the row of the user first of all others, so that two sign-ins at once count one after the other.
            let mut batch = Batch::new();
            let granted = begin(state, proven, &mut batch)?;
            session.batch(batch).await?;
            let now = state.clock.now();
            Sessions(&session)
                .revoke_oldest(proven.user, most, now)
                .await?;
            Ok::<_, Error>(granted)
        })
        .await
}

fn grant(
    state: &IdentityState,
    proven: &Proven,
    id: SessionId,
    auth_time: Timestamp,
    refresh: &Secret,
    idle_end: Timestamp,
) -> Result<Granted, Error> {
    let amr = proven.amr.iter().map(|&method| method.to_owned()).collect();
    let who = Holder {
        tenant: proven.tenant,
        user: proven.user,
        epoch: proven.epoch,
        session: id,
        auth_time,
        amr,
    };
    issue(state, who, refresh, idle_end)
}

/// Whose token it is.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) epoch: i64,
    pub(crate) session: SessionId,
    pub(crate) auth_time: Timestamp,
    pub(crate) amr: Vec<String>,
}

/// An access token for a session, beside a refresh token that ends at `refresh_end`.
pub(crate) fn issue(
    state: &IdentityState,
    who: Holder,
    refresh: &Secret,
    refresh_end: Timestamp,
) -> Result<Granted, Error> {
    let now = state.clock.now();
    let issued = state.tokens.issue(NewToken {
        subject: who.user.0,
        tenant: who.tenant,
        session: Some(who.session.0),
        client: CLIENT.to_owned(),
        epoch: who.epoch,
        auth_time: who.auth_time,
        amr: who.amr,
        scope: None,
        permissions: Vec::new(),
        ttl: None,
    })?;
    Ok(Granted {
        access_token: issued.text,
        refresh_token: Some(refresh.expose().to_owned()),
        token_type: "bearer",
        expires_in: seconds(now, issued.expires_at),
        refresh_expires_in: seconds(now, refresh_end),
        session_id: who.session,
    })
}

/// Whole seconds from `now` to `end`, rounded up.
fn seconds(now: Timestamp, end: Timestamp) -> i64 {
    let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
    let whole = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    i64::try_from(whole).unwrap_or(i64::MAX)
}

/// Ends one session of a person; whether it was live.
pub(crate) async fn end(
    session: &Session,
    user: UserId,
    id: SessionId,
    reason: RevokeReason,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(Sessions(session).revoke(user, id, reason, now).await? > 0)
}
