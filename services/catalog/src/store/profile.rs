//! Profiles.

use brisk_cache::{Policy, Tier, cached_tiered};
use brisk_core::TenantId;
use brisk_db::{Error, Json, One, Session, statements};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::profile::{NewProfile, Profile};

/// Kept by each node and shared by all of them, until the row changes.
const KEPT: Policy = Policy::rows().tier(Tier::Nodes);

statements! {
    prefix "catalog.profile";

    /// One profile.
    GET(tenant: TenantId, user: String) -> Option<Profile>
        = "SELECT user_id, display_name, email, preferences, updated_at FROM catalog_profiles
           WHERE tenant_id = $1 AND user_id = $2";

    /// Writes all of a profile, whether there is one or not.
    PUT(
        tenant: TenantId, user: String, display_name: Option<String>, email: Option<String>, preferences: Json<Map<String, Value>>,
        now: Timestamp,
    ) -> One<Profile>
        = "INSERT INTO catalog_profiles (tenant_id, user_id, display_name, email, preferences, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (tenant_id, user_id) DO UPDATE SET display_name = excluded.display_name, email = excluded.email,
             preferences = excluded.preferences, updated_at = excluded.updated_at
           RETURNING user_id, display_name, email, preferences, updated_at";
}

/// Everything asked of `catalog_profiles`; each statement filters by the session's tenant.
pub(crate) struct Profiles<'a>(pub(crate) &'a Session);

impl Profiles<'_> {
    pub(crate) async fn get(&self, user: String) -> Result<Option<Profile>, brisk_cache::Error> {
        let found = cached_tiered!(self.0, GET, (self.0.tenant(), user), KEPT).await?;
        Ok(found.into_inner())
    }

    pub(crate) async fn put(
        &self,
        user: String,
        new: NewProfile,
        now: Timestamp,
    ) -> Result<Profile, Error> {
        let tenant = self.0.tenant();
        let preferences = Json(new.preferences);
        let params = (tenant, user, new.display_name, new.email, preferences, now);
        self.0.run(&PUT, params).await
    }
}
