//! What the console may show of the service: public figures, read the way the public routes read them.

use std::sync::Arc;

use brisk::Kit;
use brisk_auth::{TenantDirectory, TenantKind, Tenants};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::Db;

use crate::error::Error;
pub use crate::logic::dashboard::{Counts, ScoreFigures, SeriesDay, TenantBrief};
use crate::logic::public;
pub use crate::logic::public::{PublicIssue, PublicShare, PublicView};
use crate::model::score::Period;
use crate::settings::Settings;

/// Places offered for a choice at most.
const PLACES: u32 = 100;

/// Reads what tenants publish. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publication {
    db: Db,
    clock: Clock,
    settings: Arc<Settings>,
    tenants: TenantDirectory,
}

impl Publication {
    /// A reader on the kit.
    pub fn new(kit: &Kit) -> Self {
        let settings = Settings::new(&kit.db, &kit.clock, kit.tenants.clone());
        Self {
            db: kit.db.clone(),
            clock: kit.clock.clone(),
            settings: Arc::new(settings),
            tenants: kit.tenants.clone(),
        }
    }

    /// The first hundred tenants by number, as slug and name; those that publish nothing are left out when they are
    /// asked for.
    ///
    /// # Errors
    ///
    /// What kept the database from answering.
    pub async fn places(&self, scope: &Scope) -> Result<Vec<(String, String)>, Error> {
        let session = self.db.session(scope.for_tenant(TenantId::PLATFORM));
        let tenants = Tenants::new(&session)
            .page(TenantId::PLATFORM, PLACES)
            .await?;
        let cities = tenants.into_iter().filter(|t| t.kind != TenantKind::System);
        Ok(cities.map(|t| (t.slug, t.name)).collect())
    }

    /// The public page of the last thirty days; `None` when there is no such tenant or it publishes nothing.
    ///
    /// # Errors
    ///
    /// What kept the database from answering.
    pub async fn view(&self, scope: &Scope, slug: &str) -> Result<Option<PublicView>, Error> {
        let Some(tenant) = self.tenants.by_slug(slug).await? else {
            return Ok(None);
        };
        let settings = self.settings.of(tenant.id).await?;
        let session = self.db.session(scope.for_tenant(tenant.id));
        Box::pin(public::view(
            &session,
            &settings,
            &self.clock,
            Period::Last30Days,
        ))
        .await
    }
}
