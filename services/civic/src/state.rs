//! What the handlers and workers of the service share.

use std::ops::Deref;
use std::sync::Arc;

use brisk_auth::Keys;
use brisk_core::Clock;
use brisk_db::{CursorKey, Db};
use brisk_jobs::Queue;
use tokio_util::task::TaskTracker;

use crate::logic::import::Importer;
use crate::logic::intake::Intake;
use crate::logic::moderation::Moderation;
use crate::logic::workflow::Workflow;
use crate::settings::Settings;

/// The parts of the running service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct CivicState(Arc<Parts>);

/// See [`CivicState`].
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) cursor: CursorKey,
    pub(crate) queue: Queue,
    pub(crate) settings: Arc<Settings>,
    pub(crate) keys: Keys,
    pub(crate) intake: Intake,
    pub(crate) workflow: Workflow,
    pub(crate) moderation: Moderation,
    pub(crate) importer: Importer,
    /// Long work is spawned here, so that the end of the program waits for it.
    pub(crate) tracker: TaskTracker,
}

impl CivicState {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for CivicState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
