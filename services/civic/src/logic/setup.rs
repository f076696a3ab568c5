//! What setting a tenant up needs: its session, the settings that a change makes stale, and the clock.

use std::sync::Arc;

use brisk_core::{Clock, TenantId};
use brisk_db::{Constraint, Session};

use crate::error::Error;
use crate::settings::{Settings, TenantSettings};

/// One caller's work on the setup of one tenant, whose right to it was checked before.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) session: Session,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
}

impl Setup {
    pub(crate) fn tenant(&self) -> TenantId {
        self.session.tenant()
    }

    pub(crate) async fn current(&self) -> Result<Arc<TenantSettings>, Error> {
        self.settings.of(self.tenant()).await
    }
}

/// Which rule of the schema a write broke, if that is why it failed.
pub(super) fn broken(error: &Error) -> Option<Constraint> {
    match error {
        Error::Db(brisk_db::Error::Constraint { constraint, .. }) => Some(*constraint),
        _ => None,
    }
}

/// Refuses the row that would be one too many; every node keeps them all in memory.
pub(super) fn room(count: i64, most: i64, what: &'static str) -> Result<(), Error> {
    if count < most {
        Ok(())
    } else {
        Err(Error::TooMany { what, most })
    }
}
