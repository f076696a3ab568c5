//! Who may come in, and whose sessions end.

use brisk_core::Scope;
use brisk_db::{Batch, Session};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::logic::audit::entry;
use crate::logic::rights::{NO_USER, keep_an_owner, subject};
use crate::logic::throttle;
use crate::model::audit::Device;
use crate::model::email::Email;
use crate::model::session::RevokeReason;
use crate::model::user::{UserDetail, UserStatus};
use crate::state::IdentityState;
use crate::store::session::{self, SessionRow, Sessions};
use crate::store::user_admin::{self, UserAdmin};

/// No session: all of them end.
const NONE: SessionId = SessionId(Uuid::nil());

/// Lets somebody in; twice is as once.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Lacks`].
pub(crate) async fn activate(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    device: &Device,
) -> Result<UserDetail, Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            let mut detail = subject(&session, id).await?.detail;
            let before = detail.user.status;
            if before == UserStatus::Active {
                return Ok(detail);
            }
            let now = state.clock.now();
            let mut batch = Batch::new();
            batch.run(&user_admin::ACTIVATE, (session.tenant(), id, now));
            let note = entry(&session, "user.activated", device).on("user", id);
            let note = note.change("status", before.as_str(), UserStatus::Active.as_str());
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await?;
            detail.user.status = UserStatus::Active;
            detail.user.is_active = true;
            detail.user.updated_at = now;
            Ok(detail)
        })
        .await
}

/// Locks somebody out and ends its sessions at once; twice is as once.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Lacks`], [`Error::LastOwner`].
pub(crate) async fn deactivate(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    device: &Device,
) -> Result<UserDetail, Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            let found = subject(&session, id).await?;
            let before = found.detail.user.status;
            if before == UserStatus::Disabled {
                return Ok(found.detail);
            }
            keep_an_owner(&session, &found).await?;
            let mut detail = found.detail;
            let now = state.clock.now();
            let tenant = session.tenant();
            let mut batch = Batch::new();
            batch.run(&user_admin::DISABLE, (tenant, id, now));
            let reason = RevokeReason::UserDisabled;
            batch.run(&session::REVOKE_ALL, (tenant, id, NONE, reason, now));
            let note = entry(&session, "user.deactivated", device).on("user", id);
            let note = note.change("status", before.as_str(), UserStatus::Disabled.as_str());
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await?;
            detail.user.status = UserStatus::Disabled;
            detail.user.is_active = false;
            detail.user.updated_at = now;
            Ok(detail)
        })
        .await
}

/// Takes somebody out of the tenant: its sessions end, its address is free, its row stays for a while.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Lacks`], [`Error::LastOwner`].
pub(crate) async fn delete(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            UserAdmin(&session).lock().await?;
            let found = subject(&session, id).await?;
            keep_an_owner(&session, &found).await?;
            let now = state.clock.now();
            let tenant = session.tenant();
            let mut batch = Batch::new();
            batch.run(&user_admin::DELETE, (tenant, id, now));
            let reason = RevokeReason::UserDisabled;
            batch.run(&session::REVOKE_ALL, (tenant, id, NONE, reason, now));
            batch.run(&user_admin::TAKE_ROLES_BUT, (tenant, id, Vec::new()));
            batch.run(&user_admin::DELETE_IDENTITIES, (tenant, id));
            batch.run(&user_admin::DELETE_ONE_TIME_TOKENS, (tenant, id));
            let note = entry(&session, "user.deleted", device).on("user", id);
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await?;
            Ok(())
        })
        .await
}

/// Forgets the wrong guesses at somebody's password.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn unlock(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let found = UserAdmin(&session).get(id).await?.ok_or(NO_USER)?;
            let email = found.detail.user.email;
            let norm = Email::parse(&email).map_or(email, |email| email.norm);
            throttle::unlock(&session, &norm).await?;
            throttle::unlock_code(&session, id).await?;
            let note = entry(&session, "user.unlocked", device).on("user", id);
            state.audit.with(&session, note).await?;
            Ok(())
        })
        .await
}

/// Somebody's live sessions, the one used last first.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn sessions(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
) -> Result<Vec<SessionRow>, Error> {
    let session = state.db.session(scope.clone());
    let (users, sessions) = (UserAdmin(&session), Sessions(&session));
    let reads = (users.exists(id), sessions.page(id, state.clock.now()));
    let (is_there, rows) = brisk_db::together(reads)
        .await
        .all()
        .map_err(brisk_db::Failed::into_first)?;
    if is_there { Ok(rows) } else { Err(NO_USER) }
}

/// Ends all sessions of somebody.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Lacks`].
pub(crate) async fn end_sessions(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            subject(&session, id).await?;
            let mut batch = Batch::new();
            let (tenant, now) = (session.tenant(), state.clock.now());
            let reason = RevokeReason::Admin;
            batch.run(&session::REVOKE_ALL, (tenant, id, NONE, reason, now));
            let note = entry(&session, "session.all_ended", device).on("user", id);
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await?;
            Ok(())
        })
        .await
}
