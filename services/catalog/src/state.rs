//! What the handlers of the service share.

use std::ops::Deref;
use std::sync::Arc;

use brisk_cache::Caches;
use brisk_core::{Clock, Scope};
use brisk_db::{Asked, CursorKey, Db, Session};
use brisk_http::{Answers, Problem};

use crate::logic::audit::Audit;
use crate::logic::list::Lists;
use crate::rights;

/// The parts of the running service. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct CatalogState(Arc<Parts>);

/// See [`CatalogState`].
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) lists: Lists,
    pub(crate) audit: Audit,
    /// Pages of lists as they go out, by the name of the list.
    pub(crate) pages: Answers<(&'static str, Asked)>,
    /// Single rows as they go out, by the name of the list that they stand in.
    pub(crate) rows: Answers<(&'static str, i64, Asked)>,
}

impl CatalogState {
    pub(crate) fn new(db: &Db, clock: &Clock, cursors: CursorKey, audit: Audit) -> Self {
        let caches = Caches::of(db);
        Self(Arc::new(Parts {
            db: db.clone(),
            clock: clock.clone(),
            lists: Lists::new(&caches, cursors),
            audit,
            pages: Answers::new(&caches, "catalog.page"),
            rows: Answers::new(&caches, "catalog.row"),
        }))
    }

    /// A session of somebody who may do this in the tenant of the scope.
    ///
    /// # Errors
    ///
    /// 403 with the permission that is missing.
    pub(crate) fn session(&self, scope: Scope, may: &'static str) -> Result<Session, Problem> {
        rights::permit(&scope, may)?;
        Ok(self.db.session(scope))
    }
}

impl Deref for CatalogState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
