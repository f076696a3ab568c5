//! The providers that somebody can sign in with.

use brisk_core::Scope;
use brisk_db::Session;
use serde_json::Value;
use uuid::Uuid;

use crate::error::Error;
use crate::logic::audit::entry;
use crate::logic::me::own;
use crate::model::audit::Device;
use crate::model::oauth::Identity;
use crate::state::IdentityState;
use crate::store::identity::{Identities, IdentityRow};

impl From<IdentityRow> for Identity {
    fn from(row: IdentityRow) -> Self {
        let provider = row.profile.0.get("provider").and_then(Value::as_str);
        Self {
            id: row.id,
            provider: provider.unwrap_or_default().to_owned(),
            email: row.email,
            linked_at: row.linked_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// The caller's own.
///
/// # Errors
///
/// [`Error::NotFound`] for callers that have no account here.
pub(crate) async fn identities(
    state: &IdentityState,
    scope: &Scope,
) -> Result<Vec<Identity>, Error> {
    let (id, _) = own(scope.principal())?;
    let session = state.db.session(scope.clone());
    let rows = Identities(&session).list(id).await?;
    Ok(rows.into_iter().map(Identity::from).collect())
}

/// Takes one of them away, unless nothing would be left to sign in with.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Conflict`].
pub(crate) async fn unlink(
    state: &IdentityState,
    scope: &Scope,
    which: Uuid,
    device: &Device,
) -> Result<(), Error> {
    let (id, _) = own(scope.principal())?;
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let identities = Identities(&session);
            // Two at once would each see the other's as what is left.
            identities.lock(id).await?;
            let others = identities.count_other_ways(id, which).await?;
            if identities.delete(id, which).await? == 0 {
                return Err(Error::NotFound { what: "identity" });
            }
            if others == 0 {
                return Err(Error::Conflict {
                    field: "id",
                    detail: "this is the only way left to sign in; set a password or link another provider first",
                });
            }
            let entry = entry(&session, "identity.unlinked", device).on("identity", which);
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(())
        })
        .await
}
