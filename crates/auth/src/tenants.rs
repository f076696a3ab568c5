//! The table of tenants, and the cached look-up before it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{Db, HookGuard, Json, Session};

use crate::error::Error;
use crate::fresh::Fresh;
use crate::statements;
use crate::tenant::{NewTenant, Tenant, check};

/// How long a remembered tenant counts; bounds what another program's change takes to be seen.
const FRESH: Duration = Duration::from_secs(5);

/// Look-ups that are remembered at most, of each of the three ways.
const REMEMBERED: usize = 10_000;

/// Every statement on tenants. Whose right it is to call these is decided before.
#[derive(Debug)]
pub struct Tenants<'a> {
    session: &'a Session,
    directory: &'a TenantDirectory,
}

impl<'a> Tenants<'a> {
    /// The table as seen by `session`; writes end what `directory` remembers, after their commit.
    pub const fn new(session: &'a Session, directory: &'a TenantDirectory) -> Self {
        Self { session, directory }
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
        self.written();
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
        self.written();
        changed.map_err(taken)
    }

    fn written(&self) {
        let directory = self.directory.clone();
        self.session.on_commit(move || directory.forget());
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
/// Bounded. An answer, also that there is no such tenant, counts until the change stream tells of a write, by whomever.
/// Where the stream is not trusted it counts for 5 s at most, and only this process' own writes are seen at once.
#[derive(Clone, Debug)]
pub struct TenantDirectory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    session: Session,
    by_id: Fresh<TenantId, Found>,
    by_slug: Fresh<Arc<str>, Found>,
    by_jurisdiction: Fresh<Arc<str>, Found>,
    _hook: HookGuard,
}

impl Inner {
    fn forget(&self) {
        self.by_id.forget();
        self.by_slug.forget();
        self.by_jurisdiction.forget();
    }
}

impl TenantDirectory {
    /// An empty directory.
    pub fn new(db: &Db, clock: &Clock) -> Self {
        let stream = db.changes();
        Self(Arc::new_cyclic(|this: &Weak<Inner>| {
            let this = this.clone();
            let hook = stream.on_change_of(&["brisk_tenants"], move |_| {
                if let Some(this) = this.upgrade() {
                    this.forget();
                }
            });
            Inner {
                session: db.session(Scope::platform("tenants")),
                by_id: Fresh::new(REMEMBERED, FRESH, clock.clone(), Some(stream.clone())),
                by_slug: Fresh::new(REMEMBERED, FRESH, clock.clone(), Some(stream.clone())),
                by_jurisdiction: Fresh::new(REMEMBERED, FRESH, clock.clone(), Some(stream.clone())),
                _hook: hook,
            }
        }))
    }

    /// One tenant.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database is asked and cannot answer.
    pub async fn get(&self, id: TenantId) -> Result<Option<Arc<Tenant>>, Error> {
        let load = async || Ok(self.table().get(id).await?.map(Arc::new));
        self.0.by_id.get(&id, load).await
    }

    /// One tenant, by its slug.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database is asked and cannot answer.
    pub async fn by_slug(&self, slug: &str) -> Result<Option<Arc<Tenant>>, Error> {
        let load = async || Ok(self.table().by_slug(slug).await?.map(Arc::new));
        // Longer than any slug: not worth an entry.
        if slug.len() > 63 {
            return Ok(None);
        }
        self.0.by_slug.get(&slug.into(), load).await
    }

    /// One tenant, by its name in Open311.
    ///
    /// # Errors
    ///
    /// [`Error::Db`] when the database is asked and cannot answer.
    pub async fn by_jurisdiction(&self, jurisdiction: &str) -> Result<Option<Arc<Tenant>>, Error> {
        let load = async || {
            Ok(self
                .table()
                .by_jurisdiction(jurisdiction)
                .await?
                .map(Arc::new))
        };
        if jurisdiction.len() > 255 {
            return Ok(None);
        }
        self.0.by_jurisdiction.get(&jurisdiction.into(), load).await
    }

    /// Forgets everything; the next look-up asks the database.
    pub fn forget(&self) {
        self.0.forget();
    }

    fn table(&self) -> Tenants<'_> {
        Tenants::new(&self.0.session, self)
    }
}
