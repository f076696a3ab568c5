//! Tokens that are used once: given out, shown again.

use brisk_core::Scope;
use brisk_db::{Batch, Json, Session};
use serde_json::Value;

use crate::error::Error;
use crate::ids::UserId;
use crate::model::one_time::Purpose;
use crate::model::secret::{Secret, hash};
use crate::model::session::later;
use crate::state::IdentityState;
use crate::store::one_time::{NewOneTimeRow, OneTimeRow, OneTimeTokens};
use crate::store::system::AllTenants;

/// What stands before a one-time token.
const PREFIX: &str = "bot_";

/// What is said of a token that cannot be used, whatever the reason.
pub(crate) const VOID: Error = Error::BadRequest("the token is invalid or expired");

/// Adds a token for somebody of the session's tenant to what is about to be written; all earlier ones of the same purpose
/// end. `payload` is what [`consume`] answers with it.
///
/// # Errors
///
/// When the system gives no random bytes.
pub(crate) fn issue(
    state: &IdentityState,
    session: &Session,
    user: UserId,
    purpose: Purpose,
    payload: Value,
    batch: &mut Batch,
) -> Result<Secret, Error> {
    let token = Secret::random(PREFIX)?;
    let now = state.clock.now();
    let row = NewOneTimeRow {
        id: state.ids.uuid(),
        tenant_id: session.tenant(),
        user_id: user,
        purpose,
        token_hash: token.hash().to_vec(),
        payload: Json(payload),
        created_at: now,
        expires_at: later(now, purpose.life()),
    };
    OneTimeTokens::insert(row, batch);
    Ok(token)
}

/// Uses a token, once: of any number of callers one gets it. In a transaction, what goes wrong afterwards gives it back.
///
/// # Errors
///
/// [`VOID`] for a token that is unknown, used, taken back, too old or for another purpose.
pub(crate) async fn consume(
    state: &IdentityState,
    session: &Session,
    token: &str,
    purpose: Purpose,
) -> Result<OneTimeRow, Error> {
    let now = state.clock.now();
    let found = AllTenants(session)
        .consume_one_time(hash(token), purpose, now)
        .await?;
    found.ok_or(VOID)
}

/// A token within its life, also one that was used.
///
/// # Errors
///
/// [`VOID`] for a token that is unknown, too old or for another purpose.
pub(crate) async fn look(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
    purpose: Purpose,
) -> Result<OneTimeRow, Error> {
    let now = state.clock.now();
    let found = AllTenants(&state.platform(scope))
        .shown_one_time(hash(token), purpose, now)
        .await?;
    found.ok_or(VOID)
}
