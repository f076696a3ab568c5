//! The table of tenants, and the cached look-up before it.

use std::sync::Arc;
use std::time::Duration;

use brisk_cache::{Cache, Caches, Policy};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{Db, FromRow as _, Json, Session};

use crate::error::Error;
use crate::statements;
use crate::tenant::{NewTenant, Tenant, check};

/// How long a remembered tenant counts while the change stream is not trusted.
const UNTRUSTED: Duration = Duration::from_secs(1);

/// Bytes for each of the three ways of looking up: some ten thousand tenants.
const REMEMBERED: u64 = 16 * 1024 * 1024;

/// Every statement on tenants. Whose right it is to call these is decided before.
#[derive(Debug)]
pub struct Tenants<'a> {
    session: &'a Session,
}

impl<'a> Tenants<'a> {
    /// The table as seen by `session`.
    pub const fn new(session: &'a Session) -> Self {
        Self { session }
    }

    /// One tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn get(&self, id: TenantId) -> Result<Option<Tenant>, Error> {
        Ok(self.session.run(&statements::TENANT, (id,)).await?)
    }

    /// One tenant, by its slug.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn by_slug(&self, slug: &str) -> Result<Option<Tenant>, Error> {
        let params = (slug.to_owned(),);
        Ok(self
            .session
            .run(&statements::TENANT_BY_SLUG, params)
            .await?)
    }

    /// One tenant, by its name in Open311.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn by_jurisdiction(&self, jurisdiction: &str) -> Result<Option<Tenant>, Error> {
        let params = (jurisdiction.to_owned(),);
        let statement = &statements::TENANT_BY_JURISDICTION;
        Ok(self.session.run(statement, params).await?)
    }

    /// Tenants with numbers above `after` (0 for the first page), in the order of their numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database cannot answer.
    pub async fn page(&self, after: TenantId, limit: u32) -> Result<Vec<Tenant>, Error> {
        let params = (after, i64::from(limit));
        Ok(self.session.run(&statements::TENANTS, params).await?)
    }

    /// Makes a tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a field that may not be so, [`Error::Taken`] when another tenant has its slug or
    /// jurisdiction.
    pub async fn insert(&self, new: NewTenant, clock: &Clock) -> Result<Tenant, Error> {
        check(
            &new.slug,
            &new.name,
            &new.timezone,
            &new.locale,
            new.jurisdiction_id.as_deref(),
            &new.settings,
        )?;
        let params = (
            new.slug,
            new.name,
            new.kind,
            new.timezone,
            new.locale,
            new.jurisdiction_id,
            Json(new.settings),
            clock.now(),
        );
        let made = self.session.run(&statements::INSERT_TENANT, params).await;
        made.map_err(taken)
    }

    /// Stores a tenant as it is given, apart from `created_at`; `None` when there is none with its number.
    ///
    /// # Errors
    ///
    /// As [`Tenants::insert`].
    pub async fn update(&self, tenant: Tenant, clock: &Clock) -> Result<Option<Tenant>, Error> {
        check(
            &tenant.slug,
            &tenant.name,
            &tenant.timezone,
            &tenant.locale,
            tenant.jurisdiction_id.as_deref(),
            &tenant.settings.0,
        )?;
        let params = (
            tenant.id,
            tenant.slug,
            tenant.name,
            tenant.kind,
            tenant.timezone,
            tenant.locale,
            tenant.jurisdiction_id,
            tenant.status,
            tenant.settings,
            clock.now(),
        );
        let changed = self.session.run(&statements::UPDATE_TENANT, params).await;
        changed.map_err(taken)
    }
}

fn taken(error: brisk_db::Error) -> Error {
    // PostgreSQL names the index, SQLite the column; both contain the column's name.
    match error.unique_rule() {
        Some(rule) if rule.contains("jurisdiction_id") => Error::Taken {
            field: "jurisdiction_id",
        },
        Some(_) => Error::Taken { field: "slug" },
        None => Error::Db(error),
    }
}

type Found = Option<Arc<Tenant>>;

/// The look-up of tenants that requests use; costs no statement while an answer is warm. Cheap to clone.
///
/// Bounded. An answer, also that there is no such tenant, counts until somebody writes to the tenant, whoever it is; for a
/// second at most while the change stream is not trusted.
#[derive(Clone, Debug)]
pub struct TenantDirectory {
    session: Session,
    by_id: Cache<TenantId, Found>,
    by_slug: Cache<Arc<str>, Found>,
    by_jurisdiction: Cache<Arc<str>, Found>,
}

impl TenantDirectory {
    /// The directory of a database.
    pub fn new(db: &Db, clock: &Clock) -> Self {
        let caches = Caches::of(db).with_clock(clock);
        let policy = Policy::rows()
            .shared()
            .bytes(REMEMBERED)
            .untrusted_for(UNTRUSTED);
        let named = |name| {
            caches
                .cache(name, policy)
                .weigh(|key: &Arc<str>, found| key.len() + bytes(found))
        };
        Self {
            session: db.session(Scope::platform("tenants")),
            by_id: caches
                .cache("auth.tenant", policy)
                .weigh(|_, found| bytes(found))
                .build(),
            by_slug: named("auth.tenant_by_slug").build(),
            by_jurisdiction: named("auth.tenant_by_jurisdiction").build(),
        }
    }

    /// The same directory for work that `session` does, so that what is kept of that work depends on the tenant too.
    #[must_use]
    pub fn within(&self, session: &Session) -> Self {
        Self {
            session: session.clone(),
            ..self.clone()
        }
    }

    /// One tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] when the database is asked and cannot answer.
    pub async fn get(&self, id: TenantId) -> Result<Option<Arc<Tenant>>, Error> {
        let load = async move |session| found(Tenants::new(&session).get(id).await);
        Ok(self.by_id.get(&self.session, &id, load).await?.into_inner())
    }

    /// One tenant, by its slug.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] when the database is asked and cannot answer.
    pub async fn by_slug(&self, slug: &str) -> Result<Option<Arc<Tenant>>, Error> {
        // Longer than any slug: not worth an entry.
        if slug.len() > 63 {
            return Ok(None);
        }
        let slug = Arc::<str>::from(slug);
        let wanted = Arc::clone(&slug);
        let load = async move |session| found(Tenants::new(&session).by_slug(&wanted).await);
        Ok(self
            .by_slug
            .get(&self.session, &slug, load)
            .await?
            .into_inner())
    }

    /// One tenant, by its name in Open311.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] when the database is asked and cannot answer.
    pub async fn by_jurisdiction(&self, jurisdiction: &str) -> Result<Option<Arc<Tenant>>, Error> {
        if jurisdiction.len() > 255 {
            return Ok(None);
        }
        let jurisdiction = Arc::<str>::from(jurisdiction);
        let wanted = Arc::clone(&jurisdiction);
        let load =
            async move |session| found(Tenants::new(&session).by_jurisdiction(&wanted).await);
        let cached = self.by_jurisdiction.get(&self.session, &jurisdiction, load);
        Ok(cached.await?.into_inner())
    }
}

fn found(read: Result<Option<Tenant>, Error>) -> Result<Found, Error> {
    Ok(read?.map(Arc::new))
}

fn bytes(found: &Found) -> usize {
    found
        .as_ref()
        .map_or(0, |tenant| size_of::<Tenant>() + tenant.heap_bytes())
}
