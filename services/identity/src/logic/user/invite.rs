//! Somebody who was invited is written to once more.

use brisk_core::Scope;
use brisk_db::{Batch, Session};

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::audit::entry;
use crate::logic::mail::Errand;
use crate::logic::rights::NO_USER;
use crate::model::audit::Device;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::user_admin::UserAdmin;

/// Has an invitation mailed; those before it end when it leaves.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Conflict`] for somebody who has come already.
pub(crate) async fn invite(
    state: &IdentityState,
    scope: &Scope,
    id: UserId,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let found = UserAdmin(&session).get(id).await?.ok_or(NO_USER)?;
            if found.detail.user.status != UserStatus::Invited {
                return Err(Error::Conflict {
                    field: "status",
                    detail: "only somebody who was invited and has not come can be invited again",
                });
            }
            let job = Errand::Invitation { user: id }.job(state, session.tenant())?;
            let mut batch = Batch::new();
            state.queue.add(&mut batch, vec![job]);
            let note = entry(&session, "user.invited", device).on("user", id);
            state.audit.add(&mut batch, [note]);
            session.batch(batch).await?;
            Ok(())
        })
        .await
}
