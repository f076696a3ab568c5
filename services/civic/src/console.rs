//! What pages outside of the API show of this service.

use brisk::prelude::*;
use brisk_core::{Clock, Scope};
use brisk_db::Db;

use crate::error::Error;
use crate::logic::public::{self, PublicView};
use crate::model::score::Period;
use crate::settings::Settings;

/// Reads the public pages of tenants, with nothing that the public API would not tell.
#[derive(Debug)]
pub struct PublicPages {
    db: Db,
    clock: Clock,
    settings: Settings,
}

impl PublicPages {
    /// The pages on a kit.
    pub fn new(kit: &Kit) -> Self {
        Self {
            db: kit.db.clone(),
            clock: kit.clock.clone(),
            settings: Settings::new(kit.db.clone(), kit.clock.clone(), kit.tenants.clone()),
        }
    }

    /// The last thirty days of the tenant with that slug; `None` when there is none, or it has no public page.
    ///
    /// Five statements that travel together, beside the settings, which are kept for five seconds.
    ///
    /// # Errors
    ///
    /// What kept the database from answering.
    pub async fn public_view(&self, slug: &str) -> Result<Option<PublicView>, Error> {
        let Some(settings) = self.settings.by_slug(slug).await? else {
            return Ok(None);
        };
        let scope = Scope::system(settings.tenant.id, "civic.public_page");
        let session = self.db.session(scope);
        Box::pin(public::view(
            &session,
            &settings,
            &self.clock,
            Period::default(),
        ))
        .await
    }
}
