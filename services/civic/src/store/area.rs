//! The tenant's areas.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, One, Session, statements};
use jiff::Timestamp;
use serde_json::Value;

use super::Slice;
use crate::model::setup::{AreaFields, Box4};

/// One area with all that is stored of it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct AreaRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) code: Option<String>,
    pub(crate) parent_id: Option<i64>,
    pub(crate) boundary: Option<Json<Value>>,
    pub(crate) created_at: Timestamp,
}

/// One area of a list, whose boundary may be too long to repeat there.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct AreaLine {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) code: Option<String>,
    pub(crate) parent_id: Option<i64>,
    pub(crate) min_lat: Option<f64>,
    pub(crate) max_lat: Option<f64>,
    pub(crate) min_lon: Option<f64>,
    pub(crate) max_lon: Option<f64>,
    pub(crate) created_at: Timestamp,
}

/// An area and the one around it.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct AreaParent {
    pub(crate) id: i64,
    pub(crate) parent_id: Option<i64>,
}

statements! {
    prefix "civic.area";

    /// One area of the tenant.
    pub(crate) GET(tenant: TenantId, id: i64) -> Option<AreaRow>
        = "SELECT id, name, code, parent_id, boundary, created_at FROM civic_areas WHERE tenant_id = $1 AND id = $2";

    /// The same, kept from other writers until the transaction ends.
    pub(crate) GET_FOR_UPDATE(tenant: TenantId, id: i64) -> Option<AreaRow>
        = "SELECT id, name, code, parent_id, boundary, created_at FROM civic_areas
           WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        sqlite "SELECT id, name, code, parent_id, boundary, created_at FROM civic_areas WHERE tenant_id = $1 AND id = $2";

    /// All areas with their boundaries, for the settings that every node keeps.
    pub(crate) LIST(tenant: TenantId) -> Vec<AreaRow>
        = "SELECT id, name, code, parent_id, boundary, created_at FROM civic_areas WHERE tenant_id = $1 ORDER BY id";

    /// Who is around whom; few columns, since all rows are read. Locked, so that two changes cannot close a circle.
    pub(crate) PARENTS(tenant: TenantId) -> Vec<AreaParent>
        = "SELECT id, parent_id FROM civic_areas WHERE tenant_id = $1 ORDER BY id FOR UPDATE",
        sqlite "SELECT id, parent_id FROM civic_areas WHERE tenant_id = $1 ORDER BY id";

    /// A page in the order of keys.
    pub(crate) PAGE(tenant: TenantId, after: i64, limit: i64, skip: i64) -> Vec<AreaLine>
        = "SELECT id, name, code, parent_id, min_lat, max_lat, min_lon, max_lon, created_at FROM civic_areas
           WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4";

    /// How many there are.
    pub(crate) COUNT(tenant: TenantId) -> One<i64> = "SELECT count(*) AS n FROM civic_areas WHERE tenant_id = $1";

    /// A new area.
    pub(crate) INSERT(
        tenant: TenantId, name: String, code: Option<String>, parent_id: Option<i64>, boundary: Option<Json<Value>>,
        min_lat: Option<f64>, max_lat: Option<f64>, min_lon: Option<f64>, max_lon: Option<f64>, created_at: Timestamp,
    ) -> One<i64>
        = "INSERT INTO civic_areas
             (tenant_id, name, code, parent_id, boundary, min_lat, max_lat, min_lon, max_lon, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";

    /// All that can be changed.
    pub(crate) UPDATE(
        tenant: TenantId, id: i64, name: String, code: Option<String>, parent_id: Option<i64>,
        boundary: Option<Json<Value>>, min_lat: Option<f64>, max_lat: Option<f64>, min_lon: Option<f64>,
        max_lon: Option<f64>,
    ) -> Affected
        = "UPDATE civic_areas SET name = $3, code = $4, parent_id = $5, boundary = $6,
             min_lat = $7, max_lat = $8, min_lon = $9, max_lon = $10
           WHERE tenant_id = $1 AND id = $2";

    /// Refused by the schema while a report, an issue or an inner area refers to it.
    pub(crate) DELETE(tenant: TenantId, id: i64) -> Affected
        = "DELETE FROM civic_areas WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `civic_areas`; each statement filters by the session's tenant.
pub(crate) struct Areas<'a>(pub(crate) &'a Session);

impl Areas<'_> {
    pub(crate) async fn get(&self, id: i64) -> Result<Option<AreaRow>, Error> {
        self.0.run(&GET, (self.0.tenant(), id)).await
    }

    pub(crate) async fn get_for_update(&self, id: i64) -> Result<Option<AreaRow>, Error> {
        self.0.run(&GET_FOR_UPDATE, (self.0.tenant(), id)).await
    }

    pub(crate) async fn list(&self) -> Result<Vec<AreaRow>, Error> {
        self.0.run(&LIST, (self.0.tenant(),)).await
    }

    pub(crate) async fn parents(&self) -> Result<Vec<AreaParent>, Error> {
        self.0.run(&PARENTS, (self.0.tenant(),)).await
    }

    pub(crate) async fn page(&self, slice: Slice) -> Result<Vec<AreaLine>, Error> {
        let params = (self.0.tenant(), slice.after, slice.limit, slice.skip);
        self.0.run(&PAGE, params).await
    }

    pub(crate) async fn count(&self) -> Result<i64, Error> {
        self.0.run(&COUNT, (self.0.tenant(),)).await
    }

    pub(crate) async fn insert(
        &self,
        area: AreaFields,
        bounds: Option<Box4>,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let params = (
            self.0.tenant(),
            area.name,
            area.code,
            area.parent_id,
            area.boundary.map(Json),
            bounds.map(|b| b.min_lat),
            bounds.map(|b| b.max_lat),
            bounds.map(|b| b.min_lon),
            bounds.map(|b| b.max_lon),
            now,
        );
        self.0.run(&INSERT, params).await
    }

    pub(crate) async fn update(
        &self,
        id: i64,
        area: AreaFields,
        bounds: Option<Box4>,
    ) -> Result<u64, Error> {
        let params = (
            self.0.tenant(),
            id,
            area.name,
            area.code,
            area.parent_id,
            area.boundary.map(Json),
            bounds.map(|b| b.min_lat),
            bounds.map(|b| b.max_lat),
            bounds.map(|b| b.min_lon),
            bounds.map(|b| b.max_lon),
        );
        self.0.run(&UPDATE, params).await
    }

    pub(crate) async fn delete(&self, id: i64) -> Result<u64, Error> {
        self.0.run(&DELETE, (self.0.tenant(), id)).await
    }
}
