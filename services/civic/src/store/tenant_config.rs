//! What each tenant has set: a document and its version.

use brisk_core::TenantId;
use brisk_db::{Error, FromRow, Json, Session, statements};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The document as it was set, without the defaults.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ConfigRow {
    pub(crate) version: i64,
    pub(crate) data: Json<Value>,
}

statements! {
    prefix "civic.tenant_config";

    /// The tenant's document.
    pub(crate) GET(tenant: TenantId) -> Option<ConfigRow>
        = "SELECT version, data FROM civic_tenant_config WHERE tenant_id = $1";

    /// Writes the document where the version is still `expected` (0: no row), and counts the version up; no row when
    /// somebody else was first.
    pub(crate) UPDATE(tenant: TenantId, data: Json<Value>, now: Timestamp, expected: i64) -> Option<i64>
        = "INSERT INTO civic_tenant_config (tenant_id, version, data, updated_at) VALUES ($1, 1, $2, $3)
           ON CONFLICT (tenant_id) DO UPDATE
             SET version = civic_tenant_config.version + 1, data = excluded.data, updated_at = excluded.updated_at
             WHERE civic_tenant_config.version = $4
           RETURNING version";
}

/// Everything asked of `civic_tenant_config`; each statement filters by the session's tenant.
pub(crate) struct TenantConfigs<'a>(pub(crate) &'a Session);

impl TenantConfigs<'_> {
    /// The document and its version; a tenant that never set anything has an empty one of version 0.
    pub(crate) async fn get(&self) -> Result<(i64, Value), Error> {
        let row = self.0.run(&GET, (self.0.tenant(),)).await?;
        Ok(row.map_or_else(
            || (0, Value::Object(Map::new())),
            |row| (row.version, row.data.0),
        ))
    }

    /// The new version, or `None` when the document is no longer of version `expected`.
    pub(crate) async fn update(
        &self,
        data: Value,
        expected: i64,
        now: Timestamp,
    ) -> Result<Option<i64>, Error> {
        let params = (self.0.tenant(), Json(data), now, expected);
        self.0.run(&UPDATE, params).await
    }
}
