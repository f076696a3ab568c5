//! The settings of the tenants that are asked for, kept until they change.

use std::sync::Arc;
use std::time::Duration;

use brisk_auth::{TenantDirectory, TenantStatus};
use brisk_cache::{Cache, Caches, Policy};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{Db, Session};

use super::tenant::TenantSettings;
use crate::error::Error;

/// How long settings are used before they are read again while the change stream is not trusted.
const UNTRUSTED: Duration = Duration::from_secs(1);
/// Memory for all tenants together, in bytes; the least used go first.
const CAPACITY: u64 = 256 * 1024 * 1024;

/// Gives out [`TenantSettings`].
///
/// Settings live until somebody changes a row that they are made of. Callers that miss together share one load.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    session: Session,
    tenants: TenantDirectory,
    cache: Cache<TenantId, Arc<TenantSettings>>,
}

impl Settings {
    /// The settings of the tenants in `db`.
    pub(crate) fn new(db: &Db, clock: &Clock, tenants: TenantDirectory) -> Self {
        // Shared, because a tenant's number is the key here and not who asks.
        let policy = Policy::rows()
            .shared()
            .bytes(CAPACITY)
            .untrusted_for(UNTRUSTED);
        let caches = Caches::of(db).with_clock(clock);
        let weigh = |_: &TenantId, settings: &Arc<TenantSettings>| {
            usize::try_from(settings.weight()).unwrap_or(usize::MAX)
        };
        Self {
            session: db.session(Scope::platform("civic.settings")),
            tenants,
            cache: caches.cache("civic.settings", policy).weigh(weigh).build(),
        }
    }

    /// The settings of `tenant`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when there is no such tenant, [`Error::Stored`] when what it has set no longer fits the rules,
    /// else what kept the database from answering; all but the first inside [`Error::Cache`].
    pub(crate) async fn of(&self, tenant: TenantId) -> Result<Arc<TenantSettings>, Error> {
        let this = self.clone();
        let load = async move |session: Session| {
            let known = this.tenants.within(&session).get(tenant).await?;
            let known = known.ok_or(Error::NotFound { what: "tenant" })?;
            // What did not change is used again: rules and calendars take a while to prepare.
            let previous = this.cache.last(&this.session, &tenant);
            let previous = previous.as_deref().map(Arc::as_ref);
            let session = session.for_tenant(tenant);
            Ok::<_, Error>(Arc::new(
                TenantSettings::load(&session, known, previous).await?,
            ))
        };
        let cached = self.cache.get(&self.session, &tenant, load).await;
        match cached {
            Ok(cached) => Ok(cached.into_inner()),
            // Callers tell this one from the others.
            Err(error) => match error.load_error() {
                Some(Error::NotFound { what }) => Err(Error::NotFound { what }),
                _ => Err(error.into()),
            },
        }
    }

    /// The settings of the tenant with that slug; `None` when there is none, or it is not in use.
    ///
    /// # Errors
    ///
    /// As [`Settings::of`].
    pub(crate) async fn by_slug(&self, slug: &str) -> Result<Option<Arc<TenantSettings>>, Error> {
        match self.tenants.by_slug(slug).await? {
            Some(tenant) if tenant.status == TenantStatus::Active => {
                self.of(tenant.id).await.map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }
}
