//! What the handlers of the service share.

use std::sync::Arc;

use brisk_auth::{Keys, TenantDirectory};
use brisk_core::Clock;
use brisk_db::{CursorKey, Db};

use crate::settings::Settings;

/// The state of the service's routes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CivicState {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) cursor: CursorKey,
    pub(crate) settings: Arc<Settings>,
    pub(crate) tenants: TenantDirectory,
    pub(crate) keys: Keys,
}

impl CivicState {
    /// The state over a migrated database.
    pub fn new(
        db: Db,
        clock: Clock,
        cursor: CursorKey,
        tenants: TenantDirectory,
        keys: Keys,
    ) -> Self {
        Self {
            settings: Arc::new(Settings::new(db.clone(), clock.clone(), tenants.clone())),
            db,
            clock,
            cursor,
            tenants,
            keys,
        }
    }
}
